"""Dry runs of a model in a few depths, and what they say of all its layers.

What is done in a model of n layers is a polynomial in n of second degree: every layer does the same, and its edges come
from all layers before. Three depths tell the whole; a model that is not deep is run whole. What is held at the peak
grows with n, but for one number an edge and prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from edgewise.engine.dry.stand_in import without_values
from edgewise.engine.dry.watch import ENGINE, PARTS, Operation, Seen, watched
from edgewise.engine.run.at_once import planned_for
from edgewise.graph import Graph
from edgewise.models import Model

DEPTHS = (3, 5, 7)
# So deep a model is run whole: the three depths take as long.
WHOLE = 14


@dataclass(frozen=True)
class Counted:
    """What was counted of a piece of work, of the whole model.

    Args:
        flops: floating-point operations, by type.
        seconds: how long they take on the machine asked about.
        held: bytes at the peak, by part.
        left: bytes that are held at the end.
    """

    flops: Mapping[torch.dtype, float]
    seconds: float
    held: Mapping[str, float]
    left: float


@dataclass(frozen=True, eq=False)
class DryRuns:
    """A model in a few depths.

    Args:
        layers: how many the whole model has.
        models: without weights, by depth.
        seconds: how long an operation takes.
        kind: of the device that is planned for.
    """

    layers: int
    models: Mapping[int, Model]
    seconds: Callable[[Operation], float]
    kind: str

    @classmethod
    def of(
        cls, outline: Callable[[int | None], Model], whole: Model, seconds: Callable[[Operation], float], kind: str
    ) -> DryRuns:
        """Of a model that can be had in any depth."""
        layers = whole.graph.spec.n_layers
        models = {layers: whole} if layers <= WHOLE else {depth: outline(depth) for depth in DEPTHS}
        return cls(layers, models, seconds, kind)

    def __call__(self, work: Callable[[Model], object], *, alike: bool = True, a_cell: int = 0) -> Counted:
        """Count a piece of work.

        Args:
            work: what is done with a model.
            alike: what is said where two tensors are compared.
            a_cell: bytes that the engine holds for each source and destination.
        """
        found = {depth: self._seen(model, work, alike) for depth, model in self.models.items()}
        return _joined(self.layers, found, self._cells, a_cell)

    def _cells(self, layers: int) -> int:
        spec = replace(next(iter(self.models.values())).graph.spec, n_layers=layers)
        graph = Graph(spec)
        return graph.n_sources * graph.n_destinations

    def _seen(self, model: Model, work: Callable[[Model], object], alike: bool) -> Seen:
        with without_values(model), planned_for(self.kind), watched(model, self.seconds, alike=alike) as seen:
            work(model)
        return seen


def _joined(layers: int, found: Mapping[int, Seen], cells: Callable[[int], int], a_cell: int) -> Counted:
    depths, every = list(found), list(found.values())
    apart = {depth: a_cell * cells(depth) for depth in (*depths, layers)}

    def whole(values: Sequence[float]) -> float:
        return max(0.0, _polynomial(depths, values, layers))

    def grown(value: Callable[[Seen], float], apart: Mapping[int, int]) -> float:
        """By the two deepest, for what is held grows evenly."""
        last = depths[-2:]
        even = _polynomial(last, [value(found[depth]) - apart[depth] for depth in last], layers)
        return max(0.0, even + apart[layers])

    none = dict.fromkeys(apart, 0)
    return Counted(
        {dtype: whole([seen.flops[dtype] for seen in every]) for dtype in every[0].flops},
        whole([seen.seconds for seen in every]),
        {part: grown(partial(_held, part), apart if part == ENGINE else none) for part in PARTS},
        grown(lambda seen: seen.left, none),
    )


def _held(part: str, seen: Seen) -> float:
    return seen.held.get(part, 0)


def _polynomial(places: Sequence[int], values: Sequence[float], at: int) -> float:
    """The polynomial through some points, by Lagrange."""
    total = 0.0
    for place, value in zip(places, values, strict=True):
        for other in places:
            value *= 1.0 if other == place else (at - other) / (place - other)
        total += value
    return total
