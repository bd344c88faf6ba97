"""EAP's scores of some edges against the slopes of their exact effects.

The score is the derivative of L along the edge's change. With L(h) the metric of a run in which the edge carries
``o_u + h (o'_u - o_u)``, the slope is measured from four runs, with an error of the order of h⁴:

    D(h) = (L(h) - L(-h)) / (2 h),    slope = (4 D(h) - D(2 h)) / 3

How far D(h) and D(2 h) are apart says how well the measurement itself is resolved: rounding at one end, curvature at
the other. Only what a score is off beyond that counts as its error, and an edge that is not resolved to the tolerance
is said to be so.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgewise.engine.check.rows import CheckRow
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import repeated_cache
from edgewise.engine.run.memory import most_tokens
from edgewise.engine.run.metric_gradient import metric_at
from edgewise.engine.run.replacement import Baseline, Replacement
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.graph import Graph
from edgewise.metrics import get_metric
from edgewise.models import Model

N_EDGES, MOST_LAYERS = 50, 8
READERS = ("q", "k", "v", "MLP", "logits")
WRITERS = ("input", "head", "MLP")

# The smaller of the two steps, by the share of the edge's change, and the error allowed.
SLOPE = {torch.float64: (3e-3, 3e-3), torch.float32: (0.01, 3e-2)}
# Errors are relative to the largest score into the same kind of destination, or to this share of the largest of all:
# rounding is that of the whole run.
SHARE = 1e-2

METRIC = get_metric("logit-diff")
Done = Callable[[int], None]
IntArray: TypeAlias = npt.NDArray[np.intp]


def scores_of(model: Model, batch: Batch) -> Tensor:
    """EAP's scores of every edge, the mean over the prompts, ``[n_sources, n_destinations]``."""

    def gradient(logits: Tensor, clean: Tensor) -> Tensor:
        return metric_at(METRIC, logits, batch.metric, clean).gradient

    return edge_scores(model, batch, gradient, Buffers()).edges.double().mean(0)


def slope_rows(model: Model, batch: Batch, baseline: Baseline, clean: CleanRun, done: Done) -> list[CheckRow]:
    """One row for each kind of destination: edges into it, drawn at random from every kind of source."""
    graph, scores = model.graph, scores_of(model, batch).cpu()
    edges = spread(graph, N_EDGES)
    step, tolerance = SLOPE[model.dtype]
    slopes = slopes_of(model, batch, baseline, clean, edges, step, done)
    reading, writing, largest = readers(graph), writers(graph), float(scores.abs().max())
    rows = []
    for kind, name in enumerate(READERS):
        mine = [number for number, edge in enumerate(edges) if reading[edge[1]] == kind]
        if not mine:
            continue
        into = scores[:, torch.tensor(reading == kind)]
        scale = max(float(into.abs().max()), SHARE * largest, 1e-30)
        doubts = [slopes[i].doubt / scale for i in mine]
        usual = statistics.median(doubts)  # the two steps of one edge may agree by chance
        off = [abs(float(scores[edges[i]]) - slopes[i].value) / scale for i in mine]
        beyond = [far - max(doubt, usual) for far, doubt in zip(off, doubts, strict=True)]
        errors = [0.0 if value < 0 else value for value in beyond]  # not a number stays what it is
        worst = max(range(len(mine)), key=lambda i: (not errors[i] <= tolerance, errors[i]))
        found = ", ".join(WRITERS[writer] for writer in sorted({int(writing[edges[i][0]]) for i in mine}))
        unresolved = sum(doubt > tolerance for doubt in doubts)
        detail = f"{len(mine)} edges from {found}; worst: {graph.edge_name(*edges[mine[worst]])}"
        detail += f"; {unresolved} not resolved" if unresolved else ""
        rows.append(CheckRow.of(f"EAP = exact slope, into {name}", errors[worst], tolerance, detail))
    return rows


@dataclass(frozen=True)
class Slope:
    """A measured slope, and how far its two step sizes are apart."""

    value: float
    doubt: float


def slopes_of(
    model: Model,
    batch: Batch,
    baseline: Baseline,
    clean: CleanRun,
    edges: Sequence[tuple[int, int]],
    step: float,
    done: Done,
) -> list[Slope]:
    """The measured slope of each edge's exact effect; the prompts are run side by side with all four steps.

    Args:
        model: the model.
        batch: the prompts.
        baseline: they, and what patched edges carry.
        clean: their clean run.
        edges: source rows and destination columns.
        step: the smaller of the two steps.
        done: told how many edges are behind.
    """
    shares = (step, -step, 2 * step, -2 * step)
    patches = SinglePatches(model, _stepped(baseline, clean, shares))
    places: dict[object, list[int]] = {}
    for number, (_, column) in enumerate(edges):
        places.setdefault(model.graph.reader(column), []).append(number)
    at_once = max(1, most_tokens(model.device) // (len(shares) * baseline.ids.numel()))
    groups = [mine[i : i + at_once] for mine in places.values() for i in range(0, len(mine), at_once)]
    slopes, behind = [Slope(math.nan, math.nan)] * len(edges), 0
    for numbers in groups:
        for i, logits in zip(numbers, patches.edges([edges[i] for i in numbers]), strict=True):
            wide = logits.to(accumulation_dtype(logits.dtype)).unflatten(0, (len(shares), -1))
            up, down, up_twice, down_twice = (float(METRIC(one, batch.metric).double().mean()) for one in wide)
            near, far = (up - down) / (2 * step), (up_twice - down_twice) / (4 * step)
            slopes[i] = Slope((4 * near - far) / 3, abs(near - far))
        behind += len(numbers)
        done(behind)
    return slopes


def rank_correlation(found: Tensor, expected: Tensor, graph: Graph) -> float:
    """Spearman's, over all edges."""
    first, second = (_ranks(scores.cpu().double().numpy()[graph.mask]) for scores in (found, expected))
    return float(np.corrcoef(first, second)[0, 1])


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


def _stepped(baseline: Baseline, clean: CleanRun, shares: Sequence[float]) -> Baseline:
    """The prompts once for each share of its change that a patched edge carries beside what its source writes."""
    times = len(shares)

    def between(now: Tensor, then: Tensor) -> Tensor:
        wide = accumulation_dtype(now.dtype)
        return torch.cat([torch.lerp(now.to(wide), then.to(wide), share) for share in shares])

    now, then = clean.outputs, baseline.replacement
    heads, mlps = (tuple(map(between, a, b)) for a, b in ((now.heads, then.heads), (now.mlps, then.mlps)))
    return Baseline(
        baseline.ids.repeat(times, 1),
        baseline.answers.repeated(times),
        Replacement(between(now.embedding, then.embedding), heads, mlps),
        repeated_cache(baseline.cache, times),
    )


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ranks, ties sharing their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])
