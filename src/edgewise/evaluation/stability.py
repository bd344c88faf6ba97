"""How far scores and the circuit made of them depend on which prompts there were.

Everything follows from the means over resamples of the prompts (Efron 1979), which scores keep where they were asked
for; intervals and signs also from the standard errors, where they were not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgewise.errors import ScoreError
from edgewise.evaluation.jackknife import student_quantile
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray

# Circuits that overlap by so much count as the same finding (mean pairwise Jaccard, arXiv 2510.00845).
STABLE = 0.8
# More prompts than anybody has.
MOST_PROMPTS = 10_000_000
# Resamples that are enough to tell the overlap for another number of prompts.
ENOUGH = 50

Chooser = Callable[[EdgeScores | NodeScores], Circuit]


@dataclass(frozen=True, eq=False)
class Intervals:
    """The ends of a 95 % interval for each score, in the shape of the scores; NaN where there is no score.

    Args:
        low: lower ends.
        high: upper ends.
    """

    low: FloatArray
    high: FloatArray

    @property
    def sign_is_certain(self) -> BoolArray:
        """Where zero lies outside the interval."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.low > 0) | (self.high < 0), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Stability:
    """How a circuit varies over resamples of the prompts.

    Args:
        n_resamples: how many.
        share: of the resamples whose circuit keeps each edge (or node), in the shape of the scores.
        jaccard: mean over pairs of resamples of |A and B| / |A or B| of their circuits' edges.
        target: an overlap to reach.
        prompts_for_target: about how many prompts it takes; None where ``MOST_PROMPTS`` are too few.
    """

    n_resamples: int
    share: FloatArray
    jaccard: float
    target: float
    prompts_for_target: int | None


def intervals(scores: EdgeScores | NodeScores) -> Intervals:
    """A 95 % interval for the score of each edge (or node), of prompts drawn as these were.

    From resamples of the prompts where scores keep them (`edgewise.attribution.resamples`), else score +- t standard
    errors, t the quantile .975 of Student's t.

    Raises:
        ScoreError: scores of a single prompt, or without either.
    """
    width, n = scores.half_width, scores.n_prompts
    if width is None:
        if n is None or n < 2 or scores.stderr is None:
            raise ScoreError("an interval needs scores of at least 2 prompts, with standard errors or resamples")
        width = student_quantile(0.975, n - 1) * scores.stderr
    return Intervals(scores.values - width, scores.values + width)


def stability(scores: EdgeScores | NodeScores, choose: Chooser, target: float = STABLE) -> Stability:
    """How often an edge is chosen, and how far circuits overlap, when prompts are drawn anew.

    The overlap for another number of prompts N takes each resample's deviation from the mean as ``sqrt(n / N)`` of what
    it is for the n prompts there are.

    Args:
        scores: with resamples.
        choose: from scores to their circuit.
        target: the overlap for which the number of prompts is wanted.

    Raises:
        ScoreError: scores without resamples.
    """
    if scores.resampled is None or scores.n_prompts is None:
        raise ScoreError("these scores keep no resamples of the prompts; score again with --bootstrap 200")
    circuits = [choose(scores.of(one)) for one in scores.resampled]
    kept = [circuit.mask if isinstance(scores, EdgeScores) else circuit.node_mask for circuit in circuits]
    share = np.mean(kept, axis=0)
    return Stability(
        len(circuits), np.asarray(share), mean_jaccard(circuits), target, _prompts_for(scores, choose, target)
    )


def mean_jaccard(circuits: list[Circuit]) -> float:
    """Mean over all pairs of |A and B| / |A or B| of their edges; 1 for two empty ones."""
    edges = np.stack([circuit.mask[circuit.graph.mask] for circuit in circuits]).astype(np.float64)
    both, sizes = edges @ edges.T, edges.sum(1)
    either = sizes[:, None] + sizes[None, :] - both
    overlap = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    pairs = np.triu_indices(len(circuits), k=1)
    return float(overlap[pairs].mean())


def _prompts_for(scores: EdgeScores | NodeScores, choose: Chooser, target: float) -> int | None:
    """The least number of prompts for which the overlap is expected to reach the target, to about 10 %."""
    n, resampled = scores.n_prompts, scores.resampled
    assert n is not None
    assert resampled is not None
    resampled = resampled[:ENOUGH]

    def reaches(prompts: float) -> bool:
        shrunk = scores.values + (resampled - scores.values) * math.sqrt(n / prompts)
        return mean_jaccard([choose(scores.of(one)) for one in shrunk]) >= target

    low, high = 1.0, float(n)
    while not reaches(high):
        low, high = high, high * 4
        if high > MOST_PROMPTS:
            return None
    while high / low > 1.1:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return math.ceil(high)
