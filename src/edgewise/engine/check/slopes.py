"""Slopes of the exact effects of edges, measured from runs in which an edge carries a small share of its change.

With L(h) the metric of a run in which the edge carries ``o_u + h (o'_u - o_u)``, and an error of the order of h⁴:

    D(h) = (L(h) - L(-h)) / (2 h),    slope = (4 D(h) - D(2 h)) / 3

How far D(h) and D(2 h) are apart says how well the measurement itself is resolved: rounding at one end, curvature at
the other.

Where a ReLU opens or a router chooses another expert within the step, this is no slope at all: a kink. It is told from
a wrong score by smaller steps, down to `LEVELS` times a quarter: the slope at the clean run stays what it is, while a
kink comes to lie outside. Where it lies in the clean run itself, the slopes from above and from below stay apart
however small the step, and there is no slope to compare a score with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.run.at_once import most_tokens
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import repeated_cache
from edgewise.engine.run.replacement import Baseline, Replacement, resample
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.metrics import get_metric
from edgewise.models import Model

METRIC = get_metric("logit-diff")
LEVELS, QUARTER = 6, 4
# A jump of the slope is one if it is so many times what each side differs from itself.
APART = 4.0
# Roundings of a forward pass that add up in a logit.
ROUNDINGS = 4

Edge = tuple[int, int]
Done = Callable[[int], None]


@dataclass(frozen=True)
class Slope:
    """A measured slope, and how far its two step sizes are apart."""

    value: float
    doubt: float


@dataclass(frozen=True)
class Sides:
    """Slopes from above and from below, each at a step and at twice that."""

    above: tuple[float, float]
    below: tuple[float, float]

    @property
    def slope(self) -> Slope:
        """Both sides together."""
        near, far = (sum(pair) / 2 for pair in zip(self.above, self.below, strict=True))
        return Slope((4 * near - far) / 3, abs(near - far))

    @property
    def jump(self) -> float:
        """How far the two sides are apart."""
        return abs(self.above[0] - self.below[0])

    @property
    def wobble(self) -> float:
        """How far the sides are from themselves at twice the step."""
        return max(abs(self.above[0] - self.above[1]), abs(self.below[0] - self.below[1]))


class Probe:
    """Measures slopes of one model on some prompts.

    Args:
        model: the model.
        batch: the prompts.
    """

    def __init__(self, model: Model, batch: Batch) -> None:
        """Run the prompts clean and corrupted."""
        self.model, self._batch, self._baseline = model, batch, resample(model, batch)
        self._clean = CleanRun(model, self._baseline)

    @property
    def rounding(self) -> float:
        """What rounding alone may do to the metric: that of the logits it is made of."""
        logits = self._clean.logits
        return torch.finfo(logits.dtype).eps * ROUNDINGS * float(logits.abs().max())

    def sides(self, edges: Sequence[Edge], step: float, done: Done = lambda behind: None) -> list[Sides]:
        """The slopes of each edge's exact effect; the prompts are run side by side with all steps.

        Args:
            edges: source rows and destination columns.
            step: the smaller of the two steps.
            done: told how many edges are behind.
        """
        shares = (step, 2 * step, -step, -2 * step, 0.0)
        patches = SinglePatches(self.model, self._stepped(shares))
        places: dict[object, list[int]] = {}
        for number, (_, column) in enumerate(edges):
            places.setdefault(self.model.graph.reader(column), []).append(number)
        at_once = max(1, most_tokens(self.model.device) // (len(shares) * self._baseline.ids.numel()))
        groups = [mine[i : i + at_once] for mine in places.values() for i in range(0, len(mine), at_once)]
        found, behind = [Sides((math.nan, math.nan), (math.nan, math.nan))] * len(edges), 0
        for numbers in groups:
            for i, logits in zip(numbers, patches.edges([edges[i] for i in numbers]), strict=True):
                wide = logits.to(accumulation_dtype(logits.dtype)).unflatten(0, (len(shares), -1))
                *moved, still = (float(METRIC(one, self._batch.metric).double().mean()) for one in wide)
                slopes = [(to - still) / share for to, share in zip(moved, shares, strict=False)]
                found[i] = Sides((slopes[0], slopes[1]), (slopes[2], slopes[3]))
            behind += len(numbers)
            done(behind)
        return found

    def _stepped(self, shares: Sequence[float]) -> Baseline:
        """The prompts once for each share of its change that a patched edge carries beside what its source writes."""
        baseline, times = self._baseline, len(shares)

        def between(now: Tensor, then: Tensor) -> Tensor:
            wide = accumulation_dtype(now.dtype)
            return torch.cat([torch.lerp(now.to(wide), then.to(wide), share) for share in shares])

        now, then = self._clean.outputs, baseline.replacement
        heads, mlps = (tuple(map(between, a, b)) for a, b in ((now.heads, then.heads), (now.mlps, then.mlps)))
        return Baseline(
            baseline.ids.repeat(times, 1),
            baseline.answers.repeated(times),
            Replacement(between(now.embedding, then.embedding), heads, mlps),
            repeated_cache(baseline.cache, times),
        )


def kinks(
    probe: Probe, edges: Sequence[Edge], scores: Sequence[float], allowed: Sequence[float], step: float
) -> list[bool]:
    """Whether a kink, and no wrong score, keeps each edge's score from the slope measured at a step.

    Args:
        probe: measures.
        edges: whose scores are not their slopes at that step.
        scores: their scores.
        allowed: how far a score may be from the slope, and a slope from itself at another step, where it is resolved.
        step: the smaller of the two steps.
    """
    levels = [probe.sides(edges, step / QUARTER**level) for level in range(1, LEVELS + 1)] if edges else []
    return [
        _outside([sides[i] for sides in levels], scores[i], allowed[i])
        or _within_the_clean_run([sides[i] for sides in levels], allowed[i])
        for i in range(len(edges))
    ]


def _outside(levels: Sequence[Sides], score: float, allowed: float) -> bool:
    """Two steps, one a quarter of the other, both resolve the slope, and it is the score: once might be chance."""
    meets = [abs(one.slope.value - score) <= allowed and one.slope.doubt <= allowed for one in levels]
    return any(first and second for first, second in pairwise(meets))


def _within_the_clean_run(levels: Sequence[Sides], allowed: float) -> bool:
    """At the two smallest steps that are resolved, each side is straight, and the two are apart."""
    resolved = [one for one in levels if one.wobble <= allowed / APART][-2:]
    return len(resolved) == 2 and all(one.jump > allowed + APART * one.wobble for one in resolved)
