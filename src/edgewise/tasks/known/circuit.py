"""A circuit that is known beforehand, as a value: edges by name, classes of nodes, and where it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edgewise.errors import SelectionError
from edgewise.graph import Circuit, Graph, GraphSpec


@dataclass(frozen=True)
class KnownCircuit:
    """The edges of a circuit, what its nodes do, and the model it belongs to.

    Args:
        summary: one line on what it is and where it comes from.
        edges: names of its edges, each once; none where only what its nodes do was published.
        classes: class -> nodes; no node is in two classes. Nodes without a class are allowed.
        models: names of the model it was found in; empty for a file of the user's.
        spec: shape of that model; None where it is not known. Its width does not matter.
    """

    summary: str
    edges: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    models: tuple[str, ...] = ()
    spec: GraphSpec | None = None

    def __post_init__(self) -> None:
        """Freeze the classes; refuse a node of two of them."""
        object.__setattr__(self, "classes", MappingProxyType(dict(self.classes)))
        listed = [node for nodes in self.classes.values() for node in nodes]
        twice = next((node for node in listed if listed.count(node) > 1), None)
        if twice is not None:
            raise SelectionError(f"node '{twice}' is listed twice among the classes; list it once, in one class")

    @property
    def class_of(self) -> dict[str, str]:
        """Node -> class, in the order of the classes."""
        return {node: name for name, nodes in self.classes.items() for node in nodes}

    @property
    def nodes(self) -> tuple[str, ...]:
        """Its heads and MLPs: those of its edges, else those with a class."""
        ends = (end.partition("<")[0] for edge in self.edges for end in edge.split("->"))
        return tuple(dict.fromkeys(end for end in ends if end not in ("input", "logits"))) or tuple(self.class_of)

    def role(self, edge: str) -> str:
        """The class of the node an edge comes from; without one ``"input"``, ``"MLP"`` or ``"other head"``."""
        origin = edge.partition("->")[0]
        kind = "input" if origin == "input" else "MLP" if origin[:1] == "m" else "other head"
        return self.class_of.get(origin, kind)

    def fits(self, spec: GraphSpec) -> bool:
        """Whether a model's shape is that of the model this was found in, its width aside."""
        return self.spec is None or _shape(self.spec) == _shape(spec)

    def on(self, graph: Graph) -> Circuit:
        """Return its edges as a circuit of a model.

        Raises:
            SelectionError: the model lacks one of the edges; the message names the first.
        """
        try:
            return Circuit.from_edges(graph, self.edges)
        except SelectionError as error:
            raise SelectionError(f"{self.summary}: {error}; this circuit belongs to another model") from None


def _shape(spec: GraphSpec) -> tuple[int, int, int, bool, bool]:
    return spec.n_layers, spec.n_heads, spec.kv_heads, spec.has_mlp, spec.parallel
