"""Whether what is given is of the graph that a model has on some prompts."""

from __future__ import annotations

from edgewise.errors import SelectionError
from edgewise.graph.graph import Graph
from edgewise.graph.place_names import where_in_words


def require_same(what: str, own: Graph, graph: Graph) -> None:
    """Refuse what is of another graph.

    Args:
        what: it, in a word.
        own: its graph.
        graph: that of the model on the prompts.

    Raises:
        SelectionError: they differ, in shape or in places.
    """
    if own.spec != graph.spec:
        raise SelectionError(f"the {what} is of {own.spec}, the model has {graph.spec}; give its own")
    if own != graph:
        mine, theirs = (where_in_words(one.places, one.readers) for one in (own, graph))
        raise SelectionError(f"edges of the {what} are {mine}; here {theirs}; give prompts of the same spans")
