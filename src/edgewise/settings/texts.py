"""From what is typed to values that are more than a word or a number, and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from edgewise.errors import SettingError
from edgewise.json_text import parse_json

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def read_options(given: Sequence[str]) -> dict[str, Any]:
    """Read ``name=value`` options; a value that is JSON (a number, true, a list) is taken as that.

    Raises:
        SettingError: an option without ``=``, or named twice.
    """
    return _pairs(given, "--option", "name=value", "template=3")


def read_columns(given: Sequence[str]) -> dict[str, Any]:
    """Read ``field=column``.

    Raises:
        SettingError: one without ``=``, or a field named twice.
    """
    return _pairs(given, "--map", "field=column", "clean=question")


def _pairs(given: Sequence[str], flag: str, what: str, such: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise SettingError(f"{flag} {text!r} is not {what}; write for example {flag} {such}")
        if name in found:
            raise SettingError(f"{flag} {name} is given twice; give it once")
        found[name] = read_value(value)
    return found


def write_options(options: Mapping[str, Any]) -> list[str]:
    """The words that `read_options` reads as these."""
    return [f"{name}={_word(value)}" for name, value in options.items()]


def read_value(text: str) -> Any:
    """Read JSON; what is none stands for itself."""
    try:
        return parse_json(text)
    except ValueError:
        return text


def _word(value: Any) -> str:
    """As it is read: JSON, but words that are no JSON stand as they are."""
    return value if isinstance(value, str) and read_value(value) == value else json.dumps(value)


def read_size(text: str) -> int:
    """Read a number of bytes such as ``"8GB"``, ``"1.5 GiB"`` or ``"500M"``.

    Raises:
        SettingError: not a number of bytes, or none above zero.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", text.lower())
    size = int(float(match[1]) * _UNITS[match[2] or ""]) if match else 0
    if size < 1:
        raise SettingError(f"--max-memory {text!r} is not a number of bytes; write for example 8GB or 1.5GiB")
    return size


def read_count(option: str, text: str) -> int | None:
    """Read a number of things, or ``"all"``, which is None.

    Raises:
        SettingError: neither, or a number below one.
    """
    if text.lower() == "all":
        return None
    if not re.fullmatch(r"\d{1,3}(,\d{3})+|\d+", text) or int(text.replace(",", "")) < 1:
        raise SettingError(
            f"{option} {text!r} is not a number of at least 1; write for example {option} 500 or {option} all"
        )
    return int(text.replace(",", ""))


def read_names(option: str, text: str) -> tuple[str, ...]:
    """Read names parted by commas. Raises SettingError where one of them is empty."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise SettingError(f"{option} {text!r} has an empty name in it; part names by one comma each")
    return names


def read_numbers(option: str, texts: Sequence[str], kind: type[int] | type[float] = float) -> tuple[Any, ...]:
    """Read finite numbers, each text one or several parted by commas. Raises SettingError naming what is none."""
    found: list[Any] = []
    for word in (word for text in texts for word in text.split(",")):
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise SettingError(
                f"{option}: {word.strip()!r} is not a finite number; write for example {option} 0.01,0.1,1"
            )
        found.append(int(number) if kind is int and number.is_integer() else number)
    return tuple(found)


AUTO = -1
"""As many as the method itself says."""


def read_amount(text: str) -> int:
    """Read a number of edges, or ``"auto"``, which is `AUTO`. Raises SettingError where it is neither."""
    if text.lower() == "auto":
        return AUTO
    if not re.fullmatch(r"\d{1,3}(,\d{3})+|\d+", text):
        raise SettingError(
            f"--exact {text!r} is neither a number nor auto; write for example --exact 50 or --exact auto"
        )
    return int(text.replace(",", ""))


def write_amount(amount: int) -> list[str]:
    """The word that `read_amount` reads as this."""
    return ["auto" if amount == AUTO else str(amount)]


def read_times(text: str) -> float:
    """Read ``"5x"`` or ``"2.5"``. Raises SettingError where it is no number above zero."""
    times = _number(text.strip().lower().removesuffix("x"))
    if not times > 0:
        raise SettingError(f"--budget {text!r} is not a number of times EAP's time; write for example --budget 5x")
    return times


def write_times(times: float) -> list[str]:
    """The word that `read_times` reads as this."""
    return [f"{times!r}x"]


def read_goal(text: str) -> float:
    """Read ``"r2=.95"``. Raises SettingError where it is something else, or no number above 0 and at most 1."""
    name, _, number = text.strip().lower().partition("=")
    goal = _number(number)
    if name != "r2" or not 0 < goal <= 1:
        raise SettingError(f"--until {text!r} is no goal; write for example --until r2=.95")
    return goal


def write_goal(goal: float) -> list[str]:
    """The word that `read_goal` reads as this."""
    return [f"r2={goal!r}"]


def _number(text: str) -> float:
    """A finite number; NaN where the text is none."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
