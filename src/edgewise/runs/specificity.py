"""The circuits of runs on other tasks: a matrix of faithfulness, with random circuits beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgewise import processes
from edgewise.errors import DataError, RunError
from edgewise.evaluation.specificity import Carried, carried
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.comparison import refuse_places
from edgewise.runs.identity import changed, identity
from edgewise.runs.prompts import prompts_of
from edgewise.runs.setup import opened_model
from edgewise.runs.steps import Execution, Progress, Steps
from edgewise.runs.store.atomic import write_through
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import Run, load_run
from edgewise.settings.read import require_whole
from edgewise.tasks import TASKS, PromptSet, load_task

MEASURING = "measuring circuits on other tasks"
BUILT = ("planted", "compiled")

_INSTEAD = "measure other tasks with `edgewise evaluate DIR --task NAME --overwrite`"


@dataclass(frozen=True)
class Cell:
    """A circuit on a task: what it keeps there, or why that cannot be told."""

    run: str
    task: str
    own: bool
    carried: Carried | None = None
    refused: str = ""


@dataclass(frozen=True)
class Specificity:
    """Every circuit on every task.

    Args:
        model: whose circuits they are.
        runs: the folders.
        edges: how many each circuit has.
        tasks: the tasks.
        n: prompts of each, held-out ones.
        random: random circuits of each size.
        cells: run by run, task by task.
    """

    model: str
    runs: tuple[str, ...]
    edges: tuple[int, ...]
    tasks: tuple[str, ...]
    n: int
    random: int
    cells: tuple[Cell, ...]

    def __repr__(self) -> str:
        """Show of how many circuits and tasks it tells."""
        return (
            f"Specificity({len(self.runs)} circuits of {self.model} on {len(self.tasks)} tasks, {self.n} prompts each)"
        )


def specificity(
    folders: Sequence[Path],
    tasks: Sequence[str] | None,
    *,
    n: int,
    random: int,
    execution: Execution = Execution(),
    batch_size: int | None = None,
) -> Specificity:
    """Measure what circuits keep of tasks' held-out prompts.

    Args:
        folders: finished runs of one model.
        tasks: by default every task whose words the model's tokenizer has.
        n: prompts of each task.
        random: random circuits with as many edges as each.
        execution: how it is carried out.
        batch_size: prompts at a time; as many as memory allows by default.

    Raises:
        RunError: runs of several models, or none of the tasks can be made.
        SettingError: a number that it cannot be.
        EdgewiseError: no finished run there, unknown tasks.
    """
    require_whole("prompts", n, 1)
    require_whole("circuits", random, 0)
    runs = [load_run(folder, instead=_INSTEAD) for folder in folders]
    _require_one_model(runs)
    for task in tasks or ():
        load_task(task)
    steps = Steps(execution.report)
    config = runs[0].record.config
    with steps.step("model", f"loading {config.model}"):
        model = opened_model(config).load()
    asked = tuple(tasks) if tasks else tuple(task for task in TASKS if task not in BUILT)
    sets = {task: _prompts(config, model, task, n) for task in asked}
    if tasks is None:
        sets = {task: found for task, found in sets.items() if not isinstance(found, str)}
    if not any(isinstance(found, PromptSet) for found in sets.values()):
        raise RunError(f"model {config.model} has the words of none of the tasks {', '.join(asked)}; name others")
    processes.require_alike({f"prompts of {task}": _shown(found) for task, found in sets.items()})
    conditions, total = execution.conditions(batch_size), len(runs) * len(sets) * n
    cells: list[Cell] = []
    for run in runs:
        for task, prompts in sets.items():
            before = len(cells) * n

            def report(done: int, before: int = before) -> None:
                steps.report(Progress(MEASURING, before + done, total))

            own = task == run.record.config.task
            if isinstance(prompts, str):
                cells.append(Cell(str(run.folder), task, own, refused=prompts))
                continue
            found = carried(
                model, prompts, run.circuit, random=random, seed=config.seed, conditions=conditions, report=report
            )
            cells.append(Cell(str(run.folder), task, own, found))
    names = tuple(str(run.folder) for run in runs)
    edges = tuple(run.circuit.n_edges for run in runs)
    return Specificity(config.model, names, edges, tuple(sets), n, random, tuple(cells))


def write_specificity(found: Specificity, out: Path) -> None:
    """Write it as JSON; raises OSError."""
    text = json.dumps(to_json(found), indent=2) + "\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    write_through(out, lambda path: _write(path, text))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _prompts(config: RunConfig, model: Model, task: str, n: int) -> PromptSet | str:
    """Held-out prompts of a task as the run would make them; else why there are none."""
    options = config.options if task == config.task else {}
    other = replace(config, task=task, data=None, columns={}, options=options, hold_out=None)
    try:
        return prompts_of(replace(other, n=n, split="held-out", metric=None), model)
    except DataError as error:
        return str(error)


def _shown(found: PromptSet | str) -> str:
    return found if isinstance(found, str) else found.fingerprint()


def _require_one_model(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs:
        refuse_places(run)
        if run.record.identity["model"] != first.record.identity["model"]:
            raise RunError(f"{run.folder} and {first.folder} are of different models; give runs of one")
        moved = changed(run.record.identity, {"model": identity(run.record.config)["model"]})
        if moved:
            raise RunError(f"{run.folder}: {'; '.join(moved)} since; make the run again")
