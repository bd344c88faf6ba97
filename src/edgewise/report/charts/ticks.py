"""Axes of powers of ten: what stands at their ticks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def powers_of_ten(axis: Axis, low: float, high: float) -> None:
    """Label powers of ten within, eight at most; 2 and 5 times them too where they are few.

    Args:
        axis: an axis that counts in powers of ten.
        low: its beginning, above 0.
        high: its end.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    values = [10.0**power for power in range(first, last + 1, max(1, math.ceil((last - first + 1) / 8)))]
    if len(values) <= 2:
        between = [digit * 10.0**power for power in range(first - 1, last + 1) for digit in (2, 5)]
        within = [value for value in between if low <= value <= high]
        values = sorted([*values, *within]) if len(within) < 7 else values
    axis.set_major_locator(FixedLocator(values))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_words(value)))


def power_words(value: float) -> str:
    """Return a number as it stands at a tick: short, or as a power of ten.

    >>> [power_words(value) for value in (0.01, 0.2, 1000.0, 1e-5, -1e4, 0.0)]
    ['0.01', '0.2', '1,000', '10⁻⁵', '−10⁴', '0']
    """
    size = abs(value)
    sign = "−" if value < 0 else ""
    power = math.log10(size) if size else 0.0
    if abs(power - round(power)) > 1e-6 or -2.5 < power < 3.5:
        return f"{sign}{size:,.0f}" if 1000 <= size < 1e6 else f"{sign}{size:g}"
    return f"{sign}10{str(round(power)).translate(_RAISED)}"
