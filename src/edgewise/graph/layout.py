"""Where the nodes of every layer stand on the two axes of a graph, and which precede which: the shape alone says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewise.errors import SelectionError
from edgewise.graph.arrays import BoolArray
from edgewise.graph.spec import GraphSpec

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """The rows of sources and the columns of destinations, layer by layer.

    Args:
        spec: the model's shape.
    """

    spec: GraphSpec

    @property
    def n_sources(self) -> int:
        """Number of nodes that write to the residual stream."""
        return 1 + self.spec.n_layers * self._layer_rows

    @property
    def n_destinations(self) -> int:
        """Number of places that read from the residual stream."""
        return self.spec.n_layers * self._layer_columns + 1

    @property
    def input_source(self) -> int:
        """Row of ``input``."""
        return 0

    @property
    def logits(self) -> int:
        """Column of ``logits``."""
        return self.n_destinations - 1

    def head_sources(self, layer: int) -> slice:
        """Rows of a layer's heads."""
        start = self._first_row(layer)
        return slice(start, start + self.spec.n_heads)

    def mlp_source(self, layer: int) -> int:
        """Row of a layer's MLP. Raises SelectionError for an attention-only graph."""
        return self._require_mlp(self._first_row(layer) + self.spec.n_heads)

    def q(self, layer: int) -> slice:
        """Columns of a layer's query inputs, one for each head."""
        start = self._first_column(layer)
        return slice(start, start + self.spec.n_heads)

    def k(self, layer: int) -> slice:
        """Columns of a layer's key inputs, one for each key/value head."""
        start = self.q(layer).stop
        return slice(start, start + self.spec.kv_heads)

    def v(self, layer: int) -> slice:
        """Columns of a layer's value inputs, one for each key/value head."""
        start = self.k(layer).stop
        return slice(start, start + self.spec.kv_heads)

    def attention(self, layer: int) -> slice:
        """Columns of a layer's query, key and value inputs together."""
        return slice(self.q(layer).start, self.v(layer).stop)

    def mlp(self, layer: int) -> int:
        """Column of a layer's MLP. Raises SelectionError for an attention-only graph."""
        return self._require_mlp(int(self.v(layer).stop))

    def sources_before_attention(self, layer: int) -> int:
        """Return how many leading rows feed a layer's attention."""
        return self._first_row(layer)

    def sources_before_mlp(self, layer: int) -> int:
        """Return how many leading rows feed a layer's MLP: its own block's heads too, unless parallel."""
        own_heads = 0 if self.spec.parallel else self.spec.n_heads
        return self._require_mlp(self._first_row(layer) + own_heads)

    def writer(self, row: int) -> tuple[int, int | None]:
        """Return the layer of a source, and its head there; None for an MLP. ``input`` stands before layer 0, at -1."""
        layer, at = divmod(row - 1, self._layer_rows)
        return layer, at if layer >= 0 and at < self.spec.n_heads else None

    def reader(self, column: int) -> tuple[int, bool]:
        """Return the layer of a destination, and whether it is the MLP there; ``logits`` stands behind all layers."""
        layer, at = divmod(column, self._layer_columns)
        return layer, at == self.spec.n_heads + 2 * self.spec.kv_heads

    @property
    def moved(self) -> BoolArray:
        """The keys and values, which a head that writes at one place may read at another: bool `[n_destinations]`."""
        moved: BoolArray = np.zeros(self.n_destinations, dtype=np.bool_)
        for layer in range(self.spec.n_layers):
            moved[self.k(layer).start : self.v(layer).stop] = True
        return moved

    def edge_mask(self) -> BoolArray:
        """Which pairs of source and destination are edges, `[n_sources, n_destinations]`."""
        mask = np.zeros((self.n_sources, self.n_destinations), dtype=np.bool_)
        for layer in range(self.spec.n_layers):
            mask[: self.sources_before_attention(layer), self.attention(layer)] = True
            if self.spec.has_mlp:
                mask[: self.sources_before_mlp(layer), self.mlp(layer)] = True
        mask[:, self.logits] = True
        return mask

    def read_mask(self) -> BoolArray:
        """Which destinations are inputs of which source's own node, likewise."""
        reads = np.zeros((self.n_sources, self.n_destinations), dtype=np.bool_)
        own = np.eye(self.spec.n_heads, dtype=np.bool_)
        group = np.repeat(np.eye(self.spec.kv_heads, dtype=np.bool_), self.spec.group_size, axis=0)
        for layer in range(self.spec.n_layers):
            heads = self.head_sources(layer)
            reads[heads, self.q(layer)] = own
            reads[heads, self.k(layer)] = reads[heads, self.v(layer)] = group
            if self.spec.has_mlp:
                reads[self.mlp_source(layer), self.mlp(layer)] = True
        return reads

    def source_names(self) -> tuple[str, ...]:
        """The names of the nodes that write, in their order."""
        names = ["input"]
        for layer in range(self.spec.n_layers):
            names += [f"a{layer}.h{head}" for head in range(self.spec.n_heads)]
            names += [f"m{layer}"] if self.spec.has_mlp else []
        return tuple(names)

    def destination_names(self) -> tuple[str, ...]:
        """The names of what reads, in their order."""
        kv = "kv" if self.spec.is_grouped else "h"
        names = []
        for layer in range(self.spec.n_layers):
            names += [f"a{layer}.h{head}<q>" for head in range(self.spec.n_heads)]
            names += [f"a{layer}.{kv}{head}<{letter}>" for letter in "kv" for head in range(self.spec.kv_heads)]
            names += [f"m{layer}"] if self.spec.has_mlp else []
        return (*names, "logits")

    @property
    def _layer_rows(self) -> int:
        return self.spec.n_heads + self.spec.has_mlp

    @property
    def _layer_columns(self) -> int:
        return self.spec.n_heads + 2 * self.spec.kv_heads + self.spec.has_mlp

    def _first_row(self, layer: int) -> int:
        return 1 + self._layer(layer) * self._layer_rows

    def _first_column(self, layer: int) -> int:
        return self._layer(layer) * self._layer_columns

    def _layer(self, layer: int) -> int:
        if not 0 <= layer < self.spec.n_layers:
            raise SelectionError(f"no layer {layer}: layers run from 0 to {self.spec.n_layers - 1}")
        return layer

    def _require_mlp(self, index: int) -> int:
        if not self.spec.has_mlp:
            raise SelectionError("this graph is attention-only: it has no MLP")
        return index
