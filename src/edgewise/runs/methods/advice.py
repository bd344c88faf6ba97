"""Which method for which budget: what the league found on the demo model's four tasks (``docs/league.md``).

The default of `discover` follows from it: of the estimates that cost at most twice EAP's passes, `eap-secant` is
nearest to exact effects in size, order and sign. It needs a rule for each of torch's operations that a model computes,
and refuses a model that has another one; EAP needs none, and takes a third of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

FOR_EFFECTS = "eap-secant"
# What to try where that falls short.
OTHERWISE = "eap-ig-inputs"


@dataclass(frozen=True)
class Advice:
    """One line of it.

    Args:
        method: to take.
        cost: passes by EAP's, a backward pass counted as two forward passes.
        words: what it is good for, and what not.
    """

    method: str
    cost: float
    words: str


ADVICE = (
    Advice(
        "eap", 1.0, "runs on every model, in a third of the memory; ranks effects well, gets the largest ones wrong"
    ),
    Advice("secant", 1.0, "for circuits: the best edges keep most of the behaviour"),
    Advice("secant-mid", 1.25, "for effects and circuits"),
    Advice(FOR_EFFECTS, 1.75, "the default: near the exact effects on every task, in size, order and sign"),
)


def nearer(method: str) -> str:
    """Say in one sentence how to get nearer to the exact effects than a method does.

    Args:
        method: of the run.
    """
    better = next(one for one in ADVICE if one.method == FOR_EFFECTS)
    if method == better.method:
        return "Exact effects of all edges, at many times the cost: --method activation-patching."
    return f"Nearer to exact effects as a rule: --method {better.method}, at {better.cost:g} times EAP's passes."
