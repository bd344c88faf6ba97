"""Run every method on every model and task, and hold each against the exact effects of all edges.

1. Of each model and task, the exact effect of every edge: a run of activation patching like any other.
2. Each method is one run folder beside it, made as `discover` makes them, on the same prompts; the curve of its best
   edges is evaluated on held-out prompts into the same folder. What is finished is read, what was stopped goes on, and
   nothing is computed twice. A method that refuses the model is kept with its reason.
3. From the runs alone, agreement with the exact effects, areas and costs go to ``league.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewise.attribution import METHODS, Method
from edgewise.errors import MetricError, RunError, UnsupportedModelError
from edgewise.evaluation.agreement import agreement
from edgewise.evaluation.ranking import BACKWARD
from edgewise.evaluation.roc import score_roc
from edgewise.evaluation.sizes import FRACTIONS
from edgewise.graph import EdgeScores
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import find_circuit
from edgewise.runs.evaluate import Loaded, evaluate
from edgewise.runs.evaluated_circuit import circuit_of_run
from edgewise.runs.league.entrants import (
    DEFAULT_MODELS,
    REFERENCE,
    Entrant,
    ModelAndTask,
    base_of,
    default_methods,
    entrants,
    places,
)
from edgewise.runs.league.result import Cell, Entry, League
from edgewise.runs.roc.truth import Truth, known_truth
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import Execution, Forecast, Progress, Steps
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import RUN, Run
from edgewise.runs.store.results import document, read_document, write_files
from edgewise.settings import read_settings
from edgewise.settings.evaluation import EvaluationRequest

RESULT = "league.json"
TOP = 20
WANTED = EvaluationRequest(random=0)
# An evaluation runs four circuits and those of the curve, each at about so many forward passes.
_EVALUATION = 1.5 * (4 + len(FRACTIONS))
# What a method takes of which nobody has said it, in forward passes.
_UNKNOWN = 4.0
# What an exact patch takes, which begins where its edge ends.
_A_PATCH = 1 / 3


@dataclass(frozen=True)
class LeagueQuestion:
    """What is played.

    Args:
        base: of the prompts (`n`, `seed`) and the machine (`dtype`, `device`, `batch_size`); its model and task, and
            how edges are scored, do not count.
        models: names.
        tasks: names; all that fit by default.
        methods: names, with settings behind colons; all by default.
        draws: how many draws of prompts of each task, of the seeds from the base's on.

    Raises:
        UnknownNameError: no such task or method.
        RunError: names that are missing, given twice, or do not go together.
        SettingError: a setting that a method cannot have.
    """

    base: RunConfig
    models: Sequence[str] = DEFAULT_MODELS
    tasks: Sequence[str] | None = None
    methods: Sequence[str] | None = None
    draws: int = 1

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        if self.base.level != "edge":
            raise RunError("methods are compared by scores of edges; leave the level out")
        if self.draws < 1:
            raise RunError(f"--draws is {self.draws}; give at least 1")
        entrants(self._names)
        places(self.models, self.tasks)

    @property
    def places(self) -> tuple[ModelAndTask, ...]:
        """Every model on every task that fits it, draw after draw."""
        first = self.base.seed
        return places(self.models, self.tasks, range(first, first + self.draws))

    @property
    def entrants(self) -> tuple[Entrant, ...]:
        """The methods."""
        return entrants(self._names)

    @property
    def _names(self) -> Sequence[str]:
        return default_methods() if self.methods is None else self.methods


def play(
    question: LeagueQuestion,
    folder: str | Path,
    execution: Execution = Execution(),
) -> League:
    """Run all methods on all models and tasks, and store the result beside their runs.

    Args:
        question: what is played.
        folder: where it goes; the same call goes on where an earlier one was stopped. Methods, models and tasks can be
            added later.
        execution: how it is carried out, `Execution`.

    Raises:
        RunConflictError: the folder holds runs of other prompts.
        EdgewiseError: anything wrong with a model, the prompts or the metric.
    """
    folder = Path(folder)
    found, ends = [], []
    for number, place in enumerate(question.places, start=1):
        words = f"{place.model} on {place.task} ({number} of {len(question.places)})"
        table = _Table(question, place, folder, execution.named(words))
        found.append(table.cell())
        ends += table.ends
    league = League(TOP, max(ends), tuple(found))
    write_files(folder, {RESULT: document(to_json(league))})
    return league


class _Table:
    """One model on one task, while it is played."""

    def __init__(
        self,
        question: LeagueQuestion,
        place: ModelAndTask,
        folder: Path,
        execution: Execution,
    ) -> None:
        self._methods, self._place, self._folder = question.entrants, place, folder / place.folder
        self._base, self._loaded, self._execution = base_of(question.base, place), Loaded(), execution
        self.ends: list[str] = []

    def cell(self) -> Cell:
        """Play it."""
        setup = prepare(self._base, None, Steps(self._execution.report))
        truth = known_truth(self._base, setup.model)
        metric = self._base.metric or setup.prompts.metric
        exact = self._run(REFERENCE, metric)
        self._say_what_is_left(setup, exact, metric)
        entries = [self._entry(entrant, metric, exact, truth) for entrant in self._methods]
        return Cell(
            self._place.model,
            self._place.task,
            self._place.seed,
            exact.record.metric.name,
            len(setup.prompts),
            setup.model.graph.n_edges,
            None if truth is None else truth.words,
            None if truth is None else truth.circuit.n_edges,
            (*entries, self._judged(REFERENCE, exact, exact, truth)),
        )

    def _run(self, entrant: Entrant, metric: str) -> Run:
        name, config = entrant.run(self._base, metric)
        return find_circuit(config, self._folder / name, self._execution.named(entrant.name))

    def _say_what_is_left(self, setup: Setup, exact: Run, metric: str) -> None:
        """About how long the methods will take, by what exact patching took here."""
        record, total = exact.record, 0.0
        for entrant in self._methods:
            name, _ = entrant.run(self._base, metric)
            if self._execution.overwrite or not (self._folder / name / RUN).is_file():
                total += _expected(entrant, setup) + _EVALUATION
        if total and record.passes is not None:
            passes = round(total * record.prompts.n)
            a_pass = record.timing["scoring"] / (record.passes.forward * record.prompts.n)
            self._execution.report(Progress("methods", plan=Forecast(passes, passes * a_pass)))

    def _entry(self, entrant: Entrant, metric: str, exact: Run, truth: Truth | None) -> Entry:
        """What a method reached, or why it refuses the model or the metric."""
        try:
            run = self._run(entrant, metric)
        except (UnsupportedModelError, MetricError) as error:
            name, _ = entrant.run(self._base, metric)
            return Entry(entrant.name, f"{self._place.folder}/{name}", False, refused=str(error))
        return self._judged(entrant, run, exact, truth)

    def _judged(self, entrant: Entrant, run: Run, exact: Run, truth: Truth | None) -> Entry:
        evaluation = evaluate(
            circuit_of_run(run.folder, {}),
            WANTED,
            run.folder,
            self._execution.named(entrant.name),
            load=self._loaded.setup,
        ).results
        self.ends.append(run.record.finished)
        scores, effects = _of_edges(run), _of_edges(exact)
        return Entry(
            entrant.name,
            f"{self._place.folder}/{run.folder.name}",
            entrant == REFERENCE,
            None,
            run.record.passes,
            run.record.timing["scoring"],
            agreement(scores, effects, k=TOP),
            evaluation.cpr,
            evaluation.cmd,
            None if truth is None else score_roc(scores, truth.circuit).auc,
        )


def _of_edges(run: Run) -> EdgeScores:
    if not isinstance(run.scores, EdgeScores):
        raise RunError(f"{run.folder}: holds no scores of edges; choose another folder, or --overwrite it")
    return run.scores


def _expected(entrant: Entrant, setup: Setup) -> float:
    """What a method will take, in forward passes of all prompts."""
    if entrant.method not in METHODS:
        return _UNKNOWN
    method: Method = METHODS.load(entrant.method)
    settings = read_settings(method.settings, dict(entrant.settings), method.name)
    passes = method.cost(settings, setup.model.graph.spec)
    own = _UNKNOWN if passes is None else passes.forward + BACKWARD * passes.backward
    return own + (_UNKNOWN + _A_PATCH * entrant.exact if entrant.exact else 0.0)


def read_league(folder: str | Path) -> League:
    """Read the ``league.json`` of a folder.

    Raises:
        RunError: there is none.
        FormatError: it is not ours.
    """
    return read_document(folder, RESULT, "league", League)
