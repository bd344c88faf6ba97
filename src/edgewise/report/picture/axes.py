"""Axes, even or in powers of ten, of one sign or both: where a value stands, and the lines and labels of a panel."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgewise.report.picture.scene import Shape, Text, box, polyline

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TICK = 10.5


@dataclass(frozen=True)
class Log:
    """One axis.

    Args:
        low: value at its beginning, above 0.
        high: value at its end, above `low`.
        begin: pixels.
        end: pixels.
        label: what is counted, with its unit.
    """

    low: float
    high: float
    begin: float
    end: float
    label: str

    def at(self, value: float) -> float:
        """Return where a value stands, pixels; values outside stand at the ends."""
        share = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.begin + min(max(share, 0.0), 1.0) * (self.end - self.begin)

    def ticks(self) -> list[tuple[float, str]]:
        """Return (value, label) of the powers of ten within, eight at most; of 2 and 5 too where they are few."""
        first = math.ceil(math.log10(self.low) - 1e-9)
        last = math.floor(math.log10(self.high) + 1e-9)
        step = max(1, math.ceil((last - first + 1) / 8))
        powers = [(10.0**power, _power(power)) for power in range(first, last + 1, step)]
        if len(powers) > 2:
            return powers
        between = [digit * 10.0**power for power in range(first - 1, last + 1) for digit in (2, 5)]
        within = [(value, f"{value:g}") for value in between if self.low <= value <= self.high]
        return sorted([*powers, *within]) if len(within) < 7 else powers


@dataclass(frozen=True)
class Linear:
    """One axis on which equal steps are equally long; args as of `Log`, `low` of any sign."""

    low: float
    high: float
    begin: float
    end: float
    label: str

    def at(self, value: float) -> float:
        """Return where a value stands, pixels; values outside stand at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return self.begin + min(max(share, 0.0), 1.0) * (self.end - self.begin)

    def ticks(self) -> list[tuple[float, str]]:
        """Return (value, label) of the multiples of 1, 2 or 5 times a power of ten within, nine at most."""
        power = 10.0 ** math.floor(math.log10((self.high - self.low) / 8))
        step = next(digit * power for digit in (1, 2, 5, 10) if (self.high - self.low) / (digit * power) <= 8)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = [float(f"{number * step:.10g}") for number in range(first, last + 1)]
        return [(value, f"{value:g}".replace("-", "−")) for value in values]


@dataclass(frozen=True)
class SignedLog:
    """One axis of powers of ten on both sides of zero, even between ``-small`` and ``small``.

    Args:
        small: where it begins to count in powers of ten, above 0; at most half of `most`.
        most: size of the value at both ends.
        begin: pixels.
        end: pixels.
        label: what is counted, with its unit.
    """

    small: float
    most: float
    begin: float
    end: float
    label: str

    def at(self, value: float) -> float:
        """Return where a value stands, pixels; values outside stand at the ends."""
        share = min(self._share(abs(value)) / self._share(self.most), 1.0)
        return (self.begin + self.end) / 2 + math.copysign(share, value) * (self.end - self.begin) / 2

    def _share(self, size: float) -> float:
        inside = min(size / self.small, 1.0)
        return inside + (math.log10(size / self.small) if size > self.small else 0.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Return (value, label) of zero and of the powers of ten within, on both sides."""
        first, last = math.ceil(math.log10(self.small) - 1e-9), math.floor(math.log10(self.most) + 1e-9)
        powers = [(10.0**power, _power(power)) for power in range(first, last + 1)]
        below = [(-value, f"−{label}") for value, label in reversed(powers)]
        return [*below, (0.0, "0"), *powers]


def _power(power: int) -> str:
    if -2 <= power <= 3:
        return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"
    return f"10{str(power).translate(_RAISED)}"


def panel(x: Log | Linear, y: Log | Linear, title: str) -> list[Shape | Text]:
    """Return the grid, the ticks and the labels of a panel; `y` begins at its lower end."""
    items: list[Shape | Text] = [
        Text(x.begin, y.end - 14, title, 13, bold=True),
        Shape(box(x.begin, y.end, x.end - x.begin, y.begin - y.end), stroke="rule", width=1),
    ]
    for value, label in x.ticks():
        at = x.at(value)
        items.append(Shape(polyline([(at, y.begin), (at, y.end)]), stroke="rule", width=0.8))
        items.append(Text(at, y.begin + 16, label, _TICK, "middle", "quiet"))
    for value, label in y.ticks():
        at = y.at(value)
        items.append(Shape(polyline([(x.begin, at), (x.end, at)]), stroke="rule", width=0.8))
        items.append(Text(x.begin - 7, at + 3.8, label, _TICK, "end", "quiet"))
    middle = (y.begin + y.end) / 2
    items.append(Text((x.begin + x.end) / 2, y.begin + 36, x.label, 11.5, "middle"))
    items.append(Text(x.begin - 46, middle, y.label, 11.5, "middle", turned=True))
    return items
