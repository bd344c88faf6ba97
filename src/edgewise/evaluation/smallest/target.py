"""What is good enough, and what a size gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgewise.errors import SelectionError
from edgewise.evaluation import measures
from edgewise.evaluation.measures import Values
from edgewise.settings.selection import Selection

Measure = Literal["faithfulness", "kl"]
# Of a normal distribution, so many standard errors on either side hold 95 %.
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Target:
    """A faithfulness to reach, or a KL(clean || circuit) to stay within.

    Args:
        measure: which of the two.
        value: how much.
    """

    measure: Measure
    value: float

    def reached(self, found: SizePoint) -> bool:
        """Whether a size is good enough, by its mean over prompts."""
        if self.measure == "kl":
            return found.kl <= self.value
        return found.faithfulness is not None and found.faithfulness >= self.value

    def of(self, found: SizePoint) -> tuple[float, float | None]:
        """The number that counts, and its standard error. Raises SelectionError where there is none."""
        if self.measure == "kl":
            return found.kl, found.kl_stderr
        if found.faithfulness is None:
            raise SelectionError(
                "the metric is the same with no edge and with every edge patched, so no circuit keeps a share of it;"
                " give --max-kl, or other prompts"
            )
        return found.faithfulness, found.faithfulness_stderr

    def better(self, found: SizePoint) -> float:
        """A number that is larger the nearer a size comes to the target from outside."""
        return -found.kl if self.measure == "kl" else self.of(found)[0]


def target_of(selection: Selection) -> Target:
    """What a rule asks for whose size is to be measured."""
    if selection.keep is not None:
        return Target("faithfulness", selection.keep)
    assert selection.max_kl is not None
    return Target("kl", selection.max_kl)


@dataclass(frozen=True)
class SizePoint:
    """The best edges (or nodes) of a ranking at one size: means over prompts.

    Args:
        size: number of edges (or nodes) asked for.
        edges: number of edges kept; of heads and neurons, the same as ``size``.
        metric: the metric, in its own units.
        faithfulness: (m(C) - m(empty)) / (m(full) - m(empty)); None where that is undefined.
        faithfulness_stderr: its standard error; None for one prompt.
        kl: KL(clean || circuit), in nats.
        kl_stderr: its standard error; None for one prompt.
    """

    size: int
    edges: int
    metric: float
    faithfulness: float | None
    faithfulness_stderr: float | None
    kl: float
    kl_stderr: float | None


def point(size: int, edges: int, metric: Values, kl: Values, full: Values, empty: Values) -> SizePoint:
    """The means of one size from one number a prompt, ``[n_prompts]`` each.

    Args:
        size: number of edges (or nodes).
        edges: number of edges kept.
        metric: with the circuit kept.
        kl: likewise, KL(clean || circuit).
        full: the metric with no edge patched.
        empty: with every edge patched.
    """
    kept = measures.faithfulness(metric, full, empty)
    return SizePoint(size, edges, measures.mean(metric)[0], *kept, *measures.mean(kl))
