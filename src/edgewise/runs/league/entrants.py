"""Who plays in the league, and on which tasks.

A method is named as for `discover`, with settings of its own behind colons: ``eap-ig-inputs:steps=2``; ``exact=24``
among them stands for ``--exact 24``. Only methods that score every edge can be held against exact effects; those that
find a circuit are compared by `edgewise roc`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgewise.errors import RunError
from edgewise.models import compiled, planted
from edgewise.models.built import BUILT, kind_of
from edgewise.runs.config import RunConfig
from edgewise.runs.methods import get_method, method_names, settled
from edgewise.runs.roc.contenders import EXACT, Contender
from edgewise.tasks import TASKS

DEFAULT_N = 50
DEFAULT_MODELS = (
    "demo",
    *(f"{planted.PREFIX}:{seed}" for seed in range(5)),
    *(f"{compiled.PREFIX}:{name}" for name in compiled.PROGRAMS),
)
# A cheap variant of a dear method, so that the dear one is seen at the budget of others too; and estimates whose
# largest and least certain are measured.
VARIANTS = ("eap-ig-inputs:steps=2", "eap:exact=24", "eap-secant:exact=24")
_EXACT = "exact"


@dataclass(frozen=True)
class ModelAndTask:
    """A model, a task that it is asked, and the seed of its prompts."""

    model: str
    task: str
    seed: int = 0

    @property
    def folder(self) -> str:
        """Name of the folder of its runs."""
        return re.sub(r"[^A-Za-z0-9_.]+", "-", f"{self.model} {self.task} seed {self.seed}").strip("-.")


@dataclass(frozen=True)
class Entrant:
    """A method with settings.

    Args:
        name: as it was asked for.
        method: of `discover`.
        settings: its own, those that were given.
        exact: how many of its estimates are followed by exact effects; 0 for none.
    """

    name: str
    method: str
    settings: tuple[tuple[str, Any], ...] = ()
    exact: int = 0

    def run(self, base: RunConfig, metric: str) -> tuple[str, RunConfig]:
        """Return the name of its folder and its config, made as those of `edgewise roc` are.

        Raises:
            EdgewiseError: settings that it cannot have.
        """
        row = Contender(self.name, self.name, self.method)
        settings = {self.method: dict(self.settings)}
        ((folder, _, config),) = row.configs(replace(base, exact=self.exact), metric, settings=settings)
        return folder, config


REFERENCE = Entrant(EXACT, EXACT)


def default_methods() -> tuple[str, ...]:
    """Names of all that can play, and of variants."""
    names = [name for name in method_names() if _scores_edges(name)]
    return (*names, *VARIANTS)


def entrants(names: Sequence[str]) -> tuple[Entrant, ...]:
    """Read the names of methods.

    Raises:
        UnknownNameError: no such method.
        SettingError: a setting that it cannot have.
        RunError: none, one twice, or one that cannot play.
    """
    found = tuple(map(_entrant, names))
    if not found:
        raise RunError("--methods is empty; name at least one")
    _refuse_twice("--methods", names)
    return found


def places(
    models: Sequence[str], tasks: Sequence[str] | None = None, seeds: Sequence[int] = (0,)
) -> tuple[ModelAndTask, ...]:
    """Every model on every task that it can be asked: those built by hand on that of their name, others on the rest.

    Args:
        models: names.
        tasks: names; all by default.
        seeds: of the prompts, one a draw.

    Raises:
        UnknownNameError: no such task.
        RunError: no model or no task, one twice, or a model that none of the tasks fits.
    """
    asked = tuple(TASKS) if tasks is None else tuple(tasks)
    for what, names in (("--models", models), ("--tasks", asked)):
        if not names:
            raise RunError(f"{what} is empty; name at least one")
        _refuse_twice(what, names)
    for task in asked:
        TASKS.load(task)
    found = []
    for model in models:
        kind = kind_of(model)
        fitting = [task for task in asked if (task == kind if kind else task not in BUILT)]
        if not fitting:
            fits = f"only '{kind}'" if kind else f"any but {' and '.join(map(repr, BUILT))}"
            raise RunError(f"model '{model}' can be asked none of {', '.join(asked)}; it takes {fits}")
        found += [ModelAndTask(model, task, seed) for task in fitting for seed in seeds]
    return tuple(found)


def _entrant(name: str) -> Entrant:
    method, *given = name.split(":")
    if get_method(method).is_exact:
        raise RunError(f"'{method}' is what the others are held against, and always there; leave it out of --methods")
    if not _scores_edges(method):
        raise RunError(
            f"method '{method}' finds a circuit and does not score every edge; compare it by `edgewise roc` or"
            " `edgewise compare`"
        )
    settings = dict(map(_setting, given, [name] * len(given)))
    exact = settings.pop(_EXACT, 0)
    if not isinstance(exact, int) or isinstance(exact, bool):
        raise RunError(f"--methods {name}: exact is {exact!r}; give a whole number of edges")
    # Checked here, before anything slow begins; whatever the model and the task.
    settled(RunConfig("demo", task="ioi", method=method, exact=exact, settings=settings))
    return Entrant(name, method, tuple(settings.items()), exact)


def _setting(text: str, name: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise RunError(f"--methods {name}: {text!r} is not setting=value; write for example eap-ig-inputs:steps=2")
    try:
        return key.replace("-", "_"), json.loads(value)
    except ValueError:
        return key.replace("-", "_"), value


def _scores_edges(name: str) -> bool:
    method = get_method(name)
    return not (method.makes_circuit or method.is_exact)


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RunError(f"{what} names '{twice}' twice")


def base_of(question: RunConfig, place: ModelAndTask) -> RunConfig:
    """The model and the prompts of a place."""
    return replace(question, model=place.model, task=place.task, seed=place.seed, n=question.n or DEFAULT_N)
