"""The methods that can be compared, and the runs each of them stands for.

A method that scores edges is one run, and its scores are a curve. A method that gives a circuit for each value of a
setting is one run a value, and its circuits are points. Adding a method is one row of `CONTENDERS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from edgewise.errors import RunError, UnknownNameError, did_you_mean
from edgewise.runs.config import RunConfig
from edgewise.runs.methods import get_method
from edgewise.settings import flag
from edgewise.settings.selection import Selection

TAU, LAMBDA = "tau", "lambda_"
DEFAULT_TAUS = (0.0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
# Within what ACDC's comparison ran, for KL and for the task's metric.
LAMBDAS_KL = (0.01, 0.1, 1.0, 10.0, 50.0, 250.0)
LAMBDAS_TASK = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
TASK_METRIC = "task"
# What EAP leaves ACDC, whatever the units of the metric.
EAP_FIRST = {"eap_fraction": 0.25}


@dataclass(frozen=True)
class Contender:
    """One row: a method as it is compared.

    Args:
        name: what users type, such as ``"acdc:kl"``.
        label: for tables and legends.
        method: of `discover`.
        metric: ``"task"`` for the metric that belongs to the prompts or was asked for, else a metric's name.
        sweep: the setting that is varied, for a method that gives circuits; None for one that scores edges.
        values: the values it takes where nothing else is asked for.
        by_prompt: whether it scores single prompts, so that scores can be resampled.
        settings: its other settings where nothing else is asked for.
    """

    name: str
    label: str
    method: str
    metric: str = TASK_METRIC
    sweep: str | None = None
    values: tuple[float, ...] = ()
    by_prompt: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def configs(
        self,
        base: RunConfig,
        metric: str,
        values: Mapping[str, Sequence[float]] = MappingProxyType({}),
        settings: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> tuple[tuple[str, str, RunConfig], ...]:
        """Return its runs: name of the folder, setting in words, config.

        Args:
            base: model and prompts.
            metric: the metric that belongs to the prompts, or was asked for.
            values: setting -> the values it takes, in place of those of the row.
            settings: method -> its other settings.
        """
        own = {**self.settings, **settings.get(self.method, {})}
        resampled = self.by_prompt and self.sweep is None
        whole = replace(
            base,
            method=self.method,
            metric=self._metric(base, metric),
            selection=Selection(),
            per_prompt=base.per_prompt and resampled,
            bootstrap=base.bootstrap if resampled else 0,
            settings=own,
        )
        folder = self.name.replace(":", "-").replace("=", "-")
        if self.sweep is None:
            return ((folder, "", whole),)
        word = flag(self.sweep).strip("-")
        return tuple(
            (
                f"{folder}/{word}-{value:g}",
                f"{word} {value:g}",
                replace(whole, settings={**own, self.sweep: value}),
            )
            for value in values.get(self.sweep, self.values)
        )

    def _metric(self, base: RunConfig, metric: str) -> str | None:
        """What the config says of the metric: nothing where the method takes that of the prompts by itself."""
        if self.metric != TASK_METRIC:
            return self.metric
        return base.metric if get_method(self.method).default_metric is None else metric


_ROWS = (
    Contender("eap", "EAP", "eap"),
    Contender("activation-patching", "activation patching", "activation-patching"),
    Contender("acdc:kl", "ACDC, KL", "acdc", "kl", TAU, DEFAULT_TAUS),
    Contender("acdc:task", "ACDC, task metric", "acdc", sweep=TAU, values=DEFAULT_TAUS),
    Contender("eap-acdc", "EAP then ACDC, KL", "eap-acdc", "kl", TAU, DEFAULT_TAUS, settings=EAP_FIRST),
    Contender(
        "eap-acdc:task", "EAP then ACDC, task metric", "eap-acdc", sweep=TAU, values=DEFAULT_TAUS, settings=EAP_FIRST
    ),
    Contender("hisp", "HISP, task metric", "hisp", by_prompt=False),
    Contender("hisp:kl", "HISP, KL", "hisp", "kl", by_prompt=False),
    Contender("sp", "SP, KL", "subnetwork-probing", "kl", LAMBDA, LAMBDAS_KL),
    Contender("sp:task", "SP, task metric", "subnetwork-probing", sweep=LAMBDA, values=LAMBDAS_TASK),
    Contender("random", "random scores", "random", by_prompt=False),
)
CONTENDERS: Mapping[str, Contender] = {row.name: row for row in _ROWS}
# Subnetwork probing trains for thousands of steps a value, and is run when it is named.
DEFAULT_METHODS = tuple(name for name, row in CONTENDERS.items() if row.sweep != LAMBDA)
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
        raise RunError(f"{flag(setting)}s needs at least one value, each given once (six digits of it count)")
    return rising
