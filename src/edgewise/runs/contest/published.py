"""How much of a published circuit each of some runs found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewise.evaluation.comparison import overlap
from edgewise.graph import Circuit
from edgewise.runs.store.folder import Run
from edgewise.tasks.known import KnownCircuit, find_known


@dataclass(frozen=True)
class FoundOfPublished:
    """What one run's circuit shares with the published one.

    Args:
        overlap: of the edges: those of both over those of either (Jaccard); None where no edges were published.
        edges: how many of the published edges it has; None likewise.
        nodes: how many of the published heads and MLPs it has.
    """

    overlap: float | None
    edges: int | None
    nodes: int


@dataclass(frozen=True)
class Published:
    """A published circuit of the runs' task in their model.

    Args:
        summary: what it is, and where it was published.
        edges: how many it has; 0 where only nodes were published.
        nodes: its heads and MLPs.
        runs: what each run found of it, in their order.
    """

    summary: str
    edges: int
    nodes: int
    runs: tuple[FoundOfPublished, ...]


def published(runs: Sequence[Run]) -> Published | None:
    """Hold runs against what is published of the first one's task in its model; None where nothing is.

    Args:
        runs: of one model.
    """
    first = runs[0]
    known = find_known(first.config.task, first.config.model)
    if known is None or not known.fits(first.circuit.graph.spec):
        return None
    return Published(
        known.summary, len(known.edges), len(known.nodes), tuple(_found(known, run.circuit) for run in runs)
    )


def _found(known: KnownCircuit, circuit: Circuit) -> FoundOfPublished:
    nodes = len(set(known.nodes) & set(circuit.nodes()))
    if not known.edges:
        return FoundOfPublished(None, None, nodes)
    truth = known.on(circuit.graph)
    return FoundOfPublished(overlap(truth, circuit), (truth & circuit).n_edges, nodes)
