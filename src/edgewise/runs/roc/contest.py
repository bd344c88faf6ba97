"""Run methods on one model and one set of prompts, and hold each against the same circuit.

1. Load the model, make the prompts, find the truth; exact patching for it is a run like the others, in ``truth``.
2. Each method is one run folder under that of the comparison, or one for each value of its setting, made as `discover`
   or `sweep` make them: what is finished is read, what was stopped goes on, and nothing is computed twice.
3. From the runs alone, the rates of every threshold or circuit, for edges and for nodes, go to ``roc.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewise.errors import RunError
from edgewise.evaluation.roc import bootstrap, circuit_roc, score_roc
from edgewise.graph.scores import Ranking
from edgewise.metrics import get_metric
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import find_circuit
from edgewise.runs.methods import get_method, settled
from edgewise.runs.roc.contenders import DEFAULT_METHODS, Contender, contenders, distinct
from edgewise.runs.roc.result import Judged, RocLine, RocResult
from edgewise.runs.roc.truth import Truth, find_truth
from edgewise.runs.setup import prepare
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import Run
from edgewise.runs.store.results import document, read_document, write_files
from edgewise.runs.sweep import sweep
from edgewise.settings.selection import Selection

RESULT = "roc.json"
TRUTH = "truth"
LEVELS = ("edge", "node")


@dataclass(frozen=True)
class RocQuestion:
    """What is compared.

    Args:
        base: model and prompts; its `bootstrap`, or `per_prompt`, also asks for intervals over prompts.
        methods: names of `CONTENDERS`.
        truth: ``"known"``, ``"exact:X"`` or a file; None takes what is known, else ``exact:2%``.
        values: setting -> the values it takes, where a method is swept; others than those of `CONTENDERS`.
        settings: method -> its other settings.
        by: what scores are ranked by.

    Raises:
        UnknownNameError: no such method or ranking.
        RunError: no method, one twice, or values that are none.
    """

    base: RunConfig
    methods: Sequence[str] = DEFAULT_METHODS
    truth: str | None = None
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    by: Ranking = "abs"

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        if self.base.level != "edge":
            raise RunError("methods are compared by scores of edges, which rank nodes too; leave the level out")
        contenders(self.methods)
        Selection(by=self.by)  # refuses what is no ranking
        object.__setattr__(self, "values", {name: distinct(name, given) for name, given in self.values.items()})


def contest(
    question: RocQuestion,
    folder: str | Path,
    execution: Execution = Execution(),
) -> RocResult:
    """Run all methods, judge them, and store the result beside their runs.

    Args:
        question: what is compared.
        folder: where it goes; the same call goes on where an earlier one was stopped. Methods can be added later.
        execution: how it is carried out, `Execution`.

    Raises:
        RunConflictError: the folder holds runs of another model or other prompts.
        EdgewiseError: anything wrong with the model, the prompts, the truth or a method.
    """
    folder = Path(folder)
    base, rows = question.base, contenders(question.methods)
    for row in rows:
        for _, _, config in row.configs(base, base.metric or "kl", question.values, question.settings):
            settled(config)
    setup = prepare(base, None, Steps(execution.report))
    metric = base.metric or setup.prompts.metric

    def run(name: str, config: RunConfig) -> Run:
        return find_circuit(config, folder / name, execution.named(name))

    truth = find_truth(question.truth, base, setup.model, lambda config: run(TRUTH, config))
    n, task = len(setup.prompts), setup.prompts.name
    del setup  # every run loads the model for itself

    def run_all(row: Contender) -> list[tuple[str, str, Run]]:
        asked = row.configs(base, metric, question.values, question.settings)
        if row.sweep is None or not get_method(row.method).shares_work:
            return [(name, setting, run(name, config)) for name, setting, config in asked]
        place = Path(asked[0][0]).parent
        configs = {Path(name).name: config for name, _, config in asked}
        made = sweep(configs, folder / place, execution.named(place.name))
        return [(name, setting, one) for (name, setting, _), one in zip(asked, made, strict=True)]

    lines = tuple(_line(row, run_all(row), truth, question.by) for row in rows)
    result = RocResult(
        base.model,
        task,
        n,
        get_metric(metric).name,
        question.by,
        truth.words,
        truth.asked,
        truth.digest,
        truth.circuit.graph.n_edges,
        truth.circuit.edges(),
        lines,
        _notes(lines, truth),
    )
    write_files(folder, {RESULT: document(to_json(result))})
    return result


def truth_of(base: RunConfig, folder: Path, execution: Execution = Execution()) -> Truth:
    """What a comparison in this folder holds methods against where nothing else is asked for; raises as `contest`."""
    model = prepare(base, None, Steps(execution.report)).model
    return find_truth(None, base, model, lambda config: find_circuit(config, folder / TRUTH, execution))


def read_roc(folder: str | Path) -> RocResult:
    """Read the ``roc.json`` of a folder.

    Raises:
        RunError: there is none.
        FormatError: it is not ours.
    """
    return read_document(folder, RESULT, "roc", RocResult)


def _line(row: Contender, runs: Sequence[tuple[str, str, Run]], truth: Truth, by: Ranking) -> RocLine:
    levels = {level: _judged(row, runs, truth, by, level) for level in LEVELS if _tells_apart(truth, level)}
    reference = truth.exact and get_method(row.method).is_exact
    names = tuple(name for name, _, _ in runs)
    return RocLine(row.name, row.label, runs[0][2].record.metric.name, names, reference, levels)


def _tells_apart(truth: Truth, level: str) -> bool:
    return level == "edge" or not bool(truth.circuit.node_mask.all())


def _judged(row: Contender, runs: Sequence[tuple[str, str, Run]], truth: Truth, by: Ranking, level: str) -> Judged:
    if row.sweep is not None:
        settings = [setting for _, setting, _ in runs]
        return Judged(circuit_roc([run.circuit for _, _, run in runs], truth.circuit, settings, level=level))
    run = runs[0][2]
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
