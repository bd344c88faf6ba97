"""A model's heads and MLP neurons: their names and their order.

A neuron is one number in front of an MLP's down projection, behind the activation (and behind the product of a gated
MLP); a head is what it gathers in front of its slice of the output projection. Both are counted layer by layer, a
layer's heads before its neurons: ``a3.h7``, ``m5.n123``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgewise.errors import SelectionError
from edgewise.graph.arrays import BoolArray, IntArray, read_only
from edgewise.graph.spec import GraphSpec

__all__ = ["NeuronGraph"]

_NAME = re.compile(r"a(\d+)\.h(\d+)|m(\d+)\.n(\d+)")


@dataclass(frozen=True)
class NeuronGraph:
    """The nodes of a model whose MLPs are taken apart.

    Args:
        spec: the shape of the model's graph.
        widths: how many neurons each layer's MLP has; 0 where a layer has none.

    Raises:
        SelectionError: another number of layers than the graph has.
    """

    spec: GraphSpec
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check the number of layers."""
        if len(self.widths) != self.spec.n_layers:
            raise SelectionError(f"widths of {len(self.widths)} layers; the graph has {self.spec.n_layers}")

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return sum(self.widths)

    @property
    def n_heads(self) -> int:
        """Number of heads of all layers."""
        return self.spec.n_layers * self.spec.n_heads

    @property
    def n_nodes(self) -> int:
        """Number of both together."""
        return self.n_heads + self.n_neurons

    def heads(self, layer: int) -> slice:
        """Where a layer's heads stand."""
        return slice(self._starts[layer], self._starts[layer] + self.spec.n_heads)

    def neurons(self, layer: int) -> slice:
        """Where a layer's neurons stand."""
        return slice(self._starts[layer] + self.spec.n_heads, self._starts[layer + 1])

    @cached_property
    def is_neuron(self) -> BoolArray:
        """Which nodes are neurons, bool ``[n_nodes]``."""
        marks = np.ones(self.n_nodes, dtype=np.bool_)
        for layer in range(self.spec.n_layers):
            marks[self.heads(layer)] = False
        return read_only(marks)

    @cached_property
    def layers(self) -> IntArray:
        """Each node's layer, ``[n_nodes]``."""
        sizes = [self.spec.n_heads + width for width in self.widths]
        return read_only(np.repeat(np.arange(self.spec.n_layers), sizes))

    def name(self, node: int) -> str:
        """Return the name of a node."""
        layer = int(self.layers[node])
        within = node - self._starts[layer]
        heads = self.spec.n_heads
        return f"a{layer}.h{within}" if within < heads else f"m{layer}.n{within - heads}"

    def node(self, name: str) -> int:
        """Return where the node of a name stands.

        Raises:
            SelectionError: no such head or neuron.
        """
        found = _NAME.fullmatch(name)
        layer = int(found[1] or found[3]) if found else self.spec.n_layers
        if found is not None and layer < self.spec.n_layers:
            at, number = (self.heads(layer), found[2]) if found[1] else (self.neurons(layer), found[4])
            if int(number) < at.stop - at.start:
                return int(at.start) + int(number)
        last = self.spec.n_layers - 1
        raise SelectionError(
            f"no node '{name}': nodes are heads, a0.h0 to a{last}.h{self.spec.n_heads - 1}, and neurons, m0.n0 to"
            f" m{last}.n{self.widths[last] - 1}"
        )

    def nodes(self, names: Iterable[str]) -> list[int]:
        """Return where the nodes of some names stand, rising, each once.

        Raises:
            SelectionError: no such head or neuron, or one text in the place of several.
        """
        if isinstance(names, str):
            raise SelectionError(f"names are given as a list, such as ['{names}']")
        return sorted({self.node(name) for name in names})

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        sizes = [self.spec.n_heads + width for width in self.widths]
        return (0, *np.cumsum(sizes).tolist())
