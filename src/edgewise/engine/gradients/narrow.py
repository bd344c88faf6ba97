"""Gradients of layers with few heads, held until there are enough of them for a product of matrices.

A layer's products are ``[destinations, pos * d_model] x [pos * d_model, sources]`` for each prompt. With a dozen
destinations they take more time to fetch the sources' changes than to multiply, so those of some layers are made
together, with the sources of the last of these layers: what earlier ones have no edge from is left out of the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.gradients.run import DestinationGradient
from edgewise.engine.run.at_once import ENOUGH, held
from edgewise.engine.run.buffers import Buffers
from edgewise.graph import Graph


@dataclass(frozen=True)
class Reading:
    """Destinations that read the same sources.

    Args:
        columns: which destinations of the graph.
        n_sources: how many leading sources precede them.
    """

    columns: slice
    n_sources: int

    @property
    def width(self) -> int:
        """How many destinations."""
        return int(self.columns.stop) - int(self.columns.start)


class Narrow:
    """Gradients that wait for others.

    Args:
        graph: the model's graph.
        n_rows: prompts of the batch.
        buffers: memory to hold them in.
    """

    def __init__(self, graph: Graph, n_rows: int, buffers: Buffers) -> None:
        self._most, self._n_rows, self._buffers = held(graph), n_rows, buffers
        self._block = torch.empty(0)
        self._readings: list[Reading] = []

    def takes(self, at: DestinationGradient) -> bool:
        """Whether a gradient is one to hold: of a narrow model's layer, at every position."""
        return self._most > 0 and not at.at_answers

    def hold(self, at: DestinationGradient) -> bool:
        """Keep a copy of a gradient, prompts in their order; returns whether there are enough now."""
        reading = Reading(at.columns, at.n_sources)
        if not self._readings:
            shape = (self._most, self._n_rows, *at.gradient.shape[2:])
            self._block = self._buffers.take("narrow", shape, at.gradient, at.gradient.dtype)
        if reading not in self._readings[-1:]:
            self._readings.append(reading)
        width = self._width()
        self._block[width - reading.width : width, at.rows].copy_(at.gradient)
        return width >= ENOUGH and at.rows.indices(self._n_rows)[1] == self._n_rows

    def release(self) -> Iterator[tuple[Float[Tensor, "destination batch pos d_model"], list[Reading]]]:
        """What is held, if anything, with the destinations side by side; the one that reads the most comes first."""
        if self._readings:
            readings, width = self._readings, self._width()
            self._readings = []
            yield self._block[:width], readings

    def _width(self) -> int:
        return sum(reading.width for reading in self._readings)
