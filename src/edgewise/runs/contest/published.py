"""What is published of a task in a model: no model is looked at, and no library of models loaded."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.errors import RunError, SelectionError
from edgewise.graph import Circuit, Graph
from edgewise.runs.config import RunConfig
from edgewise.settings.memory_names import called
from edgewise.tasks.known import KnownCircuit, find_known

ASKED_KNOWN = "known"


@dataclass(frozen=True)
class AskedCircuit:
    """A circuit that results are held against.

    Args:
        asked: how it was asked for.
        words: what it is, for headings.
        circuit: its edges; None where only what its nodes do was published.
        nodes: its heads and MLPs.
        digest: SHA-256 of its file, if it came from one.
    """

    asked: str
    words: str
    circuit: Circuit | None
    nodes: tuple[str, ...]
    digest: str | None = None

    def require_edges(self) -> Circuit:
        """Return its edges. Raises RunError where none were published."""
        if self.circuit is None:
            raise RunError(f"{self.words}: only its nodes were published, and edges are needed; give a file of edges")
        return self.circuit


def published_of(config: RunConfig, graph: Graph) -> AskedCircuit | None:
    """Return the published circuit of a task in a model; None where there is none.

    Args:
        config: the model, and the task.
        graph: the model's, over all positions.

    Raises:
        SelectionError: an edge that the model does not have.
    """
    known = find_known(config.task, called(config.model))
    return None if known is None or not known.fits(graph.spec) else as_asked(known, graph, ASKED_KNOWN)


def as_asked(known: KnownCircuit, graph: Graph, asked: str) -> AskedCircuit:
    """Return a published circuit to hold results against. Raises SelectionError for a model of another shape."""
    if not known.fits(graph.spec):
        raise SelectionError(f"the {known.summary}: this model has another shape than {', '.join(known.models)}")
    return AskedCircuit(asked, f"the {known.summary}", known.on(graph) if known.edges else None, known.nodes)
