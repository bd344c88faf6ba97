"""The arrays of scores: copied, checked and frozen when scores are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.errors import ScoreError
from edgewise.graph.arrays import BoolArray, FloatArray, read_only

if TYPE_CHECKING:
    from edgewise.graph.named import NamedScores

# All that hold a number for every score.
ARRAYS = ("values", "stderr", "mean_abs", "per_prompt", "resampled", "half_width", "estimated", "doubt")
MARKS = ("verified", "drawn")
_WORDS = {"values": "the score", "estimated": "the estimate"}
# Arrays with an axis before those of the graph.
_LEADING = {"per_prompt": "n_prompts", "resampled": "n_resamples"}


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
