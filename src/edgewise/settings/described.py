"""The settings of a class, with all that is known of each: from its field, its type and its description."""

from __future__ import annotations

import types
from collections.abc import Hashable
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from edgewise.settings.setting import KEY, Setting, flag


@dataclass(frozen=True)
class Described:
    """One setting of a class.

    Args:
        name: the field's.
        kind: ``bool``, ``int``, ``float``, ``str``, or ``dict`` for names with values.
        many: whether it is a tuple of such values.
        optional: whether it may be None.
        choices: the only values allowed; none where any will do.
        default: the value where none is given; ``MISSING`` where one must be given.
        setting: what its field says.
    """

    name: str
    kind: type[Any]
    many: bool
    optional: bool
    choices: tuple[str, ...]
    default: Any
    setting: Setting

    @property
    def flag(self) -> str:
        """Its option."""
        return self.setting.flag or flag(self.name)

    @property
    def off(self) -> str | None:
        """The option that turns it off, where there is something to turn off."""
        if self.kind is not bool or self.default is False:
            return None
        return f"--no-{self.flag.removeprefix('--')}"

    @property
    def default_words(self) -> str | None:
        """The default as help shows it; None where there is nothing to say."""
        if self.setting.shown_default is not None:
            return self.setting.shown_default
        if self.default in (MISSING, None, False) or self.default in ((), {}):
            return None
        return self.flag.removeprefix("--") if self.default is True else str(self.default)


def described(kind: type[Any]) -> tuple[Described, ...]:
    """Every described setting of a frozen dataclass, in the order of its fields."""
    return _described_once(cast("Hashable", kind))


@cache
def _described_once(kind: Any) -> tuple[Described, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _described(entry.name, hints[entry.name], _default(entry), entry.metadata.get(KEY, Setting("")))
        for entry in fields(kind)
        if KEY in entry.metadata or not entry.metadata
    )


def _default(entry: Any) -> Any:
    return entry.default if entry.default_factory is MISSING else entry.default_factory()


def _described(name: str, hint: Any, default: Any, told: Setting) -> Described:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    (inner,) = (option for option in options if option is not type(None))
    many = get_origin(inner) is tuple
    inner = get_args(inner)[0] if many else inner
    choices = tuple(map(str, get_args(inner))) if get_origin(inner) is Literal else ()
    kind = str if choices else inner if isinstance(inner, type) else dict
    return Described(name, kind, many, type(None) in options, choices, default, told)


def changed(settings: Any) -> str:
    """A settings object in short, for its ``repr``: what is not as by default."""
    defaults = {entry.name: _default(entry) for entry in fields(settings)}
    told = ((name, getattr(settings, name)) for name in defaults)
    shown = (f"{name}={_plain(value)!r}" for name, value in told if value != defaults[name])
    return f"{type(settings).__name__}({', '.join(shown)})"


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, types.MappingProxyType) else value
