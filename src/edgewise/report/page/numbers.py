"""Numbers as a page carries them: short, and null where there is none."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from edgewise.report.page.columns import Number

DIGITS = 6


def rounded(values: npt.ArrayLike) -> tuple[Number, ...]:
    """Numbers to six digits; None for what is not finite."""
    return tuple(map(short, np.asarray(values, dtype=np.float64).tolist()))


def short(value: float | None) -> Number:
    """One number, likewise."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.{DIGITS}g}")


def known(values: Iterable[float]) -> tuple[float, ...]:
    """Numbers to six digits, all of them finite."""
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
