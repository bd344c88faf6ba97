"""From keywords to settings: what was given, read as the command line reads it, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewise.errors import SettingError
from edgewise.methods import ESTIMATES, SEARCHES, settings_class
from edgewise.runs.config import RunConfig
from edgewise.runs.store.either import AnyRun
from edgewise.settings import Described, described
from edgewise.settings.selection import Selection

_RUNS = "give finished runs, or their folders"
RULE = tuple(one.name for one in described(Selection))


def given_of(keywords: Mapping[str, Any], *kinds: type[Any]) -> dict[str, Any]:
    """Return the settings of some classes that were given, by their fields.

    None, False of a switch that is off, and nothing in the place of several are what nobody gave. A text stands for
    what it means on the command line: ``budget="10x"``.

    Args:
        keywords: all of a call.
        kinds: classes of settings.

    Raises:
        SettingError: a text that means nothing.
    """
    known = {one.name: one for kind in kinds for one in described(kind)}
    return {name: _read(one, keywords[name]) for name, one in known.items() if _was_given(one, keywords.get(name))}


def method_settings() -> tuple[type[Any], ...]:
    """The classes of all methods' own settings."""
    return tuple(dict.fromkeys(settings_class(name) for registry in (ESTIMATES, SEARCHES) for name in registry))


def config_of(given: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> RunConfig:
    """Return what a run is asked to do: of what was given, what is no field of it is the method's own.

    Args:
        given: settings by their fields.
        settings: more of the method's own, such as those of another package.

    Raises:
        SettingError: a value that a setting cannot have, or settings that do not go together.
    """
    fields = {one.name for one in described(RunConfig)}
    own = {name: value for name, value in given.items() if name not in fields and name not in RULE}
    plain = {name: value for name, value in given.items() if name in fields}
    rule = {name: value for name, value in given.items() if name in RULE}
    return RunConfig(**plain, settings={**own, **(settings or {})}, selection=Selection(**rule))


def folder_of(run: str | Path | AnyRun) -> Path:
    """Return a run's folder."""
    return run.folder if isinstance(run, AnyRun) else Path(run)


def folders_of(runs: str | Path | AnyRun | Sequence[str | Path | AnyRun]) -> list[Path]:
    """Return the folders of runs; one that stands alone is a list of one.

    Raises:
        SettingError: no runs, or something else.
    """
    several = [runs] if isinstance(runs, str | Path | AnyRun) else runs
    if not isinstance(several, Sequence) or not several:
        raise SettingError(f"runs is {'empty' if isinstance(several, Sequence) else type(runs).__name__}; {_RUNS}")
    other = next((one for one in several if not isinstance(one, str | Path | AnyRun)), None)
    if other is not None:
        raise SettingError(f"runs has {type(other).__name__} in it; {_RUNS}")
    return list(map(folder_of, several))


def _was_given(one: Described, value: Any) -> bool:
    off = one.kind is bool and value is False and one.default is False
    return not off and not (value is None or value == () or value == [] or value == {})


def _read(one: Described, value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        return value
    if one.many:
        return (value,)
    return value if one.setting.read is None else one.setting.read(value)
