"""Stored runs as one JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.scores import Ranking
from edgewise.report.rows import best
from edgewise.report.text import DEFAULT_TOP
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import Run

UNSIZED = "the scores are stored, but how many it takes could not be measured, so the circuit is of default size"
UNMEASURED = "the scores are stored, but the faithfulness of the circuit could not be measured"


def circuit_document(
    circuit: Circuit, scores: EdgeScores | NodeScores, top: int = DEFAULT_TOP, by: Ranking = "abs"
) -> dict[str, Any]:
    """Return a circuit as JSON values: how many edges and nodes, and the best edges or nodes.

    Args:
        circuit: the edges kept.
        scores: of the circuit's graph.
        top: number of edges or nodes at most.
        by: the ranking, see `EdgeScores.ranking`.
    """
    level = "edges" if isinstance(scores, EdgeScores) else "nodes"
    rows = [asdict(row) for row in best(scores, circuit, top, by)]
    return {"circuit_edges": circuit.n_edges, "circuit_nodes": len(circuit.nodes()), level: rows}


def warnings(run: Run) -> tuple[str, ...]:
    """What to beware of in a run, and in what was measured of its circuit, one line each."""
    measured = () if run.evaluated is None else run.evaluated.warnings
    why = () if run.unmeasured is None else (f"{UNMEASURED}: {run.unmeasured}",)
    size = () if run.unsized is None else (f"{UNSIZED}: {run.unsized}",)
    return tuple(dict.fromkeys((*run.record.warnings, *measured, *size, *why)))


def run_document(run: Run, top: int = DEFAULT_TOP) -> dict[str, Any]:
    """Return a run as JSON values: folder, whether it was reused, `run.json`, what was measured of the circuit and what
    is wrong with it, the best edges or nodes.

    Args:
        run: a finished run.
        top: number of edges or nodes at most.
    """
    config = run.config
    rows = [asdict(row) for row in best(run.scores, run.circuit, top, config.selection.by)]
    return {
        "folder": str(run.folder),
        "reused": run.reused,
        "run": to_json(run.record),
        "sizes": None if run.sized is None else to_json(run.sized),
        "faithfulness": None if run.evaluated is None else to_json(run.evaluated),
        "notes": list(run.notes),
        "warnings": list(warnings(run)),
        f"{config.level}s": rows,
    }
