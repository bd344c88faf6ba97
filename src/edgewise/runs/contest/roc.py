"""Hold methods, on one model and one set of prompts, against a circuit that is known.

1. Load the model, make the prompts, find the truth; exact patching for it is a run like the others, in ``truth``.
2. Each method is one run folder under that of the contest, or one for each value of its setting.
3. From the runs alone, the rates of every threshold or circuit, for edges and for nodes, go to ``roc.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewise.errors import RunError
from edgewise.evaluation.roc import bootstrap, circuit_roc, score_roc
from edgewise.graph.scores import Ranking
from edgewise.metrics import get_metric
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.entrants import NOTHING, ROC_METHODS, Entrant, distinct, entrants
from edgewise.runs.contest.play import ground_of
from edgewise.runs.contest.roc_result import LEVELS, Judged, RocLine, RocResult
from edgewise.runs.contest.truth import Truth, find_truth
from edgewise.runs.methods import get_method
from edgewise.runs.steps import Execution
from edgewise.runs.store.folder import Run
from edgewise.runs.store.results import write_result
from edgewise.settings.selection import Selection


def roc(
    base: RunConfig,
    folder: str | Path,
    methods: Sequence[str] = ROC_METHODS,
    truth: str | None = None,
    *,
    values: Mapping[str, Sequence[float]] = NOTHING,
    settings: Mapping[str, Mapping[str, Any]] = NOTHING,
    by: Ranking = "abs",
    execution: Execution = Execution(),
) -> RocResult:
    """Run all methods, judge them, and store the result beside their runs.

    Args:
        base: model and prompts; its `bootstrap`, or `per_prompt`, also asks for intervals over prompts.
        folder: where it goes; the same call goes on where an earlier one was stopped. Methods can be added later.
        methods: names, see `edgewise.runs.contest.entrants`.
        truth: ``"known"``, ``"exact:X"`` or a file; None takes what is known, else ``exact:2%``.
        values: setting -> the values it takes, where a method is swept; others than those of `ROWS`.
        settings: method -> its other settings.
        by: what scores are ranked by.
        execution: how it is carried out, `Execution`.

    Raises:
        UnknownNameError: no such method or ranking.
        RunError: no method, one twice, or values that are none.
        RunConflictError: the folder holds runs of another model or other prompts.
        EdgewiseError: anything wrong with the model, the prompts, the truth or a method.
    """
    if base.level != "edge":
        raise RunError("methods are compared by scores of edges, which rank nodes too; leave the level out")
    Selection(by=by)  # refuses what is no ranking
    rising = {name: distinct(name, given) for name, given in values.items()}
    taking_part = entrants(methods, base, values=rising, settings=settings)
    ground, model = ground_of(base, Path(folder), execution)
    true = find_truth(truth, base, model, ground.folder, execution)
    del model
    lines = tuple(_line(one, ground.runs(one), true, by) for one in taking_part)
    result = RocResult(
        base.model,
        ground.task,
        ground.n,
        get_metric(ground.metric).name,
        by,
        true.words,
        true.asked,
        true.digest,
        true.circuit.graph.n_edges,
        true.circuit.edges(),
        lines,
        _notes(lines, true),
    )
    write_result(ground.folder, result)
    return result


def _line(entrant: Entrant, runs: Mapping[str, Run], truth: Truth, by: Ranking) -> RocLine:
    levels = {level: _judged(entrant, runs, truth, by, level) for level in LEVELS if _tells_apart(truth, level)}
    reference = truth.exact and get_method(entrant.method).is_exact
    metric = next(iter(runs.values())).record.metric.name
    return RocLine(entrant.name, entrant.label, metric, tuple(runs), reference, levels)


def _tells_apart(truth: Truth, level: str) -> bool:
    return level == "edge" or not bool(truth.circuit.node_mask.all())


def _judged(entrant: Entrant, runs: Mapping[str, Run], truth: Truth, by: Ranking, level: str) -> Judged:
    if entrant.sweep is not None:
        settings = [run.folder.name.replace("-", " ", 1) for run in runs.values()]
        return Judged(circuit_roc([run.circuit for run in runs.values()], truth.circuit, settings, level=level))
    (run,) = runs.values()
    corners = score_roc(run.scores, truth.circuit, level=level, by=by).corners()
    if run.scores.per_prompt is None and run.scores.resampled is None:
        return Judged(corners)
    return Judged(corners, bootstrap(run.scores, truth.circuit, level=level, by=by))


def _notes(lines: Sequence[RocLine], truth: Truth) -> tuple[str, ...]:
    notes = []
    if any(line.reference for line in lines):
        notes.append(
            "activation patching made the truth, on other prompts: its curve shows how far prompts decide, and is a"
            " reference, no competitor"
        )
    if not _tells_apart(truth, "node"):
        notes.append("every node has an edge in the true circuit, so nodes cannot be told apart")
    return tuple(notes)
