"""Scores of edges and of nodes: signed estimates of L(patched) - L(clean), as frozen values.

L is the task metric, higher is better, so an edge that helps the metric has a negative score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numpy as np

from edgewise.errors import ScoreError, UnknownNameError, did_you_mean
from edgewise.graph.arrays import BoolArray, FloatArray, read_only
from edgewise.graph.graph import Graph
from edgewise.graph.named import NamedScores
from edgewise.settings.selection import Ranking

__all__ = ["RANKINGS", "EdgeScores", "NodeScores", "Ranking"]

RANKINGS: tuple[Ranking, ...] = get_args(Ranking)
# All that hold a number for every score.
ARRAYS = ("values", "stderr", "mean_abs", "per_prompt", "resampled", "half_width", "estimated", "doubt")
MARKS = ("verified", "drawn")
_WORDS = {"values": "the score", "estimated": "the estimate"}
# Arrays with an axis before those of the graph.
_LEADING = {"per_prompt": "n_prompts", "resampled": "n_resamples"}


@dataclass(frozen=True, eq=False, repr=False)
class EdgeScores(NamedScores):
    """One signed number for each edge, with its spread over prompts where it is known.

    Args:
        graph: the graph the scores belong to.
        values: mean over prompts of the signed score, `[n_sources, n_destinations]`, in units of the metric.
            What stands where no edge exists does not matter; it becomes NaN.
        stderr: standard error of that mean, same shape; NaN where it is undefined (one prompt).
        mean_abs: mean over prompts of |score|, same shape.
        per_prompt: `[n_prompts, n_sources, n_destinations]`.
        resampled: means over resamples of the prompts, `[n_resamples, n_sources, n_destinations]`.
        half_width: half of each score's 95 % interval, from these, `[n_sources, n_destinations]`; NaN where undefined.
        n_prompts: number of prompts; taken from `per_prompt` when that is given.
        allow_unscored: accept NaN on an edge that exists, meaning "not scored".
        verified: which of the scores are exact effects that were measured, bool, same shape; None where nobody says.
        estimated: what a method estimated, also where `values` are exact, same shape; goes with `verified`.
        doubt: |score| or what a second estimate differs by, the larger, by which it was decided what to measure, same
            shape: the scale of an error and no bound on it; NaN where nothing was in doubt.
        drawn: which of the verified ones a lot chose, to tell how wrong the others are, bool, same shape.

    Raises:
        ScoreError: a wrong shape, a value on an existing edge that is not finite, a negative spread, `verified` without
            `estimated`.

    All arrays are copied and read-only; float32 and float64 are kept, other types become float32 or float64.
    """

    what: ClassVar[str] = "edge"

    graph: Graph
    values: FloatArray
    stderr: FloatArray | None = None
    mean_abs: FloatArray | None = None
    per_prompt: FloatArray | None = None
    n_prompts: int | None = None
    allow_unscored: bool = False
    resampled: FloatArray | None = None
    half_width: FloatArray | None = None
    verified: BoolArray | None = None
    estimated: FloatArray | None = None
    doubt: FloatArray | None = None
    drawn: BoolArray | None = None

    def __post_init__(self) -> None:
        """Copy, check and freeze the arrays."""
        freeze(self, self.graph.mask)

    def ranking(self, by: Ranking = "abs") -> FloatArray:
        """Return what edges are ranked by, highest first: `[n_sources, n_destinations]`, NaN where unscored.

        ``abs``: |mean score|. ``signed``: the mean score. ``helpful``: minus the mean score, so that
        edges whose patching lowers the metric come first. ``mean-abs``: mean over prompts of |score|.

        Raises:
            UnknownNameError: no such ranking.
            ScoreError: ``mean-abs`` of scores that were computed without it.
        """
        return ranked_by(self.values, self.mean_abs, by)

    def _at(self, name: str) -> tuple[int, ...]:
        return self.graph.edge(name)

    def name_at(self, at: tuple[int, ...]) -> str:
        """Return the name of the edge that stands there, a source's row and a destination's column."""
        return self.graph.edge_name(*at)


@dataclass(frozen=True, eq=False, repr=False)
class NodeScores(NamedScores):
    """One signed number for each source node, with its spread over prompts where it is known.

    Args:
        graph: the graph the scores belong to.
        values: mean over prompts of the signed score, `[n_sources]`, in units of the metric.
        stderr: standard error of that mean, same shape; NaN where it is undefined (one prompt).
        mean_abs: mean over prompts of |score|, same shape.
        per_prompt: `[n_prompts, n_sources]`.
        resampled: means over resamples of the prompts, `[n_resamples, n_sources]`.
        half_width: half of each score's 95 % interval, from these, `[n_sources]`; NaN where undefined.
        n_prompts: number of prompts; taken from `per_prompt` when that is given.
        allow_unscored: accept NaN, meaning "not scored".
        verified: which of the scores are exact effects that were measured, bool `[n_sources]`; None where nobody says.
        estimated: what a method estimated, also where `values` are exact, `[n_sources]`; goes with `verified`.
        doubt: see `EdgeScores`, `[n_sources]`.
        drawn: likewise, bool `[n_sources]`.

    Raises:
        ScoreError: a wrong shape, a value that is not finite, a negative spread.
    """

    what: ClassVar[str] = "node"

    graph: Graph
    values: FloatArray
    stderr: FloatArray | None = None
    mean_abs: FloatArray | None = None
    per_prompt: FloatArray | None = None
    n_prompts: int | None = None
    allow_unscored: bool = False
    resampled: FloatArray | None = None
    half_width: FloatArray | None = None
    verified: BoolArray | None = None
    estimated: FloatArray | None = None
    doubt: FloatArray | None = None
    drawn: BoolArray | None = None

    def __post_init__(self) -> None:
        """Copy, check and freeze the arrays."""
        freeze(self, np.ones(self.graph.n_sources, dtype=np.bool_))

    def ranking(self, by: Ranking = "abs") -> FloatArray:
        """Return what nodes are ranked by, highest first: `[n_sources]`; see `EdgeScores.ranking`."""
        return ranked_by(self.values, self.mean_abs, by)

    def _at(self, name: str) -> tuple[int, ...]:
        return (self.graph.source_index(name),)

    def name_at(self, at: tuple[int, ...]) -> str:
        """Return the name of the node that stands there, a row."""
        return self.graph.sources[at[0]]


def freeze(scores: NamedScores, exists: BoolArray) -> None:
    """Replace every array of `scores` by a checked, read-only copy that is NaN outside `exists`."""
    for field in ARRAYS:
        given = getattr(scores, field)
        if given is None:
            continue
        array = _copy(field, given, exists, leading=_LEADING.get(field))
        _check(scores, field, array, exists)
        object.__setattr__(scores, field, read_only(array))
    if scores.per_prompt is not None:
        held = scores.per_prompt.shape[0]
        if scores.n_prompts not in (None, held):
            raise ScoreError(f"n_prompts is {scores.n_prompts}, but per_prompt holds {held} prompts")
        object.__setattr__(scores, "n_prompts", held)
    if (scores.verified is None) != (scores.estimated is None):
        raise ScoreError("verified and estimated go together: which scores are exact, and what was estimated of all")
    for field in MARKS:
        if getattr(scores, field) is not None:
            object.__setattr__(scores, field, read_only(_marks(field, getattr(scores, field), exists)))


def _marks(field: str, given: BoolArray, exists: BoolArray) -> BoolArray:
    marks = np.array(given)
    if marks.shape != exists.shape or marks.dtype != np.bool_:
        raise ScoreError(f"{field} is {marks.dtype} {list(marks.shape)}; this graph needs bool {list(exists.shape)}")
    return marks & exists


def _copy(field: str, given: Any, exists: BoolArray, *, leading: str | None) -> FloatArray:
    array = np.array(given)
    extra = int(leading is not None)
    if array.shape[extra:] != exists.shape or array.ndim != exists.ndim + extra:
        wanted = f"[{f'{leading}, ' if leading else ''}{', '.join(map(str, exists.shape))}]"
        raise ScoreError(f"{field} has shape {list(array.shape)}; this graph needs {wanted}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    array[..., ~exists] = np.nan
    return array


def _check(scores: NamedScores, field: str, array: FloatArray, exists: BoolArray) -> None:
    """Refuse the first entry that is not finite, or negative where only a size makes sense."""
    nan_is_fine = scores.allow_unscored or field in ("stderr", "half_width", "doubt")
    wrong = np.isinf(array) if nan_is_fine else ~np.isfinite(array)
    if field in ("stderr", "mean_abs", "half_width", "doubt"):
        wrong |= array < 0
    found = np.argwhere(wrong & exists)
    if not len(found):
        return
    first = tuple(found[0].tolist())
    index = first[array.ndim - exists.ndim :]
    where = f" in {_LEADING[field][2:-1]} {first[0] + 1}" if field in _LEADING else ""
    place = f"{_WORDS.get(field, field)} of {scores.what} '{scores.name_at(index)}'{where}"
    if np.isfinite(array[first]):
        raise ScoreError(f"{place} is {array[first]}; it cannot be negative")
    raise ScoreError(
        f"{place} is {array[first]}; scores must be finite "
        "(half precision overflows: try dtype float32; or check the model and the metric for NaN)"
    )


def ranked_by(values: FloatArray, mean_abs: FloatArray | None, by: Ranking) -> FloatArray:
    if by not in RANKINGS:
        listed = ", ".join(RANKINGS)
        raise UnknownNameError(f"unknown ranking '{by}'{did_you_mean(by, RANKINGS) or '.'} Known rankings: {listed}.")
    if by == "mean-abs":
        if mean_abs is None:
            raise ScoreError("these scores hold no mean of absolutes; rank by 'abs', or score again to get it")
        return mean_abs
    return {"abs": np.abs, "signed": np.positive, "helpful": np.negative}[by](values)
