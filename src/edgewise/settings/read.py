"""Settings from values and back: JSON on the outside, a frozen dataclass on the inside; every value is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from edgewise.errors import SettingError, did_you_mean
from edgewise.settings.described import Described, described
from edgewise.settings.setting import flag

Settings = TypeVar("Settings")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", dict: "names with values"}


@dataclass(frozen=True)
class NoSettings:
    """Of a method that has none."""


def read_settings(kind: type[Settings], values: Mapping[str, Any], method: str) -> Settings:
    """Make a method's settings from what was given; the rest is as by default.

    Args:
        kind: a frozen dataclass whose fields all have defaults; a field is a bool, an int, a float, a str, a tuple of
            one of these, or None. Its ``__post_init__`` refuses values that make no sense.
        values: JSON values by field.
        method: the method's name, for messages.

    Raises:
        SettingError: a name the method does not know, or a value of another type; and whatever the class refuses.
    """
    known = {one.name: one for one in described(kind)}
    for name in values:
        if name not in known:
            near = did_you_mean(name, known)
            listed = ", ".join(sorted(one.flag for one in known.values())) or "none"
            raise SettingError(f"method '{method}' has no setting {flag(name)}{near or ';'} it has {listed}")
    return kind(**{name: checked(known[name], value, f"method '{method}': ") for name, value in values.items()})


def settings_json(settings: Any) -> dict[str, Any]:
    """All settings of a method, as JSON values by field."""
    plain = {entry.name: getattr(settings, entry.name) for entry in fields(settings)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def check(settings: Any) -> None:
    """Check every described value of a settings object against its type, its choices and its range.

    Raises:
        SettingError: naming the option, its value and what it may be.
    """
    for one in described(type(settings)):
        value = getattr(settings, one.name)
        fitted = checked(one, value)
        if fitted is not value:
            object.__setattr__(settings, one.name, fitted)


def require_whole(name: str, value: Any, least: int) -> None:
    """Check a number that is no setting of a run, such as how many groups. Raises SettingError."""
    if type(value) is not int or value < least:
        raise SettingError(f"{name} is {value!r}; give a whole number, at least {least}")


def checked(one: Described, value: Any, where: str = "") -> Any:
    """One value, as its setting has it: a whole number where a number is asked for becomes one, a list a tuple.

    Raises:
        SettingError: it is none that the setting can have.
    """
    if value is None and one.optional:
        return None
    if one.many and isinstance(value, list | tuple):
        return tuple(_fitting(one, item, item, where) for item in value)
    if one.many:
        raise SettingError(f"{where}{one.flag} is {value!r}; give a list")
    return _fitting(one, value, value, where)


def _fitting(one: Described, value: Any, shown: Any, where: str) -> Any:
    if one.kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        value = float(value)
    fits = isinstance(value, Mapping) if one.kind is dict else type(value) is one.kind
    if not fits:
        words = _WORDS.get(one.kind, "another value") + (" or nothing" if one.optional and not one.many else "")
        raise SettingError(f"{where}{one.flag} is {shown!r}; give {words}")
    if one.choices and value not in one.choices:
        near = did_you_mean(value, one.choices)
        raise SettingError(f"{where}{one.flag} is {value!r}{near or ';'} use one of {', '.join(one.choices)}")
    told = one.setting
    if one.kind is float and not math.isfinite(value):
        raise SettingError(f"{where}{one.flag} is {value}; give a finite number")
    wrong = (
        (told.least is not None and value < told.least)
        or (told.above is not None and value <= told.above)
        or (told.most is not None and value > told.most)
    )
    if wrong:
        raise SettingError(f"{where}{one.flag} is {value}; give {_range(told)}")
    return value


def _range(told: Any) -> str:
    bounds = ((told.least, "at least {:g}"), (told.above, "a number above {:g}"), (told.most, "at most {:g}"))
    return " and ".join(words.format(bound) for bound, words in bounds if bound is not None)
