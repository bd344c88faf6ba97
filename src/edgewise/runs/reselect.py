"""Another circuit from the scores of a finished run; no model is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgewise.errors import RunError
from edgewise.graph import Circuit
from edgewise.runs.methods import get_method
from edgewise.runs.selection import require_fits, select
from edgewise.runs.store.files import write_circuit
from edgewise.runs.store.folder import Run, load_run
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
    require_fits(selection, run.scores.graph, run.config.level)
    circuit = select(run.scores, selection)
    write_circuit(path, circuit, run.scores)
    return Reselected(run, selection, circuit, path)
