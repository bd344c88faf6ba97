"""Methods with settings, as a contest names them, and the runs each of them stands for.

``NAME:SETTING=VALUE:...``, where NAME is a row of `ROWS` or any method that scores every edge; ``exact=24`` among the
settings stands for ``--exact 24``. A method that scores edges is one run, and its scores are a curve. One that gives a
circuit for each value of a setting is one run a value, and its circuits are points: it needs a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from edgewise.errors import RunError, UnknownNameError, did_you_mean
from edgewise.runs.config import RunConfig
from edgewise.runs.methods import get_method, method_names, settled
from edgewise.settings import flag
from edgewise.settings.selection import Selection
from edgewise.settings.texts import read_value

TAU, LAMBDA, EXACT = "tau", "lambda_", "exact"
DEFAULT_TAUS = (0.0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
# Within what ACDC's comparison ran, for KL and for the task's metric.
LAMBDAS_KL = (0.01, 0.1, 1.0, 10.0, 50.0, 250.0)
LAMBDAS_TASK = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
# What EAP leaves ACDC, whatever the units of the metric.
EAP_FIRST = {"eap_fraction": 0.25}
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Entrant:
    """A method as it takes part.

    Args:
        name: what users type, such as ``"acdc:kl"``.
        label: for tables and legends.
        method: of `discover`.
        metric: the one it always goes by; None for that of the prompts, or that was asked for.
        sweep: the setting that is varied, for a method that gives circuits; None for one that scores edges.
        values: the values it takes.
        settings: its other settings.
        exact: how many of its estimates are followed by exact effects; None as the method has it.
    """

    name: str
    label: str
    method: str
    metric: str | None = None
    sweep: str | None = None
    values: tuple[float, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    exact: int | None = None

    @property
    def folder(self) -> str:
        """Name of the folder of its run, or of its runs."""
        return self.name.replace(":", "-").replace("=", "-")

    def configs(self, base: RunConfig, metric: str) -> dict[str, RunConfig]:
        """Return what its runs are to do, by their names within its folder, such as ``"tau-0.1"``; ``""`` for one run.

        Args:
            base: model and prompts.
            metric: the metric that belongs to the prompts, or was asked for.
        """
        method = get_method(self.method)
        resampled = not (method.of_all_prompts or method.makes_circuit)
        whole = replace(
            base,
            method=self.method,
            metric=self.metric or (base.metric if method.default_metric is None else metric),
            selection=Selection(),
            per_prompt=base.per_prompt and resampled,
            bootstrap=base.bootstrap if resampled else 0,
            exact=self.exact,
            settings=self.settings,
        )
        if self.sweep is None:
            return {"": whole}
        word = flag(self.sweep).strip("-")
        return {
            f"{word}-{value:g}": replace(whole, settings={**self.settings, self.sweep: value}) for value in self.values
        }


_ROWS = (
    Entrant("eap", "EAP", "eap"),
    Entrant("activation-patching", "activation patching", "activation-patching"),
    Entrant("acdc:kl", "ACDC, KL", "acdc", "kl", TAU, DEFAULT_TAUS),
    Entrant("acdc:task", "ACDC, task metric", "acdc", None, TAU, DEFAULT_TAUS),
    Entrant("eap-acdc", "EAP then ACDC, KL", "eap-acdc", "kl", TAU, DEFAULT_TAUS, EAP_FIRST),
    Entrant("eap-acdc:task", "EAP then ACDC, task metric", "eap-acdc", None, TAU, DEFAULT_TAUS, EAP_FIRST),
    Entrant("hisp", "HISP, task metric", "hisp"),
    Entrant("hisp:kl", "HISP, KL", "hisp", "kl"),
    Entrant("sp", "SP, KL", "subnetwork-probing", "kl", LAMBDA, LAMBDAS_KL),
    Entrant("sp:task", "SP, task metric", "subnetwork-probing", None, LAMBDA, LAMBDAS_TASK),
    Entrant("fading", "fading, KL", "fading", "kl"),
    Entrant("random", "random scores", "random"),
)
ROWS: Mapping[str, Entrant] = {row.name: row for row in _ROWS}
REFERENCE = ROWS["activation-patching"]
# Subnetwork probing trains for thousands of steps a value, and is run when it is named.
ROC_METHODS = tuple(name for name, row in ROWS.items() if row.sweep != LAMBDA)
# A cheap variant of a dear method, so that the dear one is seen at the budget of others too; and estimates whose
# largest and least certain are measured.
VARIANTS = ("eap-ig-inputs:steps=2", "eap:exact=24")


def scorers() -> tuple[str, ...]:
    """Names of the methods that score every edge, but for the exact one."""
    return tuple(name for name in method_names() if _scores(name))


def entrants(
    names: Sequence[str],
    base: RunConfig,
    rows: Mapping[str, Entrant] = ROWS,
    values: Mapping[str, Sequence[float]] = NOTHING,
    settings: Mapping[str, Mapping[str, Any]] = NOTHING,
) -> tuple[Entrant, ...]:
    """Read the names of methods, in their order.

    Args:
        names: of rows or methods, with settings behind colons.
        base: model and prompts, to check the settings with before anything slow begins.
        rows: those that may be named; without any, a method is named alone.
        values: setting -> the values it takes where it is swept, in place of those of the row.
        settings: method -> its other settings; those behind the name come before them.

    Raises:
        UnknownNameError: no such row or method.
        SettingError: a setting that it cannot have.
        RunError: none, one twice, or one that cannot take part.
    """
    refuse_none_or_twice("--methods", names)
    found = tuple(_entrant(name, rows, values, settings) for name in names)
    for one in found:
        for config in one.configs(base, base.metric or "kl").values():
            settled(config)
    return found


def distinct(setting: str, values: Sequence[float]) -> tuple[float, ...]:
    """Return the values of a setting, rising. Raises RunError where there are none, or two that read the same."""
    rising = tuple(sorted(values))
    if not rising or len({f"{value:g}" for value in rising}) < len(rising):
        raise RunError(f"{flag(setting)}s needs at least one value, each given once (six digits of it count)")
    return rising


def refuse_none_or_twice(what: str, names: Sequence[str]) -> None:
    """Raise RunError where there is no name, or one twice."""
    if not names:
        raise RunError(f"{what} is empty; name at least one")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RunError(f"{what} names '{twice}' twice")


def _entrant(
    name: str,
    rows: Mapping[str, Entrant],
    values: Mapping[str, Sequence[float]],
    settings: Mapping[str, Mapping[str, Any]],
) -> Entrant:
    words = name.split(":")
    own = next((n for n in range(len(words), 0, -1) if ":".join(words[:n]) in rows), 1)
    row = rows.get(":".join(words[:own])) or _of_method(words[0], name, rows)
    behind = [_setting(text, name, row.method) for text in words[own:]]
    given = {**settings.get(row.method, {}), **dict(behind)}
    if len(dict(behind)) < len(behind):
        raise RunError(f"--methods {name}: gives a setting twice; give it once")
    exact = given.pop(EXACT, None)
    if exact is not None and (not isinstance(exact, int) or isinstance(exact, bool)):
        raise RunError(f"--methods {name}: exact is {exact!r}; give a whole number of edges")
    swept = given.pop(row.sweep, None) if row.sweep else None
    if swept is not None and (not isinstance(swept, int | float) or isinstance(swept, bool)):
        raise RunError(f"--methods {name}: {flag(row.sweep or '').strip('-')} is {swept!r}; give a number")
    asked = row.values if row.sweep is None else tuple(values.get(row.sweep, row.values))
    # One way to say how many edges EAP leaves takes the place of another.
    first = {} if any(key.startswith("eap_") for key in given) else row.settings
    return replace(
        row,
        name=name,
        label=": ".join((row.label, ", ".join(words[own:]))) if words[own:] else row.label,
        values=asked if swept is None else (swept,),
        settings={**first, **given},
        exact=exact,
    )


def _of_method(method: str, name: str, rows: Mapping[str, Entrant]) -> Entrant:
    """A method that has no row."""
    if rows and (method not in method_names() or not _scores(method)):
        known = tuple(dict.fromkeys((*rows, *scorers())))
        near = did_you_mean(name, known) or "."
        raise UnknownNameError(f"cannot compare method '{name}'{near} Known here: {', '.join(known)}.")
    if get_method(method).is_exact:
        raise RunError(f"'{method}' is what the others are held against, and always there; leave it out of --methods")
    if not _scores(method):
        raise RunError(
            f"method '{method}' finds a circuit and does not score every edge; compare it by `edgewise roc` or"
            " `edgewise compare`"
        )
    return Entrant(method, method, method)


def _scores(method: str) -> bool:
    found = get_method(method)
    return not (found.makes_circuit or found.is_exact)


def _setting(text: str, name: str, method: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise RunError(f"--methods {name}: {text!r} is not setting=value; write for example eap-ig-inputs:steps=2")
    key = key.replace("-", "_")
    known = {entry.name for entry in fields(get_method(method).settings)}
    return f"{key}_" if f"{key}_" in known else key, read_value(value)
