"""Another circuit from the scores of a finished run, in the place of its own."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType

import numpy as np

from edgewise.errors import EdgewiseWarning, RunError
from edgewise.graph import Circuit, NodeScores
from edgewise.runs.config import RunConfig
from edgewise.runs.methods import get_method
from edgewise.runs.notes import notes
from edgewise.runs.selection import require_fits, require_spread, select, stability_of
from edgewise.runs.store.codec import read_json
from edgewise.runs.store.folder import FAITHFULNESS, SIZES, Run, load_run, read_run, replace_circuit
from edgewise.runs.store.record import RunRecord
from edgewise.runs.verification import NAME
from edgewise.settings.selection import Selection


def reselectable(folder: str | Path, selection: Selection, path: Path) -> Run:
    """The run of which another circuit is to be written; reads what is needed and refuses what cannot be.

    Args:
        folder: that of a finished run.
        selection: the rule.
        path: the new circuit's file, or the folder of its run.

    Raises:
        RunError: no finished run, one whose method finds its own circuit, or a path of the run's own circuit.
        SelectionError: more edges or nodes asked for than there are.
    """
    run = load_run(folder, instead="choose of it with `edgewise select DIR --out FOLDER`")
    method = get_method(run.config.method)
    if method.makes_circuit:
        raise RunError(f"{run.folder}: method '{method.name}' finds its own circuit; its scores are no ranking")
    if path.exists() and run.folder.resolve() in (path.resolve(), path.parent.resolve()):
        raise RunError(f"{path}: belongs to the run; give another --out")
    require_fits(selection, run.scores.graph, ~np.isnan(run.scores.values))
    return run


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
    require_fits(selection, run.scores.graph, ~np.isnan(run.scores.values))
    require_spread(selection, run.record.prompts.n)
    config = replace(run.config, selection=selection)
    gone = with_circuit(run, config, selection, get_method(config.method).rule(config))
    # What `discover` measures by itself it measures again.
    gone = tuple(name for name in gone if name not in (f"{FAITHFULNESS}.json", f"{SIZES}.json"))
    if gone:
        words = f"{run.folder}: its circuit was replaced, and with it went {', '.join(gone)}; evaluate it again"
        warnings.warn(EdgewiseWarning(words), stacklevel=2)
    return replace(read_run(run.folder), selected_anew=True)


def with_circuit(
    run: Run, config: RunConfig, selected: Selection, rule: str, beside: Mapping[str, bytes] = MappingProxyType({})
) -> tuple[str, ...]:
    """Put another circuit of a run's scores into its folder, with a record that says so.

    Args:
        run: finished; the caller holds its folder's lock.
        config: with the rule that was asked for.
        selected: the rule that gives the circuit.
        rule: in words.
        beside: other files that change with it.

    Returns:
        The names of the files of results that went.
    """
    circuit = select(run.scores, selected)
    record = record_with(run, config, circuit, selected, rule)
    return replace_circuit(run, record, circuit, {**_verification(run, circuit), **beside})


def record_with(run: Run, config: RunConfig, circuit: Circuit, selected: Selection, rule: str) -> RunRecord:
    """A run's record with another circuit of its scores; arguments as of `with_circuit`."""
    counts = replace(run.record.counts, circuit_edges=circuit.n_edges, circuit_nodes=len(circuit.nodes()))
    return replace(
        run.record,
        config=config,
        counts=counts,
        rule=rule,
        stability=stability_of(replace(config, selection=selected), run.scores, circuit),
        notes=notes(circuit, run.scores, config.selection.by, config.method),
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


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
