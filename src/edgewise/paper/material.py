"""What figures are made of: the paper's tasks with their models and sizes, and the runs all figures share.

Another model than the paper's has its own tasks: a model that is built by hand the one of its name, any other the
paper's three.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgewise.errors import RunError
from edgewise.graph import EdgeScores
from edgewise.models.built import BUILT, kind_of
from edgewise.paper.figure import Request
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.entrants import ROWS
from edgewise.runs.contest.truth import Truth, truth_of
from edgewise.runs.discover import find_circuit
from edgewise.runs.store.folder import Run

FAST_N = 6


@dataclass(frozen=True)
class Experiment:
    """One task of the paper.

    Args:
        task: its name.
        title: for pictures.
        model: the paper's.
        n: how many prompts the paper had.
        edges: the number of edges the paper counted, ACDC's direct and placeholder edges among them.
        normalised: whether the paper's scores are shares of clean - corrupted, not in units of the metric.
    """

    task: str
    title: str
    model: str
    n: int
    edges: int
    normalised: bool = False

    def same_model(self, request: Request) -> bool:
        """Whether a request takes the paper's model, so that our numbers can be held against its."""
        return (request.model or self.model) == self.model


EXPERIMENTS = (
    Experiment("greater-than", "Greater-Than", "gpt2", 25, 33_367),
    Experiment("ioi", "IOI", "gpt2", 25, 33_367, normalised=True),
    Experiment("docstring", "Docstring", "attn-only-4l", 40, 1_473),
)
OF_BUILT = {kind: Experiment(kind, kind.capitalize(), "", 20, 0) for kind in BUILT}


def experiments(request: Request) -> tuple[Experiment, ...]:
    """The tasks of a request: the paper's three, or the one of a model that is built by hand."""
    kind = None if request.model is None else kind_of(request.model)
    return EXPERIMENTS if kind is None else (OF_BUILT[kind],)


def experiment(request: Request, task: str) -> Experiment:
    """One of the paper's tasks, or the one of a model that is built by hand."""
    found = experiments(request)
    return next((one for one in found if one.task == task), found[0])


def base_config(experiment: Experiment, request: Request) -> RunConfig:
    """Model and prompts of a task, as in the paper but for what the request says."""
    return RunConfig(
        request.model or experiment.model,
        task=experiment.task,
        n=FAST_N if request.fast else experiment.n,
        **request.machine,
    )


def run_folder(experiment: Experiment, request: Request) -> Path:
    """Where the runs of a task are, for all figures: one folder a model, a task and a number of prompts."""
    config = base_config(experiment, request)
    model = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in config.model)
    return request.out / "runs" / f"{model}-{experiment.task}-{config.n}"


def scored(experiment: Experiment, request: Request, method: str) -> Run:
    """The run of a method that scores edges, made or found where a comparison of methods keeps it.

    Args:
        experiment: the task.
        request: the model and the size.
        method: its name in `ROWS`.
    """
    base = base_config(experiment, request)
    entrant = ROWS[method]
    (config,) = entrant.configs(base, base.metric or "").values()
    execution = request.execution.named(f"{experiment.task}: {method}")
    return find_circuit(config, run_folder(experiment, request) / entrant.folder, execution)


def truth(experiment: Experiment, request: Request) -> Truth:
    """The circuit that a comparison of methods holds them against: known, or measured on held-out prompts."""
    execution = request.execution.named(experiment.task)
    return truth_of(base_config(experiment, request), run_folder(experiment, request), execution)


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of a task's edges in the paper's unit.

    Args:
        experiment: the task.
        run: where they come from.
        scores: of every edge, in units of `unit`.
        unit: what one of them means.
        size: how much of the metric that is.
    """

    experiment: Experiment
    run: Run
    scores: EdgeScores
    unit: str
    size: float

    @property
    def line(self) -> str:
        """Model, task and size, for headings."""
        record = self.run.record
        return f"{record.config.model}, {self.experiment.title}: {record.prompts.n:,} prompts"


def in_papers_unit(experiment: Experiment, run: Run) -> Scored:
    """Scores as the paper gives them: IOI's as shares of clean - corrupted, others in units of the metric.

    Raises:
        RunError: scores of nodes, or clean and corrupted prompts with the same metric.
    """
    if not isinstance(run.scores, EdgeScores):
        raise RunError(f"{run.folder}: holds no scores of edges")
    metric = run.record.metric
    if not experiment.normalised:
        return Scored(experiment, run, run.scores, metric.name, 1.0)
    size = metric.clean - metric.corrupted
    if size == 0:
        raise RunError(f"{run.folder}: {metric.name} is the same on clean and corrupted prompts; take others")
    unit = f"share of clean − corrupted {metric.name}"
    return Scored(experiment, run, run.scores.of(run.scores.values / size), unit, size)
