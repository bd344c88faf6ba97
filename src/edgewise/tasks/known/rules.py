"""How a published circuit is written down: classes of nodes, and which class feeds which input of which.

A rule stands for all pairs of a node of its sources and a node of its readers, at the inputs it names, as far as the
reader is computed after the source. A rule that stands for no edge is a slip and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgewise.errors import SelectionError
from edgewise.graph import Graph


@dataclass(frozen=True)
class EdgeRule:
    """One sentence of a circuit: these nodes are read by those.

    Args:
        sources: classes or nodes, separated by commas.
        readers: classes or nodes, separated by commas; ``logits`` is a reader too.
        inputs: at which inputs heads read: letters of ``"qkv"``. MLPs and ``logits`` have one input only.
    """

    sources: str
    readers: str
    inputs: str = ""


def heads(text: str) -> tuple[str, ...]:
    """Heads written ``layer.head``: ``"9.6 10.0"`` are ``a9.h6`` and ``a10.h0``."""
    return tuple("a{}.h{}".format(*head.split(".")) for head in text.split())


def mlps(layers: Iterable[int]) -> tuple[str, ...]:
    """The MLPs of these layers."""
    return tuple(f"m{layer}" for layer in layers)


def edges_of(rules: Sequence[EdgeRule], groups: Mapping[str, tuple[str, ...]], graph: Graph) -> tuple[str, ...]:
    """Return the names of the edges that rules stand for, in the graph's order.

    Args:
        rules: the sentences; an edge may follow from several.
        groups: class -> nodes. Names that are no class are nodes.
        graph: which edges there can be.

    Raises:
        SelectionError: a node that the graph does not have, or a rule that stands for no edge.
    """
    found: set[tuple[int, int]] = set()
    for rule in rules:
        columns = [graph.destination_index(name) for name in _places(rule, groups)]
        rows = [graph.source_index(name) for name in _members(rule.sources, groups)]
        meant = {(i, j) for i in rows for j in columns if graph.mask[i, j]}
        if not meant:
            raise SelectionError(f"rule '{rule.sources} -> {rule.readers}' stands for no edge of the model")
        found |= meant
    return tuple(graph.edge_name(i, j) for i, j in sorted(found))


def _members(names: str, groups: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for name in names.split(", "):
        yield from groups.get(name, (name,))


def _places(rule: EdgeRule, groups: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for node in _members(rule.readers, groups):
        yield from [f"{node}<{letter}>" for letter in rule.inputs] if node.startswith("a") else [node]
