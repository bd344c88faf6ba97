"""Many edges by name at once: where they stand, and what is said of each, in arrays.

Whatever is out of the ordinary, a name in another spelling or a value of another kind, gives None: then whoever asks
looks at the edges one by one, and can name the one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import methodcaller
from typing import Any

import numpy as np

from edgewise.graph.arrays import FloatArray
from edgewise.graph.graph import Graph

__all__ = ["field_of", "numbers", "places_of_edges"]

Places = tuple[np.ndarray[Any, np.dtype[np.intp]], ...]
# A smaller share of a graph's edges is looked up one by one: a table of all names costs more.
_SHARE = 8


def places_of_edges(names: Sequence[str], graph: Graph) -> Places | None:
    """Return where each edge stands in the graph's mask, an array an axis; None where they are to be looked up singly.

    Args:
        names: of edges, in any order, maybe some twice.
        graph: the graph.
    """
    if len(names) * _SHARE < graph.n_edges:
        return None
    own = graph.edge_names()
    every = np.nonzero(graph.mask)
    if names == own:
        return every
    found = list(map(dict(zip(own, range(len(own)), strict=True)).get, names))
    if None in found:
        return None
    order = np.array(found, dtype=np.intp)
    return tuple(axis[order] for axis in every)


def field_of(entries: Collection[Any], field: str, *kinds: type) -> list[Any] | None:
    """Return one field of many dicts, None where one lacks it; None where an entry is none, or a value of another kind.

    Args:
        entries: as parsed from a file.
        field: its name.
        kinds: types that it may have, exactly; ``type(None)`` where it may be missing.
    """
    if set(map(type, entries)) - {dict}:
        return None
    values = list(map(methodcaller("get", field), entries))
    return None if set(map(type, values)) - set(kinds) else values


def numbers(values: Sequence[float | None] | None) -> FloatArray | None:
    """Return them as float64, NaN for None; None where one is too large for that."""
    if values is None:
        return None
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        return None
