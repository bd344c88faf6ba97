"""EAP's scores of some edges against the slopes of their exact effects, measured in float64 where that can be.

The score is the derivative of L along the edge's change; `slopes` says how the slope is measured, and how a kink within
the step is told from a wrong score. Only what a score is off beyond the doubt of the measurement counts as its error,
and an edge that is not resolved to the tolerance is said to be so.

A model in float32 is measured as a copy of it in float64, if there is room for one: its scores there are the slopes,
and its own are those but for rounding. Where they are not, as where rounding sends a token to another expert, its own
are held against slopes in float32.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgewise.engine.check.rows import CheckRow
from edgewise.engine.check.slopes import METRIC, Done, Edge, Probe, kinks
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.metric_gradient import metric_at
from edgewise.engine.run.room import has_room
from edgewise.graph import Graph
from edgewise.models import Model
from edgewise.models.precise import in_float64

N_EDGES, MOST_LAYERS = 50, 8
READERS = ("q", "k", "v", "MLP", "logits")
WRITERS = ("input", "head", "MLP")

# The smaller of the two steps, by the share of the edge's change, and the error allowed.
SLOPE = {torch.float64: (3e-3, 3e-3), torch.float32: (0.01, 3e-2)}
# Errors are relative to the largest score into the same kind of destination, or to this share of the largest of all:
# rounding is that of the whole run.
SHARE = 1e-2

# Weights of more numbers than these are not copied: a model of half a billion is checked in float32 in seconds.
MOST_COPIED = 500_000_000
# Bytes of a number while the copy is made: float32, and float64.
COPIED = 12

IntArray: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Judged:
    """One edge's score beside its slope, by the largest score into the same kind of destination.

    Args:
        error: how far off, beyond the measurement's own doubt.
        tolerance: how far it may be.
        doubt: of the measurement.
        kink: whether one was in the way, so that the error was told by smaller steps, or cannot be.
    """

    error: float
    tolerance: float
    doubt: float
    kink: bool = False

    @property
    def share(self) -> float:
        """The error by the tolerance; not a number stays what it is."""
        return self.error / self.tolerance


def scores_of(model: Model, batch: Batch) -> Tensor:
    """EAP's scores of every edge, the mean over the prompts, ``[n_sources, n_destinations]``."""

    def gradient(logits: Tensor, clean: Tensor) -> Tensor:
        return metric_at(METRIC, logits, batch.metric, clean).gradient

    return edge_scores(model, batch, gradient, Buffers()).edges.double().mean(0)


def slope_rows(model: Model, batch: Batch, done: Done) -> list[CheckRow]:
    """One row for each kind of destination: edges into it from every kind of source, the largest among them."""
    graph, scores = model.graph, scores_of(model, batch).cpu()
    edges, reading, writing = drawn(graph, scores), readers(graph), writers(graph)
    judged = _judged_precisely(model, batch, edges, scores, done)
    rows = []
    for kind, name in enumerate(READERS):
        mine = [number for number, edge in enumerate(edges) if reading[edge[1]] == kind]
        if not mine:
            continue
        worst = max(mine, key=lambda i: (not judged[i].share <= 1, judged[i].share))
        found = ", ".join(WRITERS[writer] for writer in sorted({int(writing[edges[i][0]]) for i in mine}))
        kinked = sum(judged[i].kink for i in mine)
        unresolved = sum(judged[i].doubt > judged[i].tolerance and not judged[i].kink for i in mine)
        detail = f"{len(mine)} edges from {found}; worst: {graph.edge_name(*edges[worst])}"
        detail += f"; {unresolved} not resolved" if unresolved else ""
        detail += f"; a kink lies within the step of {kinked}, told by smaller ones" if kinked else ""
        row = CheckRow.of(f"EAP = exact slope, into {name}", judged[worst].error, judged[worst].tolerance, detail)
        rows.append(row)
    return rows


def _scales(scores: Tensor, reading: IntArray, floor: float) -> list[float]:
    """What errors are relative to, for each kind of destination: never less than what rounding can be told from."""
    largest = float(scores.abs().max())
    into = [scores[:, torch.tensor(reading == kind)] for kind in range(len(READERS))]
    return [max(float(one.abs().max()) if one.numel() else 0.0, SHARE * largest, floor, 1e-30) for one in into]


def _judged_precisely(model: Model, batch: Batch, edges: Sequence[Edge], scores: Tensor, done: Done) -> list[Judged]:
    """By slopes in float64, and where scores in float32 are other ones, by slopes in float32 too."""
    size = sum(parameter.numel() for parameter in model.module.parameters())
    copied = size <= MOST_COPIED and has_room(COPIED * size, model.device)
    precise = model if model.dtype == torch.float64 else in_float64(model) if copied else None
    if precise is None or precise is model:
        return _judged(Probe(model, batch), edges, scores, done)
    exact = scores_of(precise, batch).cpu()
    judged = _judged(Probe(precise, batch), edges, exact, done)
    reading, tolerance, own = readers(model.graph), SLOPE[model.dtype][1], Probe(model, batch)
    scales = _scales(exact, reading, own.rounding / tolerance)
    apart = [
        i
        for i, edge in enumerate(edges)
        if not abs(float(scores[edge] - exact[edge])) <= tolerance * scales[int(reading[edge[1]])]
    ]
    if apart:
        again = _judged(own, [edges[i] for i in apart], scores, lambda behind: None)
        for i, one in zip(apart, again, strict=True):
            judged[i] = max(judged[i], one, key=lambda found: (not found.share <= 1, found.share))
    return judged


def _judged(probe: Probe, edges: Sequence[Edge], scores: Tensor, done: Done) -> list[Judged]:
    """By slopes of one model."""
    step, tolerance = SLOPE[probe.model.dtype]
    reading = readers(probe.model.graph)
    scales = _scales(scores, reading, probe.rounding / (step * tolerance))
    slopes = [sides.slope for sides in probe.sides(edges, step, done)]
    kinds = [int(reading[column]) for _, column in edges]
    doubts = [slope.doubt / scales[kind] for slope, kind in zip(slopes, kinds, strict=True)]
    # The two steps of one edge may agree by chance.
    usual = {kind: statistics.median(doubts[i] for i in range(len(edges)) if kinds[i] == kind) for kind in set(kinds)}
    found = []
    for i, edge in enumerate(edges):
        beyond = abs(float(scores[edge]) - slopes[i].value) / scales[kinds[i]] - max(doubts[i], usual[kinds[i]])
        found.append(Judged(0.0 if beyond < 0 else beyond, tolerance, doubts[i]))  # not a number stays what it is
    off = [i for i, one in enumerate(found) if not one.share <= 1]
    allowed = [tolerance * scales[kinds[i]] for i in off]
    told = kinks(probe, [edges[i] for i in off], [float(scores[edges[i]]) for i in off], allowed, step)
    for i in (i for i, kink in zip(off, told, strict=True) if kink):
        found[i] = Judged(0.0, tolerance, doubts[i], kink=True)
    return found


def rank_correlation(found: Tensor, expected: Tensor, graph: Graph) -> float:
    """Spearman's, over all edges."""
    first, second = (_ranks(scores.cpu().double().numpy()[graph.mask]) for scores in (found, expected))
    return float(np.corrcoef(first, second)[0, 1])


def drawn(graph: Graph, scores: Tensor) -> list[Edge]:
    """Edges at random, `N_EDGES` in all, and among them the largest into each kind of destination."""
    reading = readers(graph)
    sizes = scores.abs().masked_fill(~torch.tensor(graph.mask), -1.0)
    best = []
    for kind in sorted(set(reading.tolist())):
        into = sizes.masked_fill(~torch.tensor(reading == kind), -1.0)
        best.append(divmod(int(into.argmax()), graph.n_destinations))
    others = [edge for edge in spread(graph, N_EDGES) if edge not in best]
    return [*best, *others[: N_EDGES - len(best)]]


def spread(graph: Graph, count: int, seed: int = 0) -> list[tuple[int, int]]:
    """So many edges at random, in turn from every kind: of source, and of destination.

    Those of a deep model lead into some of its layers, also drawn at random: every place is a run of its own.
    """
    draw, reading, writing = np.random.default_rng(seed), readers(graph), writers(graph)
    rows, columns = np.nonzero(graph.mask)
    layers = {graph.spec.n_layers, *draw.permutation(graph.spec.n_layers)[:MOST_LAYERS].tolist()}
    order = draw.permutation(len(rows))
    kinds: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        kind = int(reading[column]), int(writing[row])
        if graph.reader(column)[0] in layers and len(kinds.setdefault(kind, [])) < count:
            kinds[kind].append((row, column))
    turns = [edge for turn in range(count) for kind in sorted(kinds) for edge in kinds[kind][turn : turn + 1]]
    return turns[:count]


def readers(graph: Graph) -> IntArray:
    """Of each destination, its kind: a place in `READERS`."""
    kinds = np.full(graph.n_destinations, READERS.index("logits"), dtype=np.intp)
    for layer in range(graph.spec.n_layers):
        for kind, at in enumerate((graph.q(layer), graph.k(layer), graph.v(layer))):
            kinds[at] = kind
        if graph.spec.has_mlp:
            kinds[graph.mlp(layer)] = READERS.index("MLP")
    return kinds


def writers(graph: Graph) -> IntArray:
    """Of each source, its kind: a place in `WRITERS`."""
    kinds = np.zeros(graph.n_sources, dtype=np.intp)
    for layer in range(graph.spec.n_layers):
        kinds[graph.head_sources(layer)] = WRITERS.index("head")
        if graph.spec.has_mlp:
            kinds[graph.mlp_source(layer)] = WRITERS.index("MLP")
    return kinds


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ranks, ties sharing their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])
