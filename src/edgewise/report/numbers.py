"""Numbers as texts of people."""

from __future__ import annotations

from edgewise.runs.evaluated import EvaluatedPrompts


def share(value: float | None) -> str:
    """Four digits after the point: a share of the behaviour, for which a millionth is nothing."""
    return "-" if value is None else f"{value:.4f}".replace("-0.0000", "0.0000")


def plain(number: float | None) -> str:
    """Four digits after the point, or four that count where that would hide the number."""
    if number is None:
        return "-"
    return f"{number:.4f}" if number == 0 or abs(number) >= 0.01 else f"{number:.3e}"


def on_prompts(prompts: EvaluatedPrompts) -> str:
    """On which prompts something was measured of a circuit."""
    which = f"{prompts.split} " if prompts.split else ""
    own = ", those it was found on" if prompts.note is not None else ""
    return f"on {prompts.n:,} {which}prompts{own}"
