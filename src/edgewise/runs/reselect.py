"""Another circuit from the scores of a finished run; no model is run."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from edgewise.errors import EdgewiseWarning, RunError
from edgewise.graph import Circuit, NodeScores
from edgewise.runs.methods import get_method
from edgewise.runs.selection import require_fits, require_spread, select, stability_of
from edgewise.runs.store.codec import read_json
from edgewise.runs.store.files import write_circuit
from edgewise.runs.store.folder import FAITHFULNESS, Run, load_run, read_run, replace_circuit
from edgewise.runs.verification import NAME
from edgewise.settings.selection import Selection


@dataclass(frozen=True, eq=False)
class Reselected:
    """A circuit selected anew.

    Args:
        run: the run whose scores it is made of.
        selection: the rule.
        circuit: what it keeps.
        path: where it was written.
    """

    run: Run
    selection: Selection
    circuit: Circuit
    path: Path


def reselect(folder: str | Path, selection: Selection, path: str | Path) -> Reselected:
    """Select a circuit from a finished run's scores by another rule, and write it in EAP-IG's format.

    Args:
        folder: that of a finished run; it is not changed.
        selection: the rule.
        path: the new circuit's file, ``.json`` or ``.pt``.

    Raises:
        RunError: no finished run, one whose method finds its own circuit, or a path of the run's own circuit.
        SelectionError: more edges or nodes asked for than there are.
        ScoreError: scores that lack what the rule needs.
        FormatError: another suffix.
    """
    run, path = load_run(folder), Path(path)
    method = get_method(run.config.method)
    if method.makes_circuit:
        raise RunError(f"{run.folder}: method '{method.name}' finds its own circuit; its scores are no ranking")
    if path.exists() and path.parent.resolve() == run.folder.resolve():
        raise RunError(f"{path}: belongs to the run; give another --out")
    require_fits(selection, run.scores.graph, ~np.isnan(run.scores.values))
    circuit = select(run.scores, selection)
    write_circuit(path, circuit, run.scores)
    return Reselected(run, selection, circuit, path)


def select_anew(run: Run, selection: Selection) -> Run:
    """Put another circuit of a finished run's scores in the place of the one that it has; no model is run.

    What was evaluated was the circuit before: that goes, and a warning says so. A verification is of the scores: it
    stays.

    Args:
        run: finished, of a method that selects its circuit by its scores; the caller holds its folder's lock.
        selection: the rule.

    Raises:
        SelectionError: more edges or nodes asked for than are scored.
        ScoreError: scores that lack what the rule needs.
    """
    config = replace(run.config, selection=selection)
    require_fits(selection, run.scores.graph, ~np.isnan(run.scores.values))
    require_spread(selection, run.record.prompts.n)
    circuit = select(run.scores, selection)
    counts = replace(run.record.counts, circuit_edges=circuit.n_edges, circuit_nodes=len(circuit.nodes()))
    record = replace(
        run.record,
        config=config,
        counts=counts,
        rule=get_method(config.method).rule(config),
        stability=stability_of(config, run.scores, circuit),
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    gone = replace_circuit(run, record, circuit, _verification(run, circuit))
    # What `discover` measures by itself it measures again.
    gone = tuple(name for name in gone if name != f"{FAITHFULNESS}.json")
    if gone:
        words = f"{run.folder}: its circuit was replaced, and with it went {', '.join(gone)}; evaluate it again"
        warnings.warn(EdgewiseWarning(words), stacklevel=2)
    return replace(read_run(run.folder), selected_anew=True)


def _verification(run: Run, circuit: Circuit) -> dict[str, bytes]:
    """The file of the run's verification, where there is one, with what it says of the circuit."""
    path = run.folder / f"{NAME}.json"
    if not path.is_file():
        return {}
    values = read_json(path, "use `edgewise verify --overwrite`")
    nodes = {circuit.graph.sources[row] for row in np.flatnonzero(circuit.mask.any(axis=1))}
    kept = nodes if isinstance(run.scores, NodeScores) else set(circuit.edges())
    for effect in values["effects"]:
        effect["in_circuit"] = effect["name"] in kept
    return {path.name: (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()}
