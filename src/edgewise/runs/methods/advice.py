"""Which method for which budget: what the league found on the demo model's four tasks (``docs/league.md``).

The default of `discover` stays EAP: the finite differences of the secants need a rule for each of torch's operations
that a model computes, and refuse a model that has another one or a function with a backward of its own; EAP needs none,
takes a third of the memory, and of all estimates ranks the sizes of effects best. What EAP gets wrong are the largest
effects, and so the circuits of its best edges; who can run `eap-secant` or `secant` should.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT = "eap"
FOR_EFFECTS = "eap-secant"


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
    Advice("eap", 1.0, "the default: runs on every model; ranks effects by size well, gets the largest ones wrong"),
    Advice("secant", 1.0, "for circuits: the best edges keep most of the behaviour"),
    Advice("secant-mid", 1.25, "for effects and circuits"),
    Advice(FOR_EFFECTS, 1.75, "for effects: near the exact ones on every task, in size, order and sign"),
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
