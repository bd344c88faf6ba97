"""Another circuit of a finished run's scores, as a file or a run of its own; the run keeps the circuit that it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgewise.graph import Circuit
from edgewise.runs.reselect import reselectable
from edgewise.runs.selected_run import write_selected
from edgewise.runs.selection import select
from edgewise.runs.sized import Sized
from edgewise.runs.sizing import measure_size
from edgewise.runs.steps import Execution
from edgewise.runs.store.files import circuit_suffix, write_circuit
from edgewise.runs.store.folder import Run
from edgewise.runs.trust import require_same_metric
from edgewise.settings.selection import Selection


@dataclass(frozen=True, eq=False)
class Reselected:
    """A circuit selected anew.

    Args:
        run: the run whose scores it is made of.
        selection: the rule.
        circuit: what it keeps.
        path: where it was written.
        sized: how its size was measured; None where the rule says it.
    """

    run: Run
    selection: Selection
    circuit: Circuit
    path: Path
    sized: Sized | None = None


def reselect(
    folder: str | Path,
    selection: Selection,
    path: str | Path,
    execution: Execution = Execution(),
    *,
    trust: bool = False,
    metric: str | None = None,
) -> Reselected:
    """Select a circuit from a finished run's scores by another rule, and write it to a file, or as a run of its own.

    A rule that asks for the smallest circuit that is good enough runs the model; the curve it measures is kept in the
    run's folder, and the same rule is answered from there.

    Args:
        folder: that of a finished run; its circuit stays as it is.
        selection: the rule.
        path: the new circuit's file, ``.json`` or ``.pt``; without a suffix the folder of a run with these scores and
            the new circuit.
        execution: how sizes are measured, `Execution`.
        trust: whether code that the model carries may be run for that.
        metric: the run's, named again where it is code of a file, which is not run otherwise.

    Raises:
        RunConflictError: a folder that holds something already.
        RunError: no finished run, one whose method finds its own circuit, or a path of the run's own circuit.
        SelectionError: more edges or nodes asked for than there are.
        ScoreError: scores that lack what the rule needs.
        FormatError: another suffix.
    """
    run = reselectable(folder, selection, Path(path))
    require_same_metric(str(folder), run.config.metric, run.record.metric.name, metric)
    is_run = not Path(path).suffix
    if not is_run:
        circuit_suffix(Path(path))  # refuses another before anything is measured
    sized = measure_size(run, selection, execution, trust=trust) if selection.measured else None
    chosen = selection if sized is None else selection.of_size(sized.size)
    circuit = select(run.scores, chosen)
    if is_run:
        write_selected(run, chosen, circuit, Path(path))
    else:
        write_circuit(Path(path), circuit, run.scores)
    return Reselected(run, selection, circuit, Path(path), sized)
