"""Where entrants play: one model, one set of prompts, one folder.

What is finished there is read, what was stopped goes on, and nothing is computed twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.entrants import Entrant
from edgewise.runs.contest.sweep import sweep
from edgewise.runs.discover import find_circuit
from edgewise.runs.methods import get_method
from edgewise.runs.setup import prepare
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.folder import Run


@dataclass(frozen=True)
class Ground:
    """Where entrants play.

    Args:
        base: model and prompts.
        folder: where the run folders go.
        execution: how the runs are carried out.
        task: of the prompts; their file's name where they are a file's.
        n: number of prompts.
        metric: that of the prompts, or that was asked for.
        prompts: SHA-256 of their ids.
        digest: SHA-256 of the model's files; None where there is none to take.
    """

    base: RunConfig
    folder: Path
    execution: Execution
    task: str
    n: int
    metric: str
    prompts: str
    digest: str | None

    def runs(self, entrant: Entrant) -> dict[str, Run]:
        """Return the runs of a method, made or found, by their folders' names under the ground's.

        Raises:
            RunConflictError: a folder holds another run.
            EdgewiseError: see `discover`.
        """
        configs = entrant.configs(self.base, self.metric)
        folder, execution = self.folder / entrant.folder, self.execution.named(entrant.name)
        if entrant.sweep is not None and get_method(entrant.method).shares_work:
            made = sweep(configs, folder, execution)
        else:
            made = tuple(
                find_circuit(config, folder / name, execution.named(name) if name else execution)
                for name, config in configs.items()
            )
        return {run.folder.relative_to(self.folder).as_posix(): run for run in made}

    def run(self, entrant: Entrant) -> Run:
        """Return the run of a method that scores edges; raises as `runs`."""
        (run,) = self.runs(entrant).values()
        return run


def ground_of(base: RunConfig, folder: Path, execution: Execution) -> tuple[Ground, Model]:
    """Return the ground of a model and prompts, and the model, which every run loads for itself.

    Raises:
        EdgewiseError: anything wrong with the model or the prompts.
    """
    setup = prepare(base, None, Steps(execution.report))
    prompts = setup.prompts
    metric = base.metric or prompts.metric
    of = (prompts.fingerprint(), setup.identity.get("model"))
    return Ground(base, folder, execution, prompts.name, len(prompts), metric, *of), setup.model
