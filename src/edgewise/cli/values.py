"""Values of options that are more than a word or a number."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from edgewise.errors import RunError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def parse_options(given: Sequence[str]) -> dict[str, Any]:
    """Read ``name=value`` options; a value that is JSON (a number, true, a list) is taken as that.

    Raises:
        RunError: an option without ``=``, or named twice.
    """
    options: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise RunError(f"--option {text!r} is not name=value; write for example --option template=3")
        if name in options:
            raise RunError(f"--option {name} is given twice; give it once")
        options[name] = _value(value)
    return options


def parse_size(text: str | None) -> int | None:
    """Read a number of bytes such as ``"8GB"``, ``"1.5 GiB"`` or ``"500M"``; None stays None.

    Raises:
        RunError: not a number of bytes, or none above zero.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", text.lower())
    size = int(float(match[1]) * _UNITS[match[2] or ""]) if match else 0
    if size < 1:
        raise RunError(f"--max-memory {text!r} is not a number of bytes; write for example 8GB or 1.5GiB")
    return size


def parse_count(option: str, text: str) -> int | None:
    """Read a number of things, or ``"all"``, which is None.

    Raises:
        RunError: neither, or a number below one.
    """
    if text.lower() == "all":
        return None
    if not re.fullmatch(r"\d{1,3}(,\d{3})+|\d+", text) or int(text.replace(",", "")) < 1:
        raise RunError(
            f"{option} {text!r} is not a number of at least 1; write for example {option} 500 or {option} all"
        )
    return int(text.replace(",", ""))


def parse_names(option: str, text: str) -> tuple[str, ...]:
    """Read names parted by commas. Raises RunError where one of them is empty."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise RunError(f"{option} {text!r} has an empty name in it; part names by one comma each")
    return names


def parse_numbers(option: str, text: str) -> tuple[float, ...]:
    """Read finite numbers parted by commas. Raises RunError naming the one that is none."""
    found = []
    for word in text.split(","):
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise RunError(f"{option}: {word.strip()!r} is not a finite number; write for example {option} 0.01,0.1,1")
        found.append(number)
    return tuple(found)


def parse_several(option: str, texts: Sequence[str] | None) -> tuple[float, ...]:
    """Read an option that may be repeated, each time with one number or several parted by commas."""
    return tuple(number for text in texts or () for number in parse_numbers(option, text))


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: those that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
