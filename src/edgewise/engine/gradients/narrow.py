"""Gradients of layers with few heads, held until there are enough of them for a product of matrices.

A layer's products are ``[destinations, pos * d_model] x [pos * d_model, sources]`` for each prompt. With a dozen
destinations they take more time to fetch the sources' changes than to multiply, so those of several layers are made
together. Later layers have more sources: with the gradients in the order in which they arrive, each further run of
sources is multiplied with those gradients that it precedes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.gradients.run import DestinationGradient
from edgewise.engine.run.buffers import Buffers
from edgewise.graph import Graph

# From so many destinations on a product is worth its while.
ENOUGH = 24


@dataclass(frozen=True)
class Product:
    """Changes of consecutive sources that are to be multiplied with gradients at some destinations.

    Args:
        sources: which sources.
        gradients: at the destinations, ``[destination, batch, pos, d_model]``.
        columns: which destinations of the graph these are, in their order.
    """

    sources: slice
    gradients: Float[Tensor, "destination batch pos d_model"]
    columns: tuple[slice, ...]


class Narrow:
    """Gradients that wait for others.

    Args:
        graph: the model's graph.
        n_rows: prompts of the batch.
        buffers: memory to hold them in.
    """

    def __init__(self, graph: Graph, n_rows: int, buffers: Buffers) -> None:
        self._n_rows, self._buffers = n_rows, buffers
        self._most = held(graph)
        self._columns: list[slice] = []
        self._n_sources: list[int] = []
        self._block = torch.empty(0)
        self._width = 0

    def takes(self, at: DestinationGradient) -> bool:
        """Whether a gradient is one to hold: of a layer with few destinations, at every position."""
        return self._most > 0 and not at.at_answers and len(at.gradient) < ENOUGH

    def hold(self, at: DestinationGradient) -> None:
        """Keep a copy of a gradient, prompts in their order."""
        if not self._columns or self._columns[-1] != at.columns:
            self._columns.append(at.columns)
            self._n_sources.append(at.n_sources)
            if not self._width:
                shape = (self._most, self._n_rows, *at.gradient.shape[2:])
                self._block = self._buffers.take("narrow", shape, at.gradient, at.gradient.dtype)
            self._width += len(at.gradient)
        self._block[self._width - len(at.gradient) : self._width, at.rows].copy_(at.gradient)

    def are_enough(self, at: DestinationGradient) -> bool:
        """Whether, with the last one whole, it is time for the products."""
        return self._width >= ENOUGH and at.rows.indices(self._n_rows)[1] == self._n_rows

    def products(self) -> Iterator[Product]:
        """What is to be multiplied for those held, which are let go."""
        width = 0
        for at, (stop, start) in enumerate(pairwise([*self._n_sources, 0])):
            width += self._columns[at].stop - self._columns[at].start
            if start < stop:
                yield Product(slice(start, stop), self._block[:width], tuple(self._columns[: at + 1]))
        self._columns, self._n_sources, self._width = [], [], 0


def held(graph: Graph) -> int:
    """The most destinations whose gradients are held at a time; 0 where every layer has enough by itself."""
    at = graph.attention(0)
    return 2 * (ENOUGH - 1) if at.stop - at.start < ENOUGH else 0
