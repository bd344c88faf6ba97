"""Circuits as pairs of TransformerLens's hooks, ``("blocks.0.attn.hook_result[1]", "blocks.1.hook_q_input[0]")``.

Such lists, ACDC's and InterpBench's, also have edges inside a head or an MLP, from its input to its output, and from
the embeddings to the stream: these are no edges here and are passed over. ``hook_embed`` and ``hook_pos_embed`` as
senders are ``input``.
"""

from __future__ import annotations

import re
from typing import Any

from edgewise.errors import FormatError, SelectionError
from edgewise.graph.circuit import Circuit
from edgewise.graph.graph import Graph
from edgewise.graph.hook_names import TRANSFORMER_LENS, hook_names_of_graph
from edgewise.graph.kv_heads import kv_head_view, query_head_graph

__all__ = ["circuit_of_hooks"]

_INSIDE = re.compile(r"blocks\.\d+\.(attn\.hook_[qkvz]|hook_[qkv]_input|hook_mlp_in|mlp\.hook_(pre|post))(\[\d+\])?")
_EMBEDDINGS = ("hook_embed", "hook_pos_embed")
_STREAM = "blocks.0.hook_resid_pre"


def circuit_of_hooks(pairs: Any, graph: Graph) -> Circuit:
    """Return the circuit of a list of pairs of hooks, sender first.

    Args:
        pairs: as read from a file.
        graph: the model's.

    Raises:
        FormatError: not a list of pairs of text, a hook that the model does not have, or an edge that there is not; it
            names the pair.
    """
    if not isinstance(pairs, list | tuple | set | frozenset):
        raise FormatError(f"the file is {type(pairs).__name__}, expected a list of pairs of hooks")
    by_query = query_head_graph(graph)
    names = hook_names_of_graph(by_query, TRANSFORMER_LENS)
    edges = []
    for number, pair in enumerate(pairs):
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(end, str) for end in pair):
            raise FormatError(f"edge number {number} is {pair!r:.60}, expected (sender, receiver)")
        sender, receiver = pair
        if _INSIDE.fullmatch(sender) or (sender in _EMBEDDINGS and receiver == _STREAM):
            continue
        name = f"{_STREAM if sender in _EMBEDDINGS else sender}->{receiver}"
        try:
            edges.append(names.ours(name))
            by_query.edge(edges[-1])
        except SelectionError as error:
            raise FormatError(f"edge number {number}: {error}") from None
    return kv_head_view(Circuit.from_edges(by_query, edges), graph.spec)
