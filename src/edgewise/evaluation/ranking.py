"""What methods cost and how near they come to exact effects, over several tasks; and which to take for which budget.

Cost: passes by those of EAP, a backward pass counted as two forward passes: ``(F + 2 B) / 4``, as EAP takes 2 F + 1 B.

The advice goes by two rules:

- for *effects*, a method is as good as the worst of its numbers: the least, over all tasks, of Pearson's correlation
  with the exact effects and of Spearman's of their sizes. Pearson's is made by the few largest effects, Spearman's by
  the many small ones, and an estimate should get both right wherever it is used.
- for *circuits*, by the mean over tasks of CMD, the area between the faithfulness of the best edges and 1.

A method is worth its cost where it is better than all that cost less. What costs less than EAP counts as EAP does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from edgewise.engine.run.passes import Passes

EAP_FORWARD, EAP_BACKWARD, BACKWARD = 2, 1, 2
EFFECTS, CIRCUITS = "effects", "circuits"
# What is measured of a method on a task: in words, and whether more of it is better.
MEASURES: Mapping[str, tuple[str, bool]] = {
    "pearson": ("Pearson correlation with exact effects", True),
    "spearman_of_sizes": ("Spearman correlation of |score| and |exact effect|", True),
    "spearman": ("Spearman correlation with exact effects, signs included", True),
    "top": ("share of the largest exact effects among as many largest scores", True),
    "sign": ("share of edges whose score has the sign of the exact effect", True),
    "sign_of_top": ("the same of the edges of largest score", True),
    "cmd": ("CMD: area between the faithfulness of the best edges and 1", False),
    "auroc": ("area under the ROC curve against a circuit that is known", True),
}


def cost(passes: Passes | None) -> float | None:
    """Passes by EAP's; None where they are not known."""
    if passes is None:
        return None
    return (passes.forward + BACKWARD * passes.backward) / (EAP_FORWARD + BACKWARD * EAP_BACKWARD)


@dataclass(frozen=True)
class Standing:
    """One method over several tasks.

    Args:
        name: the method.
        cost: passes by EAP's, the most over tasks; None where they are not known.
        values: measure -> its value on each task, None where it is undefined or the method refused.
    """

    name: str
    cost: float | None
    values: Mapping[str, tuple[float | None, ...]] = field(hash=False)

    def known(self, measure: str) -> tuple[float, ...]:
        """The values that are known."""
        return tuple(value for value in self.values[measure] if value is not None)

    def mean(self, measure: str) -> float | None:
        """Mean over the tasks; None where none is known."""
        known = self.known(measure)
        return sum(known) / len(known) if known else None

    def worst(self, measure: str) -> float | None:
        """The worst over the tasks; None where none is known."""
        known = self.known(measure)
        return (min if MEASURES[measure][1] else max)(known) if known else None

    def everywhere(self, *measures: str) -> bool:
        """Whether these are known on every task."""
        return all(value is not None for measure in measures for value in self.values[measure])

    def summary(self) -> dict[str, Any]:
        """Name, cost, means and worst values, as JSON values."""
        numbers = {name: {"mean": self.mean(name), "worst": self.worst(name)} for name in self.values}
        return {"name": self.name, "cost": self.cost, **numbers}


Quality = Callable[[Standing], "float | None"]


def for_effects(one: Standing) -> float | None:
    """The least of Pearson's and Spearman's (of sizes) over all tasks; None where one is missing."""
    asked = ("pearson", "spearman_of_sizes")
    return min(*one.known(asked[0]), *one.known(asked[1])) if one.everywhere(*asked) else None


def by_mean(one: Standing, measure: str) -> float | None:
    """The mean of a measure, so that more is better; None where one is missing."""
    mean = one.mean(measure)
    if mean is None or not one.everywhere(measure):
        return None
    return mean if MEASURES[measure][1] else -mean


PURPOSES: Mapping[str, Quality] = {EFFECTS: for_effects, CIRCUITS: partial(by_mean, measure="cmd")}


def worth_their_cost(methods: Sequence[Standing], quality: Quality) -> tuple[Standing, ...]:
    """Return the methods that are better than all that cost less, the cheapest first.

    Args:
        methods: none of them exact.
        quality: of a method, more being better; None leaves it out.
    """
    found: list[Standing] = []
    best = -math.inf
    rated = [(one, one.cost, quality(one)) for one in methods]
    known = [(one, max(cost, 1.0), value) for one, cost, value in rated if cost is not None and value is not None]
    for one, _, value in sorted(known, key=lambda entry: (entry[1], -entry[2])):
        if value > best:
            found.append(one)
            best = value
    return tuple(found)
