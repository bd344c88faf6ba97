"""What a method costs, in words."""

from __future__ import annotations

import math

from edgewise.engine.run.passes import Passes


def passes_words(passes: Passes | None) -> str:
    """Passes in words, such as ``"2 F + 1 B"``; a dash where they are not known."""
    if passes is None:
        return "-"
    backward = f" + {_number(passes.backward)} B" if passes.backward else ""
    return f"{'at most ' if passes.at_most else ''}{_number(passes.forward)} F{backward}"


def seconds_words(value: float | None) -> str:
    """Seconds with one digit after the point; a dash where they are not known."""
    return "-" if value is None else f"{value:,.1f}"


def times_words(cost: float | None) -> str:
    """A cost by EAP's in words, such as ``"1.75 x"``; a dash where it is not known."""
    if cost is None:
        return "-"
    digits = 0 if cost >= 10 else 1 if math.isclose(cost, round(cost, 1)) else 2
    return f"{cost:,.{digits}f} x"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:,.1f}"
