"""How far scores agree with exact effects: of all scored edges, or as an estimate from some of them.

Where only a sample was measured, every statistic is that of the whole population, each measured edge standing for as
many as its weight says. Intervals are of 95 % and speak of what was left unmeasured, nothing else:

- correlations and the slope: the jackknife, see `jackknife`, correlations on Fisher's scale atanh(r). A jackknife
  knows only what was drawn, and exact effects have long tails, so there is room for one more: the interval is stretched
  to where the statistic would go if the unmeasured edge of largest score lay as far off the fitted line as the worst of
  all measured.
- shares of edges and top-k recall: exact, from the hypergeometric distribution, see `counts` and `recall`.

In simulations (`tests/evaluation/test_agreement.py`) the exact ones cover the truth at least 95 times in 100, rank
correlations 93 to 97 times, Pearson's and the slope 92 to 99 times; Pearson's 86 times where effects have the tails of
Student's t with 4 degrees of freedom. What none but the exact ones covers: unmeasured edges that are far worse than any
that was measured. The population is the edges on the given prompts; that other prompts would give other effects is
what their standard errors are about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewise.errors import ScoreError, SelectionError
from edgewise.evaluation.counts import interval
from edgewise.evaluation.jackknife import half_width
from edgewise.evaluation.recall import recall
from edgewise.evaluation.sampling import Sample, strongest_first
from edgewise.evaluation.weighted import line, pearson, spearman
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.named import NamedScores

_ALMOST_ONE = 1 - 1e-15
Values = NamedScores | npt.ArrayLike


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; None where it is undefined, and no interval where everything was measured."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, repr=False)
class Agreement:
    """Agreement of the scores with the exact effects, over all that have a score.

    Args:
        population: how many have a score.
        measured: how many were measured; all of them where the numbers are exact.
        k: for the numbers on the first k; None where there is none.
        r2: squared Pearson correlation of exact effect and score, signs included: the share of the variance of exact
            effects that the regression on the scores explains (the paper's section 5.1 and figure 5a).
        slope: of that regression, exact on score: below one, scores exaggerate.
        intercept: of that regression, without an interval.
        pearson: correlation.
        spearman: rank correlation of signed values, equals at their mid-rank.
        spearman_of_sizes: rank correlation of |exact| and |score|.
        sign_agreement: share that has the same sign, nothing being its own.
        sign_agreement_of_top: likewise of the k of largest |score|.
        recall: share of the k of largest |exact| that is among the k of largest |score|; no value, only its interval,
            where some of the latter were left to the lot and it drew none of them.
        notes: why a number is missing, one line each.
    """

    population: int
    measured: int
    k: int | None
    r2: Estimate
    slope: Estimate
    intercept: Estimate
    pearson: Estimate
    spearman: Estimate
    spearman_of_sizes: Estimate
    sign_agreement: Estimate
    sign_agreement_of_top: Estimate
    recall: Estimate
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show how many were measured, and the numbers that say most."""
        shown = {"R2": self.r2, "Spearman": self.spearman, "same sign": self.sign_agreement}
        said = ", ".join(f"{name} {one.value:.3f}" for name, one in shown.items() if one.value is not None)
        return f"Agreement({self.measured:,} of {self.population:,} measured: {said})"

    @property
    def is_exact(self) -> bool:
        """Whether everything was measured."""
        return self.measured == self.population


def agreement(estimated: Values, exact: Values, *, sample: Sample | None = None, k: int | None = None) -> Agreement:
    """Compare scores with exact effects.

    Args:
        estimated: scores of edges or nodes, or plain numbers, of any shape; NaN is left out.
        exact: exact effects of the same shape, in the same units; NaN where not measured.
        sample: how those that were measured were chosen, over the scored ones in their order (see
            `edgewise.evaluation.sampling.draw`); None where all of them were.
        k: how many of the largest count for the recall; None leaves it out.

    Raises:
        ScoreError: shapes that differ, nothing scored, or values missing where the sample has them measured.
        SelectionError: ``k`` below one.

    Example:
        ``agreement(score_edges(model, prompts), patch_edges(model, prompts), k=100).recall.value``
    """
    scores, effects = _flat(estimated), _flat(exact)
    if scores.shape != effects.shape:
        raise ScoreError(f"scores have shape {list(scores.shape)}, exact effects {list(effects.shape)}; give the same")
    known = ~np.isnan(scores)
    x, y = scores[known], effects[known]
    if not len(x):
        raise ScoreError("nothing has a score; there is nothing to compare")
    sample = Sample.all_of(len(x)) if sample is None else sample
    if sample.n != len(x) or np.isnan(y[sample.measured]).any():
        raise ScoreError(
            f"{int((~np.isnan(y)).sum()):,} of {len(x):,} scored entries have a finite exact effect, and"
            f" {int(sample.measured.sum()):,} of {sample.n:,} were said to be measured; measure all, or give `sample`"
        )
    if k is not None and k < 1:
        raise SelectionError(f"k is {k}; give at least 1")
    return _compare(x, y[sample.measured], sample, k)


def _flat(values: Values) -> FloatArray:
    array = values.values if isinstance(values, NamedScores) else values
    return np.asarray(array, dtype=np.float64)


def _compare(scores: FloatArray, y: FloatArray, sample: Sample, k: int | None) -> Agreement:
    x = scores[sample.measured]
    worse = _with_one_worse(scores, x, y, sample)
    slope, intercept = line(x, y, sample.weights)
    slopes = [float(line(*one)[0]) for one in worse]
    linear = _correlation(pearson, x, y, sample, [float(pearson(*one)) for one in worse])
    same = np.sign(x) == np.sign(y)
    top = None if k is None or k >= sample.n else _top(scores, k)
    return Agreement(
        population=sample.n,
        measured=int(sample.measured.sum()),
        k=None if top is None else k,
        r2=_squared(linear),
        slope=_around(float(slope), slopes, half_width(lambda w: line(x, y, w)[0], sample), sample),
        intercept=Estimate(_number(float(intercept))),
        pearson=linear,
        spearman=_correlation(spearman, x, y, sample, []),
        spearman_of_sizes=_correlation(spearman, np.abs(x), np.abs(y), sample, []),
        sign_agreement=_share(same, np.ones(sample.n, dtype=np.bool_), sample),
        sign_agreement_of_top=Estimate(None) if top is None else _share(same, top, sample),
        recall=Estimate(None) if top is None else _recall(y, top, sample),
        notes=_notes(scores, x, y, k),
    )


def _top(scores: FloatArray, k: int) -> BoolArray:
    chosen = np.zeros(len(scores), dtype=np.bool_)
    chosen[strongest_first(np.abs(scores))[:k]] = True
    return chosen


def _recall(y: FloatArray, top: BoolArray, sample: Sample) -> Estimate:
    value, low, high = recall(np.abs(y), top, sample)
    unseen = bool((top & ~sample.certain).any()) and not (top & sample.drawn).any()
    return Estimate(None, low, high) if unseen else _estimate(value, low, high, sample)


def _with_one_worse(
    scores: FloatArray, x: FloatArray, y: FloatArray, sample: Sample
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """The sample with one more: its score as far from zero as any that was left to the lot, drawn or not, and its exact
    effect as far off the line as any measured.
    """
    slope, intercept = (float(value) for value in line(x, y, sample.weights))
    if sample.is_census or np.isnan(slope):
        return []
    far = float(np.abs(scores[~sample.certain]).max())
    off = float(np.abs(y - intercept - slope * x).max())
    places = [(at, intercept + slope * at + by) for at in (-far, far) for by in (-off, off)]
    return [(np.append(x, at), np.append(y, to), np.append(sample.weights, 1.0)) for at, to in places]


def _correlation(
    statistic: Callable[[FloatArray, FloatArray, FloatArray], FloatArray],
    x: FloatArray,
    y: FloatArray,
    sample: Sample,
    worse: list[float],
) -> Estimate:
    """On the scale of atanh, where its spread is even."""

    def scaled(r: FloatArray) -> FloatArray:
        return np.arctanh(np.clip(r, -_ALMOST_ONE, _ALMOST_ONE))

    value = statistic(x, y, sample.weights)
    wide = half_width(lambda w: scaled(statistic(x, y, w)), sample)
    on_scale = _around(float(scaled(value)), scaled(np.array(worse)).tolist(), wide, sample)
    low, high = (None if end is None else float(np.tanh(end)) for end in (on_scale.low, on_scale.high))
    return Estimate(_number(float(value)), low, high)


def _around(value: float, worse: list[float], half: float, sample: Sample) -> Estimate:
    if sample.is_census or not np.isfinite(value) or not np.isfinite(half):
        return Estimate(_number(value))
    return Estimate(value, min(value, *worse, value) - half, max(value, *worse, value) + half)


def _squared(r: Estimate) -> Estimate:
    if r.value is None or r.low is None or r.high is None:
        return Estimate(None if r.value is None else r.value**2)
    ends = (r.low**2, r.high**2)
    return Estimate(r.value**2, 0.0 if r.low <= 0 <= r.high else min(ends), max(ends))


def _share(has: BoolArray, among: BoolArray, sample: Sample) -> Estimate:
    """The share of some of the population, bool ``[n]``, that has a property, bool ``[measured]``."""
    inside, certain = among[sample.measured], sample.certain[sample.measured]
    sure, sure_with = int((inside & certain).sum()), int((inside & certain & has).sum())
    drawn, drawn_with = int((inside & ~certain).sum()), int((inside & ~certain & has).sum())
    others = int((among & ~sample.certain).sum())
    low, high = interval(drawn_with, drawn, others)
    value = sure_with + (others * drawn_with / drawn if drawn else 0.0)
    if others and not drawn:
        return Estimate(None, sure_with / (sure + others), (sure_with + others) / (sure + others))
    size = sure + others
    return _estimate(value / size, (sure_with + low) / size, (sure_with + high) / size, sample)


def _estimate(value: float, low: float, high: float, sample: Sample) -> Estimate:
    return Estimate(value) if sample.is_census else Estimate(value, low, high)


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _notes(scores: FloatArray, x: FloatArray, y: FloatArray, k: int | None) -> tuple[str, ...]:
    notes = []
    if np.ptp(scores) == 0:
        notes.append(f"all scores are equal ({scores[0]:g}), so neither a correlation nor a slope is defined")
    elif np.ptp(x) == 0:
        notes.append(f"all scores measured are equal ({x[0]:g}), so neither a correlation nor a slope is defined")
    if np.ptp(y) == 0:
        notes.append(f"all exact effects measured are equal ({y[0]:g}), so no correlation is defined")
    if k is not None and k >= len(scores):
        notes.append(f"the {k:,} largest are all there are, so finding them says nothing")
    return tuple(notes)
