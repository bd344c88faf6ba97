"""The residual-stream graph of a transformer: who writes, who reads, and which edges exist.

Sources, in order: ``input``, then for every layer its heads ``a3.h0, a3.h1, ...`` and its MLP ``m3``.
Destinations, in order: for every layer all ``<q>``, all ``<k>``, all ``<v>``, then the MLP; last ``logits``.
An edge leads from a source to every destination that is computed after it.

Where edges are kept apart by place in the prompt, each is there once for every place: ``a0.h1->m3@S2``. Where they are
kept apart by reader too, those into keys and values are there once for every place at which a head reads what stands at
theirs: ``a0.h1->a3.h2<k>@S1->END``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgewise.errors import SelectionError, did_you_mean
from edgewise.graph.arrays import BoolArray, read_only
from edgewise.graph.hook_names import own_name
from edgewise.graph.layout import Layout
from edgewise.graph.place_names import checked_places

__all__ = ["Graph"]

# So many places are named in a message.
_SHOWN = 8


@dataclass(frozen=True)
class Graph(Layout):
    """All sources, all destinations and the mask of the edges that exist; equal where spec and places are.

    With L layers, H heads, K key/value heads and M = 1 with MLPs, else 0:
    ``n_sources = 1 + L (H + M)`` and ``n_destinations = L (H + 2 K + M) + 1``.

    Args:
        spec: the model's shape.
        places: names of the places in the prompt at which edges are kept apart; none for edges over all positions.
        readers: whether edges into keys and values are also kept apart by the place of the query that reads them.

    Attributes:
        sources: names of the nodes that write, `[n_sources]`.
        destinations: names of what reads, `[n_destinations]`.
        mask: bool `[n_sources, n_destinations]`, True where an edge exists; with places, `[n_sources, n_destinations,
            n_places]`; with readers a last axis more, of their places, which are the edge's own where it does not lead
            into keys and values.
        reads: bool `[n_sources, n_destinations]`, True where the destination is an input of the source's own
            node: ``a3.h7`` reads ``a3.h7<q>`` and the k and v of its key/value head. ``input`` reads nothing.
    """

    places: tuple[str, ...] = ()
    readers: bool = False
    sources: tuple[str, ...] = field(init=False, compare=False, repr=False)
    destinations: tuple[str, ...] = field(init=False, compare=False, repr=False)
    mask: BoolArray = field(init=False, compare=False, repr=False)
    reads: BoolArray = field(init=False, compare=False, repr=False)
    n_edges: int = field(init=False, compare=False, repr=False)
    _source_index: dict[str, int] = field(init=False, compare=False, repr=False)
    _destination_index: dict[str, int] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Derive names, masks and look-up tables from the spec."""
        object.__setattr__(self, "places", checked_places(self.places))
        sources, destinations = self.source_names(), self.destination_names()
        derived = {
            "sources": sources,
            "destinations": destinations,
            "_source_index": {name: i for i, name in enumerate(sources)},
            "_destination_index": {name: j for j, name in enumerate(destinations)},
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "mask", read_only(self._by_place(self.edge_mask())))
        object.__setattr__(self, "reads", read_only(self.read_mask()))
        object.__setattr__(self, "n_edges", int(self.mask.sum()))

    # Names

    def source_index(self, name: str) -> int:
        """Return the row of a source, by our name or by TransformerLens's or nnterp's, see `hook_names`.

        Raises:
            SelectionError: there is no such source.
        """
        index = _at(name, self._source_index, self)
        if index is None:
            raise SelectionError(f"unknown source '{name:.80}'{did_you_mean(name, self.sources)}")
        return index

    def destination_index(self, name: str) -> int:
        """Return the column of a destination, by our name or another's, as `source_index`."""
        index = _at(name, self._destination_index, self)
        if index is None:
            raise SelectionError(f"unknown destination '{name:.80}'{self._destination_hint(name)}")
        return index

    @property
    def n_places(self) -> int:
        """Number of places at which edges are kept apart; 1 where none are."""
        return len(self.places) or 1

    @property
    def plain(self) -> Graph:
        """The same graph with edges over all positions."""
        return Graph(self.spec) if self.places else self

    def at_places(self, places: Sequence[str], readers: bool = False) -> Graph:
        """The same graph with edges kept apart at some places. Raises SelectionError for names that cannot be."""
        return Graph(self.spec, tuple(places), readers)

    def edge(self, name: str) -> tuple[int, ...]:
        """Return (source row, destination column) of an edge such as ``"a0.h1->m3"``.

        With places there is a third number, that of the place: of ``"a0.h1->m3@S2"``; with readers a fourth.

        Raises:
            SelectionError: not an edge name, an unknown end or place, or a destination computed before the source.
        """
        plain, at, where = name.partition("@")
        ends = self._ends(plain)
        if not self.places:
            if at:
                raise SelectionError(f"edge '{name}': edges here are of all positions; write '{plain}'")
            return ends
        place, arrow, reader = where.partition("->")
        moves = self.readers and bool(self.moved[ends[1]])
        if not at:
            like = f"{self.places[0]}->{self.places[-1]}" if moves else self.places[0]
            raise SelectionError(f"edge '{name}': no place; write e.g. '{plain}@{like}'{self._known_places(place)}")
        numbers = [self._place(name, one) for one in ((place, reader) if arrow else (place,))]
        if moves and not arrow:
            raise SelectionError(f"edge '{name}': no reader; write e.g. '{plain}@{place}->{self.places[-1]}'")
        if arrow and not moves:
            kept = "keys and values alone have readers" if self.readers else "edges here are not kept apart by reader"
            raise SelectionError(f"edge '{name}': {kept}; write '{plain}@{place}'")
        return (*ends, *numbers, *numbers)[: 3 + self.readers]

    def _place(self, name: str, place: str) -> int:
        if place not in self.places:
            raise SelectionError(f"edge '{name}': unknown place '{place}'{self._known_places(place)}")
        return self.places.index(place)

    def _known_places(self, place: str) -> str:
        return (
            did_you_mean(place, self.places)
            or f"; the places: {', '.join(self.places[:_SHOWN])}{', ...' if len(self.places) > _SHOWN else ''}"
        )

    def _ends(self, name: str) -> tuple[int, int]:
        source, arrow, destination = name.partition("->")
        if not arrow:
            raise SelectionError(f"'{name:.80}' is not an edge name; write 'source->destination', e.g. 'a0.h1->m3'")
        try:
            i, j = self.source_index(source), self.destination_index(destination)
        except SelectionError as error:
            raise SelectionError(f"edge '{name:.160}': {error}") from None
        if not self.mask[i, j].any():
            raise SelectionError(f"edge '{name}' does not exist: {destination} does not read after {source} writes")
        return i, j

    def edge_name(self, i: int, j: int, *where: int) -> str:
        """Return the name of the edge from source row `i` to destination column `j`, at a place where there are any."""
        ends = f"{self.sources[i]}->{self.destinations[j]}"
        return f"{ends}@{self.place_name(j, *where)}" if where else ends

    def place_name(self, j: int, place: int, reader: int | None = None) -> str:
        """Return the place of an edge to destination column `j`, and behind an arrow that of its reader, if any."""
        at = self.places[place]
        return at if reader is None or not self.moved[j] else f"{at}->{self.places[reader]}"

    def edge_names(self) -> list[str]:
        """Return the names of all edges, source after source: the order of ``values[graph.mask]``."""
        if self.places:
            return [name for _, name in self.named_edges()]
        into, ends = self.mask, np.array([f"->{name}" for name in self.destinations], dtype=object)
        return [name + end for name, row in zip(self.sources, into, strict=True) for end in ends[row].tolist()]

    def edges(self) -> Iterator[tuple[int, int, str]]:
        """Iterate over (row, column, name) of every pair of ends, source after source."""
        for i, j in np.argwhere(self.any_place(self.mask)).tolist():
            yield i, j, self.edge_name(i, j)

    def named_edges(self) -> Iterator[tuple[tuple[int, ...], str]]:
        """Iterate over where each edge stands in `mask`, and its name."""
        for at in np.argwhere(self.mask).tolist():
            yield tuple(at), self.edge_name(*at)

    def any_place(self, mask: BoolArray) -> BoolArray:
        """Which pairs of ends a mask of edges has at any place, `[n_sources, n_destinations]`."""
        return np.asarray(mask.any(axis=tuple(range(2, mask.ndim))), dtype=np.bool_) if mask.ndim > 2 else mask

    @property
    def in_words(self) -> str:
        """Its shape, and the places that keep its edges apart, for messages."""
        apart = f" at {', '.join(self.places)}{' by reader' if self.readers else ''}" if self.places else ""
        return f"{self.spec}{apart}"

    # How it is derived

    def _by_place(self, mask: BoolArray) -> BoolArray:
        """A mask of ends with the axes of places."""
        if not self.places:
            return mask
        n = len(self.places)
        if not self.readers:
            return np.repeat(mask[..., None], n, axis=-1)
        here = np.eye(n, dtype=np.bool_)
        return np.asarray(mask[..., None, None] & (self.moved[:, None, None] | here), dtype=np.bool_)

    def _destination_hint(self, name: str) -> str:
        """Say what to write instead: the inputs of a head, or the key/value head that serves it."""
        head, _, letter = name.partition("<")
        row = self._source_index.get(head)
        if row is None or row == self.input_source:
            return did_you_mean(name, self.destinations)
        inputs = [self.destinations[j] for j in np.flatnonzero(self.reads[row])]
        meant = [place for place in inputs if letter and place.endswith(f"<{letter.lower()}")]
        return f"; did you mean '{meant[0]}'?" if meant else f"; {head} reads at {', '.join(inputs)}"


def _at(name: str, index: dict[str, int], graph: Graph) -> int | None:
    return index[name] if name in index else index.get(own_name(name, graph) or "")
