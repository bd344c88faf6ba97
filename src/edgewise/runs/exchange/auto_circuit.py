"""auto-circuit's ``PruneScores``: a ``.pt`` of a dict, module that reads -> scores of the edges into it.

A module of heads has ``[n_heads, n_sources_before]``, an MLP and the last ``hook_resid_post`` ``[n_sources_before]``;
sources stand in our order. A score there is the gradient of minus the answers' difference with respect to a mask that
is 1 where the edge is patched (``mask_gradient_prune_scores``): minus ours. Made for a factorised ``PatchableModel``
with ``separate_qkv``, where each head has its own key and value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgewise.errors import FormatError
from edgewise.graph import EdgeScores, Graph, kv_head_view, query_head_graph, query_head_view
from edgewise.runs.exchange.format import Exchanged, Format
from edgewise.runs.store.torch_bytes import tensor_of, torch_bytes, torch_content


def write(result: Exchanged) -> bytes:
    """The file."""
    import torch

    scores = result.edge_scores("auto-circuit")
    if scores is None:
        raise FormatError("auto-circuit's file is one of scores, and there are none; use acdc for a circuit")
    scores = query_head_view(scores)
    turned = 0 - np.nan_to_num(scores.values)
    return torch_bytes(
        {
            name: torch.from_numpy(np.ascontiguousarray(turned[:rows, columns].T))
            for name, rows, columns in _modules(scores.graph)
        }
    )


def read(content: bytes, graph: Graph) -> Exchanged:
    """The scores in a file."""
    found, by_query = torch_content(content), query_head_graph(graph)
    modules = {name: (rows, columns) for name, rows, columns in _modules(by_query)}
    if not isinstance(found, Mapping):
        raise FormatError(f"the file is {type(found).__name__}, expected a dict of modules")
    other = next((name for name in found if name not in modules), None)
    if other is not None:
        raise FormatError(f"module {other!r:.60} is none that a model of this shape reads at")
    values = np.full(by_query.mask.shape, np.nan)
    for name, (rows, columns) in modules.items():
        if name not in found:
            raise FormatError(f"module '{name}' is missing")
        shape = (rows,) if isinstance(columns, int) else (columns.stop - columns.start, rows)
        values[:rows, columns] = 0 - tensor_of(found[name], shape, f"module '{name}'").T
    scores = EdgeScores(by_query, values)
    return Exchanged(graph, None, kv_head_view(scores, graph.spec))


def _modules(graph: Graph) -> Iterator[tuple[str, int, slice | int]]:
    """Every module that reads: its name, how many sources come before it, and its columns."""
    for layer in range(graph.spec.n_layers):
        before = graph.sources_before_attention(layer)
        for letter, columns in zip("qkv", (graph.q(layer), graph.k(layer), graph.v(layer)), strict=True):
            yield f"blocks.{layer}.hook_{letter}_input", before, columns
        if graph.spec.has_mlp:
            yield f"blocks.{layer}.hook_mlp_in", graph.sources_before_mlp(layer), graph.mlp(layer)
    yield f"blocks.{graph.spec.n_layers - 1}.hook_resid_post", graph.n_sources, graph.logits


FORMAT = Format(
    "auto-circuit's PruneScores as tensors",
    ".pt",
    "scores",
    "minus ours",
    "the circuit; spreads, what is exact; an edge without a score gets 0; heads that share a key and value get one"
    " each",
    write,
    read,
)
