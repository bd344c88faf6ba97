"""One setting, described where its field stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field
from typing import Any

KEY = "setting"


@dataclass(frozen=True)
class Setting:
    """What a user must know of a field of a settings class; name, type and default are the field's own.

    Args:
        help: one line.
        flag: its option, where that is not the field's name.
        least: the least value allowed.
        above: what the value must be above.
        most: the largest value allowed.
        shown_default: the default in words, where there is no value to show.
        metavar: what stands for the value in help.
        read: from what is typed to the value, where that is more than a word or a number.
        write: back to what is typed, likewise.
        sweep: whether several values may be given, each a run of its own.
        changes_result: whether another value is another run. What only says how a run is carried out does not.
    """

    help: str
    flag: str | None = None
    least: float | None = None
    above: float | None = None
    most: float | None = None
    shown_default: str | None = None
    metavar: str | None = None
    read: Callable[[Any], Any] | None = None
    write: Callable[[Any], list[str]] | None = None
    sweep: bool = False
    changes_result: bool = True


def setting(default: Any = MISSING, *, help: str, factory: Any = MISSING, hashed: bool = True, **more: Any) -> Any:
    """A field of a settings class.

    Args:
        default: its value where none is given; a setting without one must be given.
        help: one line.
        factory: what makes the default, where that can be changed in place.
        hashed: whether it is part of its object's hash.
        more: see `Setting`.
    """
    metadata = {KEY: Setting(help, **more)}
    if factory is not MISSING:
        return field(default_factory=factory, hash=None if hashed else False, metadata=metadata)
    if default is MISSING:
        return field(hash=None if hashed else False, metadata=metadata)
    return field(default=default, hash=None if hashed else False, metadata=metadata)


def flag(name: str) -> str:
    """How a field is called on the command line; the field of one that is a word of Python's ends in ``_``."""
    return f"--{name.rstrip('_').replace('_', '-')}"
