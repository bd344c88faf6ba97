"""Every method that `discover` can run: those that estimate, and those that run the model with edges patched."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from edgewise.errors import SettingError, UnknownNameError, did_you_mean
from edgewise.methods import ESTIMATES, OTHERS, SEARCHES, estimate_of, method_names
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.attribution import Estimating
from edgewise.runs.methods.method import RunMethod, ScoringState
from edgewise.runs.methods.refined import Refined, spending_of
from edgewise.settings import flag, settings_json
from edgewise.settings.scoring import WITH_EXACT

__all__ = ["RunMethod", "ScoringState", "get_method", "method_names", "method_of", "settled"]


def get_method(name: str) -> RunMethod[Any]:
    """Look a method up.

    Raises:
        UnknownNameError: no such method.
    """
    if name in ESTIMATES:
        return Estimating(name)
    if name.endswith(WITH_EXACT) and estimate_of(name) in ESTIMATES:
        return Refined(name)
    rows = next((rows for rows in (SEARCHES, OTHERS) if name in rows), None)
    if rows is not None:
        method: RunMethod[Any] = rows.load(name)
        return method
    near, known = did_you_mean(name, method_names()) or ".", ", ".join(method_names())
    raise UnknownNameError(f"unknown method '{name}'{near} Known methods: {known}.")


def method_of(config: RunConfig) -> RunMethod[Any]:
    """What carries a config out: its method, with exact effects of some edges where they are asked for.

    Raises:
        UnknownNameError: no such method.
    """
    if estimate_of(config.method) not in ESTIMATES:
        return get_method(config.method)
    return Estimating(config.method) if spending_of(config) is None else Refined(config.method)


def settled(config: RunConfig) -> RunConfig:
    """The config with every setting of its method written out, so that it says the same when defaults change.

    Raises:
        UnknownNameError: no such method.
        SettingError: a setting that it does not have, or cannot have with that value.
        RunError: anything else that the method cannot do.
    """
    method = method_of(config)
    _refuse_others(config, method)
    method.check(config)
    return replace(config, settings=settings_json(method.own(config)))


def _refuse_others(config: RunConfig, method: RunMethod[Any]) -> None:
    """Refuse a setting of another method, and say whose it is."""
    own = {entry.name for entry in fields(method.settings)}
    for name in config.settings:
        if name in own:
            continue
        every = (get_method(other) for other in method_names())
        owners = [other.name for other in every if name in {entry.name for entry in fields(other.settings)}]
        if owners:
            belongs = " and ".join(f"'{owner}'" for owner in owners)
            raise SettingError(
                f"{flag(name)} belongs to method {belongs}, not to '{method.name}';"
                f" give --method {owners[0]} or leave it out"
            )
