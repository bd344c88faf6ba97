"""How far an area depends on the prompts that happened to be drawn: the bootstrap.

1. Draw as many prompts as there are, with replacement; the scores of the draw are the means over it. A run made with
   ``--bootstrap`` holds these means; from scores kept prompt by prompt they are made here.
2. Rank, and compute both areas and Youden's J as for the scores themselves.
3. Do so many times. The interval runs as far below and above the number that all prompts give as the 2.5 % and 97.5 %
   quantiles of the draws lie from their median, and ends at 0 and 1.

The draws are not taken as they are, for their scores are noisier than those of all prompts, and noise makes areas
smaller: where it is large, the number itself would lie outside. In simulations (`tests/evaluation/test_roc.py`) these
intervals cover the mean area of sets of so many prompts 92 to 97 times in 100; quantiles as they are 96 to 100 times,
turned around the number (the "basic" bootstrap) 62 to 85 times.

An interval speaks of the prompts alone: the truth, the model and the kind of prompts are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgewise.errors import ScoreError
from edgewise.evaluation.roc.area import pessimistic, trapezoid, youden
from edgewise.evaluation.roc.curve import counts, require_truth
from edgewise.evaluation.roc.levels import best_edges, entries
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.scores import Ranking

DRAWS = 1000
_QUANTILES = (0.025, 0.5, 0.975)
_AT_ONCE = 4_000_000  # numbers of a chunk of resampled scores: 32 MB


@dataclass(frozen=True)
class RocIntervals:
    """95 % intervals over prompts, each (low, high).

    Args:
        draws: how often prompts were drawn.
        auc: of the trapezoid.
        auc_pessimistic: of ACDC's area.
        youden: of J.
    """

    draws: int
    auc: tuple[float, float]
    auc_pessimistic: tuple[float, float]
    youden: tuple[float, float]


def bootstrap(
    scores: EdgeScores | NodeScores,
    truth: Circuit,
    *,
    level: str = "edge",
    by: Ranking = "abs",
    draws: int = DRAWS,
    seed: int = 0,
) -> RocIntervals | None:
    """Return the intervals of a curve's areas and J over prompts; None for a single prompt.

    Args:
        scores: with the means over resamples (`resampled`), or with `per_prompt`, from which they are made.
        truth: the circuit that is known, on the same graph.
        level: ``"edge"`` or ``"node"``.
        by: what is ranked, see `EdgeScores.ranking`.
        draws: how often prompts are drawn, from `per_prompt`.
        seed: of these; the same seed gives the same intervals.

    Raises:
        ScoreError: scores without either, resamples ranked by mean-abs, or a truth that is all or nothing.
    """
    true = entries(scores.graph, truth, level)
    require_truth(true, true.shape)
    of_edges = isinstance(scores, EdgeScores)
    exists = scores.graph.mask if of_edges else np.ones(scores.graph.n_sources, dtype=np.bool_)
    number, means = _means(scores, exists, by, draws, seed)
    if scores.n_prompts == 1:
        return None
    judge = partial(_judged, scores.graph, exists, true, by, of_edges and level == "node")
    found = np.array([judge(mean) for mean in means])
    low, middle, high = np.quantile(found, _QUANTILES, axis=0)
    here = np.array(judge(number))
    ends = np.clip([here + low - middle, here + high - middle], 0.0, 1.0)
    return RocIntervals(len(found), *((float(a), float(b)) for a, b in ends.T))


def _means(
    scores: EdgeScores | NodeScores, exists: BoolArray, by: Ranking, draws: int, seed: int
) -> tuple[FloatArray, Iterator[FloatArray]]:
    """What all prompts give, `[n_entries]`, and what each resample gives."""
    if scores.resampled is not None:
        if by == "mean-abs":
            raise ScoreError("resamples keep means of the signed score; rank by another, or keep scores by prompt")
        return scores.values[exists].astype(np.float64), iter(scores.resampled[:, exists].astype(np.float64))
    if scores.per_prompt is None:
        raise ScoreError("these scores know nothing of other prompts; score again with --bootstrap or --per-prompt")
    table = scores.per_prompt[:, exists].astype(np.float64)
    table = np.abs(table) if by == "mean-abs" else table
    return table.mean(axis=0), _drawn(table, draws, seed)


def _drawn(table: FloatArray, draws: int, seed: int) -> Iterator[FloatArray]:
    """Means over resamples of the rows of a table, some resamples at a time."""
    rng, n = np.random.default_rng(seed), len(table)
    step = max(1, _AT_ONCE // max(1, table.shape[1]))
    for start in range(0, draws, step):
        yield from (rng.multinomial(n, np.full(n, 1 / n), size=min(step, draws - start)) / n) @ table


def _judged(
    graph: Graph, exists: BoolArray, true: BoolArray, by: Ranking, as_nodes: bool, mean: FloatArray
) -> tuple[float, float, float]:
    """Both areas and J of the means of scores over some prompts."""
    ranks = {"abs": np.abs, "helpful": np.negative}.get(by, np.positive)(mean)
    if as_nodes:
        placed = np.full(exists.shape, np.nan)
        placed[exists] = ranks
        ranks = best_edges(graph, placed)
    _, tp, fp = counts(ranks, true)
    tpr, fpr = tp / tp[-1], fp / fp[-1]
    return trapezoid(fpr, tpr), pessimistic(fpr, tpr), youden(fpr, tpr)[0]
