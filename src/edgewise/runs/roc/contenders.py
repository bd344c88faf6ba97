"""The methods that can be compared, and the runs each of them stands for.

A method that scores edges is one run, and its scores are a curve. A method that gives a circuit for each value of a
setting is one run a value, and its circuits are points. Adding a method is one row of `CONTENDERS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgewise.errors import RunError, UnknownNameError, did_you_mean
from edgewise.runs.config import RunConfig
from edgewise.runs.methods import get_method
from edgewise.runs.selection import Selection

TAU = "tau"
DEFAULT_TAUS = (0.0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
TASK_METRIC = "task"


@dataclass(frozen=True)
class Contender:
    """One row: a method as it is compared.

    Args:
        name: what users type, such as ``"acdc:kl"``.
        label: for tables and legends.
        method: of `discover`.
        metric: ``"task"`` for the metric that belongs to the prompts or was asked for, else a metric's name.
        sweep: the setting that is varied, for a method that gives circuits; None for one that scores edges.
        settings: the method's other settings.
    """

    name: str
    label: str
    method: str
    metric: str = TASK_METRIC
    sweep: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def configs(
        self, base: RunConfig, metric: str, values: Mapping[str, Sequence[float]]
    ) -> tuple[tuple[str, str, RunConfig], ...]:
        """Return its runs: name of the folder, setting in words, config.

        Args:
            base: model and prompts.
            metric: the metric that belongs to the prompts, or was asked for.
            values: setting -> the values it takes.
        """
        whole = replace(
            base,
            method=self.method,
            metric=self._metric(base, metric),
            selection=Selection(),
            per_prompt=base.per_prompt and self.sweep is None,
            bootstrap=base.bootstrap if self.sweep is None else 0,
            settings=self.settings,
        )
        folder = self.name.replace(":", "-")
        if self.sweep is None:
            return ((folder, "", whole),)
        return tuple(
            (
                f"{folder}-{self.sweep}-{value:g}",
                f"{self.sweep} {value:g}",
                replace(whole, settings={**self.settings, self.sweep: value}),
            )
            for value in values[self.sweep]
        )

    def _metric(self, base: RunConfig, metric: str) -> str | None:
        """What the config says of the metric: nothing where the method takes that of the prompts by itself."""
        if self.metric != TASK_METRIC:
            return self.metric
        return base.metric if get_method(self.method).default_metric is None else metric


_ROWS = (
    Contender("eap", "EAP", "eap"),
    Contender("activation-patching", "activation patching", "activation-patching"),
    Contender("acdc:kl", "ACDC, KL", "acdc", "kl", TAU),
    Contender("acdc:task", "ACDC, task metric", "acdc", sweep=TAU),
)
CONTENDERS: Mapping[str, Contender] = {row.name: row for row in _ROWS}
DEFAULT_METHODS = tuple(CONTENDERS)
EXACT = "activation-patching"


def contenders(names: Sequence[str]) -> tuple[Contender, ...]:
    """Return the rows of these names, in their order.

    Raises:
        UnknownNameError: no such row.
        RunError: none, or one twice.
    """
    for name in names:
        if name not in CONTENDERS:
            near, known = did_you_mean(name, CONTENDERS) or ".", ", ".join(CONTENDERS)
            raise UnknownNameError(f"cannot compare method '{name}'{near} Known here: {known}.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not names:
        raise RunError(f"--methods names '{twice}' twice" if twice else "--methods is empty; name at least one")
    return tuple(CONTENDERS[name] for name in names)


def distinct(setting: str, values: Sequence[float]) -> tuple[float, ...]:
    """Return the values of a setting, rising. Raises RunError where there are none, or two that read the same."""
    rising = tuple(sorted(values))
    if not rising or len({f"{value:g}" for value in rising}) < len(rising):
        raise RunError(f"--{setting}s needs at least one value, each given once (six digits of it count)")
    return rising
