"""A method's own settings: names and JSON values on the outside, a frozen dataclass of the method's inside."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from edgewise.errors import SettingError, did_you_mean

Settings = TypeVar("Settings")


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
    known = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            near = did_you_mean(name, known)
            listed = ", ".join(map(flag, sorted(known))) or "none"
            raise SettingError(f"method '{method}' has no setting {flag(name)}{near or ';'} it has {listed}")
    hints = get_type_hints(kind)
    return kind(**{name: _as(hints[name], value, name, method) for name, value in values.items()})


def settings_json(settings: Any) -> dict[str, Any]:
    """All settings of a method, as JSON values by field."""
    plain = {entry.name: getattr(settings, entry.name) for entry in fields(settings)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def flag(name: str) -> str:
    """How a setting is called on the command line; the field of one that is a word of Python's ends in ``_``."""
    return f"--{name.rstrip('_').replace('_', '-')}"


def _as(kind: Any, value: Any, name: str, method: str) -> Any:
    """The value as the field's type, or an error."""
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    for option in options:
        if option is type(None) and value is None:
            return None
        if get_origin(option) is tuple and isinstance(value, list | tuple):
            return tuple(_as(get_args(option)[0], item, name, method) for item in value)
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if option in (bool, int, str) and type(value) is option:
            return value
    words = " or ".join("nothing" if option is type(None) else _word(option) for option in options)
    raise SettingError(f"method '{method}': {flag(name)} is {value!r}; give {words}")


def _word(kind: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    return words.get(kind, "a list")
