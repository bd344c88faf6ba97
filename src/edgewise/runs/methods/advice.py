"""Which method for which budget: what was found on real models (``docs/league.md``).

The default of `discover` follows from it: derivatives rank the many small effects nearly as the exact ones do, and get
the few large ones wrong, sign included; measuring those few costs little more than the estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.settings.scoring import DEFAULT_METHOD, MORE_EXACT

FOR_EFFECTS = DEFAULT_METHOD
# What to try where that falls short.
OTHERWISE = "eap-ig-inputs"


@dataclass(frozen=True)
class Advice:
    """One line of it.

    Args:
        method: to take.
        cost: time by EAP's.
        words: what it is good for, and what not.
    """

    method: str
    cost: float
    words: str


ADVICE = (
    Advice(
        "eap", 1.0, "runs on every model, in a third of the memory; ranks effects well, gets the largest ones wrong"
    ),
    Advice("secant-mid", 1.25, "the other way round: the largest effects well, small ones not"),
    Advice(
        FOR_EFFECTS,
        3.5,
        "the default: large effects measured, small ones ranked, and how wrong the rest can be is said",
    ),
)


def nearer(method: str) -> str:
    """Say in one sentence how to get nearer to the exact effects than a method does.

    Args:
        method: of the run.
    """
    better = ADVICE[-1]
    if method == better.method:
        return f"Nearer to exact effects: {MORE_EXACT}, or all of them: --method activation-patching."
    return f"Nearer to exact effects as a rule: --method {better.method}, at about {better.cost:g} times EAP's time."
