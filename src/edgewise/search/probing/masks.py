"""What is masked: inner nodes or edges; and runs with the masks, differentiable with respect to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from edgewise.engine.patching.nodes import CorruptedNodes, corrupted_nodes, masked_logits
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import Baseline, corrupted_run, resample_from
from edgewise.errors import DataError, SettingError
from edgewise.graph import Graph
from edgewise.graph.arrays import FloatArray
from edgewise.graph.inner import edge_values
from edgewise.models import Model
from edgewise.search.probing.opening import Opening
from edgewise.search.table.cells import Array

Kind = Literal["node", "edge"]
NODES_ANYWHERE = "masks on nodes are the same at all positions; give --masks edge, or leave --positions out"


@dataclass(frozen=True, eq=False)
class NodeMasks:
    """A mask for q, k and v of each head and for each MLP; a masked node takes its value on the corrupted prompt.

    Attributes:
        memory: how many times the memory of attribution a prompt takes.
    """

    graph: Graph
    memory: float = 1.0

    @property
    def n(self) -> int:
        """Number of masks."""
        return self.graph.logits

    def weights(self) -> Array:
        """Of the masks in the penalty: a mean over layers, and over all q, all k, all v, and the MLP of each."""
        graph, groups = self.graph, list[slice]()
        for layer in range(graph.spec.n_layers):
            groups += [graph.q(layer), graph.k(layer), graph.v(layer)]
            if graph.spec.has_mlp:
                groups.append(slice(graph.mlp(layer), graph.mlp(layer) + 1))
        weights = np.empty(self.n)
        for group in groups:
            weights[group] = 1 / (len(groups) * (group.stop - group.start))
        return weights

    def edge_values(self, values: Array) -> FloatArray:
        """From one number a mask, at most 1, to that at which each edge goes."""
        return edge_values(self.graph, values, 1.0)

    def open(self, model: Model, batch: Batch) -> Opening:
        """Run the prompts of a batch corrupted and clean."""
        corrupted = corrupted_nodes(model, batch)
        run = partial(_with_nodes, model, corrupted)
        with torch.no_grad():
            clean = run(torch.ones(self.n, device=model.device))
        return Opening(batch, run, clean, corrupted.logits, corrupted.n_bytes)


@dataclass(frozen=True, eq=False)
class EdgeMasks:
    """A mask for each edge; a destination reads the corrupted value of the source along a masked edge.

    Where the graph's edges are kept apart by place, one for each edge at each place.

    Attributes:
        memory: how many times the memory of attribution a prompt takes: every destination's own stream is kept.
    """

    graph: Graph
    memory: float = 10.0

    @property
    def n(self) -> int:
        """Number of masks."""
        return self.graph.n_edges

    def weights(self) -> Array:
        """Of the masks in the penalty: a mean."""
        return np.full(self.n, 1 / self.n)

    def edge_values(self, values: Array) -> FloatArray:
        """From one number a mask to one an edge."""
        spread: FloatArray = np.full(self.graph.mask.shape, np.nan)
        spread[self.graph.mask] = values
        return spread

    def open(self, model: Model, batch: Batch) -> Opening:
        """Run the prompts of a batch corrupted and clean."""
        outputs, corrupted, cache = corrupted_run(model, batch)
        baseline = resample_from(batch, outputs, cache)
        edges = tuple(torch.tensor(np.argwhere(self.graph.mask).T, device=model.device))
        run = partial(_with_edges, model, baseline, self.graph, edges)
        with torch.no_grad():
            clean = run(torch.ones(self.n, device=model.device))
        kept = (baseline.replacement.embedding, *baseline.replacement.heads, *baseline.replacement.mlps)
        return Opening(batch, run, clean, corrupted, sum(tensor.nbytes for tensor in kept))


Masks = NodeMasks | EdgeMasks


def require_kind(kind: str) -> None:
    """Refuse what is no kind of masks. Raises DataError."""
    if kind not in get_args(Kind):
        raise DataError(f"masks {kind!r} are not known; use 'node' or 'edge'")


def masks_of(kind: str, graph: Graph) -> Masks:
    """The masks of a kind, ``"node"`` or ``"edge"``.

    Raises:
        DataError: another kind.
        SettingError: masks on nodes where edges are kept apart by place, or any where they are by reader.
    """
    require_kind(kind)
    if graph.readers:
        raise SettingError("masks do not keep edges apart by reader; leave --readers out")
    if kind == "node" and graph.places:
        raise SettingError(NODES_ANYWHERE)
    return NodeMasks(graph) if kind == "node" else EdgeMasks(graph)


def _with_nodes(model: Model, corrupted: CorruptedNodes, kept: Tensor) -> Tensor:
    return masked_logits(model, corrupted, kept[None])


def _with_edges(model: Model, baseline: Baseline, graph: Graph, edges: tuple[Tensor, ...], kept: Tensor) -> Tensor:
    patched = kept.new_zeros(graph.mask.shape).index_put(edges, 1 - kept)
    return patched_logits(model, baseline, patched[None])[0]
