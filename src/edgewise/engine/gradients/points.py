"""Where gradients are taken: in runs whose input embedding lies between the corrupted and the clean one.

With ``e`` the embedding of the clean prompt and ``e'`` that of the corrupted one, the run of a point with share ``a``
starts from ``a e + (1 - a) e'`` and goes on as the model does. Gradients of several points are summed with weights:
a method of this kind is its points, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from torch import Tensor

from edgewise.engine.run.hooks import Hooks
from edgewise.errors import SettingError
from edgewise.models import Wiring

Rule = Literal["left", "right", "midpoint", "trapezoid"]


@dataclass(frozen=True)
class GradientPoint:
    """One gradient point.

    Args:
        clean: the share of the clean embedding: 1 is the clean run, 0 the corrupted run.
        weight: of this point's gradient in the sum.
    """

    clean: float
    weight: float


CLEAN = (GradientPoint(1.0, 1.0),)
CORRUPTED = (GradientPoint(0.0, 1.0),)
ENDS = (GradientPoint(1.0, 0.5), GradientPoint(0.0, 0.5))
MIDDLE = (GradientPoint(0.5, 1.0),)


def riemann(steps: int, rule: str = "left") -> tuple[GradientPoint, ...]:
    """The points of a Riemann sum over the path from the corrupted to the clean embedding.

    Args:
        steps: number of intervals ``m``.
        rule: ``"left"`` takes shares ``k/m`` for k = 0 ... m-1 (the corrupted end included, the clean one not),
            ``"right"`` those for k = 1 ... m, ``"midpoint"`` ``(k + 1/2)/m``, ``"trapezoid"`` all m + 1 of them, the
            two ends with half the weight.

    Raises:
        SettingError: no step, or no such rule.
    """
    if steps < 1:
        raise SettingError(f"--steps is {steps}; give at least 1")
    if rule == "trapezoid":
        ends = {0, steps}
        return tuple(GradientPoint(k / steps, (0.5 if k in ends else 1.0) / steps) for k in range(steps + 1))
    first = {"left": 0.0, "right": 1.0, "midpoint": 0.5}.get(rule)
    if first is None:
        raise SettingError(f"--rule {rule!r} is not known; use one of {', '.join(get_args(Rule))}")
    return tuple(GradientPoint((k + first) / steps, 1 / steps) for k in range(steps))


def weight_at(points: Sequence[GradientPoint], clean: float) -> float:
    """The weight of the points at one share; 0 where there is none."""
    return sum((point.weight for point in points if point.clean == clean), start=0.0)


def between(points: Sequence[GradientPoint]) -> tuple[GradientPoint, ...]:
    """The points that are neither the clean nor the corrupted run."""
    return tuple(point for point in points if point.clean not in (0.0, 1.0))


def mix_embedding(hooks: Hooks, wiring: Wiring, corrupted: Tensor, clean: float) -> None:
    """Let a run of the clean prompts start from a mixture.

    Args:
        hooks: hooks on the borrowed model.
        wiring: its wiring.
        corrupted: the corrupted embedding, ``[batch, pos, d_model]``.
        clean: the share of the clean one.
    """
    hooks.before(wiring.blocks[0].module, partial(_mixed, corrupted=corrupted, clean=clean))


def _mixed(stream: Tensor, corrupted: Tensor, clean: float) -> Tensor:
    return corrupted.lerp(stream, clean)
