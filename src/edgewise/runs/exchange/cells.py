"""The columns of a table, and what a cell of a file says."""

from __future__ import annotations

import math
from typing import Any

from edgewise.errors import FormatError

KEPT, PLACE = "in_circuit", "place"
# Column -> array of scores.
NUMBERS = {
    "score": "values",
    "stderr": "stderr",
    "mean_abs": "mean_abs",
    "half_width": "half_width",
    "estimate": "estimated",
    "doubt": "doubt",
}
MARKS = {"exact": "verified", "drawn": "drawn"}


def finite(value: Any, column: str) -> float:
    """A number of a file. Raises FormatError for anything else, and for one that is not finite."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise FormatError(f"{column} is {value!r:.40}, expected a finite number")
    return number


def truth_of(value: Any, column: str) -> bool:
    """Whether a cell says yes. Raises FormatError where it says neither yes nor no."""
    found = {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())
    if found is None:
        raise FormatError(f"{column} is {value!r:.40}, expected true or false")
    return found
