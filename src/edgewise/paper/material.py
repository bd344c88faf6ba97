"""What figures are made of: the paper's tasks with their models and sizes, and the runs all figures share.

Another model than the paper's has its own tasks: a planted model the planted one, any other the paper's three.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgewise.models.planted import is_planted
from edgewise.paper.figure import Request
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.folder import Run
from edgewise.runs.roc import CONTENDERS, named

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
    """

    task: str
    title: str
    model: str
    n: int
    edges: int


EXPERIMENTS = (
    Experiment("greater-than", "Greater-Than", "gpt2", 25, 33_367),
    Experiment("ioi", "IOI", "gpt2", 25, 33_367),
    Experiment("docstring", "Docstring", "attn-only-4l", 40, 1_473),
)
PLANTED = Experiment("planted", "Planted", "", 20, 0)


def experiments(request: Request) -> tuple[Experiment, ...]:
    """The tasks of a request: the paper's three, or the planted one of a planted model."""
    return (PLANTED,) if request.model is not None and is_planted(request.model) else EXPERIMENTS


def base_config(experiment: Experiment, request: Request) -> RunConfig:
    """Model and prompts of a task, as in the paper but for what the request says."""
    return RunConfig(
        request.model or experiment.model,
        task=experiment.task,
        n=FAST_N if request.fast else experiment.n,
        device=request.device,
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
        method: its name in `CONTENDERS`.
    """
    base = base_config(experiment, request)
    ((name, _, config),) = CONTENDERS[method].configs(base, base.metric or "")
    report = named(request.report, f"{experiment.task}: {name}")
    return discover(config, run_folder(experiment, request) / name, max_memory=request.max_memory, on_progress=report)
