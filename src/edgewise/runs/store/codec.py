"""Stored values as JSON and back: one codec over frozen dataclasses, which is where damaged files are caught.

A class says by its fields what is stored of it. Beside these there may be:

- ``format`` and ``format_version``, class variables: written first, and what a file must say to be read as this class;
- ``derived()``: numbers that follow from the fields, written for people and other programs, passed over in reading;
- fields whose metadata are `NOT_STORED`: they have defaults, and whoever reads fills them in.

Arrays are lists, null where a number is not finite. A field of a class that is no dataclass holds one of its
subclasses: the one that has the fields of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec
import numpy as np

from edgewise.errors import EdgewiseError, FormatError
from edgewise.json_text import json_bytes

NOT_STORED = {"stored": False}
_HEAD = ("format", "format_version")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "object": "names with values",
    "array": "a list",
    "null": "nothing",
}
Value = TypeVar("Value")


def to_json(value: Any) -> Any:
    """Return a dataclass, or what one may hold, as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        head = {name: getattr(value, name) for name in _HEAD if hasattr(value, name)}
        derived = value.derived() if hasattr(value, "derived") else {}
        return head | to_json(derived) | {name: to_json(getattr(value, name)) for name in _stored(type(value))}
    if isinstance(value, Mapping):
        return {name: to_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(one) for one in value]
    if isinstance(value, np.ndarray):
        return [one if np.isfinite(one) else None for one in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value


def from_json(kind: type[Value], values: Any, where: str, fix: str = "make it again") -> Value:
    """Read back what `to_json` gave.

    Args:
        kind: a dataclass.
        values: JSON values.
        where: the file, for messages.
        fix: what to do about a damaged one, likewise.

    Raises:
        FormatError: not of this kind: a field that is missing, unknown, or cannot have its value; it names the field.
    """
    if hasattr(kind, "format"):
        _require_format(kind, values, where)
    try:
        found = msgspec.convert(values, kind, dec_hook=_custom)
        _require_same_fields(found, values, "")
    except msgspec.ValidationError as error:
        raise FormatError(f"{where}: {_in_words(str(error))}; {fix}") from error
    except RecursionError as error:
        raise FormatError(f"{where}: nested too deep; {fix}") from error
    except EdgewiseError as error:
        raise FormatError(f"{where}: {error}; {fix}") from error
    return found


def read_json(path: Path, fix: str = "make it again") -> Any:
    """Return the JSON values of a file of ours.

    Raises:
        FormatError: it is not JSON, or cannot be read.
    """
    try:
        return msgspec.json.decode(json_bytes(path))
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); {fix}") from error
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise FormatError(f"{path}: not JSON ({error}); {fix}") from error


def _stored(kind: type[Any]) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(kind) if entry.metadata.get("stored", True))


def _require_format(kind: Any, values: Any, where: str) -> None:
    if not isinstance(values, dict) or values.get("format") != kind.format:
        raise FormatError(f"{where}: not written by edgewise (field 'format' is not '{kind.format}')")
    there, here = values.get("format_version"), getattr(kind, "format_version", None)
    if (type(there), there) != (type(here), here):
        raise FormatError(
            f"{where}: field 'format_version' is {there!r}, and this edgewise reads {here}; use the edgewise that"
            " wrote it"
        )


def _custom(kind: Any, values: Any) -> Any:
    """What the library does not know: arrays, and classes that stand for one of their subclasses."""
    if get_origin(kind) is np.ndarray:
        return _array(get_args(get_args(kind)[1])[0], values)
    given = set(values) if isinstance(values, dict) else set[str]()
    below: list[type[Any]] = kind.__subclasses__()
    kinds = list(filter(is_dataclass, below))
    if not kinds:
        raise ValueError("is nothing that is stored")
    return _inside(max(kinds, key=lambda one: len(given & set(_stored(one)))), values)


def _array(number: Any, values: Any) -> np.ndarray[Any, Any]:
    if number is np.int64:
        try:
            return np.array(_inside(list[int], values), dtype=np.int64)
        except OverflowError as error:
            raise ValueError("a number is out of range") from error
    given = _inside(list[float | None], values)
    return np.array([np.nan if one is None else one for one in given], dtype=np.float64)


def _inside(kind: Any, values: Any) -> Any:
    """Convert within a value of our own; raised as ValueError, the place is added to by the library."""
    try:
        return msgspec.convert(values, kind, dec_hook=_custom)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def _require_same_fields(found: Any, values: Any, place: str) -> None:
    """Refuse fields that the class does not have, and those left out: a default is for callers, not for files."""
    if is_dataclass(found):
        own = _stored(type(found))
        head = [name for name in _HEAD if hasattr(found, name)]
        known = {*own, *head, *(found.derived() if hasattr(found, "derived") else ())}
        for name in values:
            if name not in known:
                raise FormatError(f"field '{place}{name}' is unknown; was it written by a newer edgewise?")
        for name in own:
            if name not in values:
                raise FormatError(f"field '{place}{name}' is missing")
            _require_same_fields(getattr(found, name), values[name], f"{place}{name}.")
    elif isinstance(found, tuple):
        for number, (one, given) in enumerate(zip(found, values, strict=True)):
            _require_same_fields(one, given, f"{place.removesuffix('.')}[{number}].")
    elif isinstance(found, Mapping):
        for name, one in found.items():
            _require_same_fields(one, values.get(name), f"{place}{name}.")


def _in_words(message: str) -> str:
    """``Expected `int`, got `str` - at `$.config.n` `` as ``field 'config.n': expected a whole number, got a text``."""
    message, *places = message.split(" - at ")
    place = "".join(one.strip("`").removeprefix("$") for one in reversed(places)).removeprefix(".")
    missing = re.fullmatch("Object missing required field `(.*)`", message)
    if missing:
        return f"field '{place}{'.' if place else ''}{missing[1]}' is missing"
    words = re.sub("`(.*?)`", lambda found: _type_in_words(found[1]), message)
    words = words.replace("Invalid enum value", "cannot be")
    return f"field '{place}': {words[:1].lower()}{words[1:]}" if place else words


def _type_in_words(name: str) -> str:
    return " or ".join(_WORDS.get(one, one) for one in name.split(" | "))
