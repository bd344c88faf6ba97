"""What is wrong with a command line, in one line of our own words."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from edgewise.errors import SettingError, did_you_mean

# What the parser of numbers says -> what is to be given instead.
_WANTED = (
    (r"valid integer", "a whole number"),
    (r"valid number", "a number"),
    (r"greater than or equal to (\S+)", r"at least \1"),
    (r"less than or equal to (\S+)", r"at most \1"),
)


def refuse_empty(given: Sequence[str]) -> None:
    """Refuse a word without a letter, such as the value of a shell's variable that is not set. Raises SettingError."""
    if "" in given:
        at = list(given).index("")
        behind = f" after {given[at - 1]}" if at else ""
        raise SettingError(f"an empty word is given{behind}; give a value, or leave it out")


def about_usage(error: Exception, given: Sequence[str], verbs: Collection[str | None]) -> str | None:
    """One line for the parser's own errors; None for another.

    Args:
        error: what it raised.
        given: the command line.
        verbs: those that there are.
    """
    message = getattr(error, "format_message", None)
    if message is None:
        return None
    verb = next((word for word in given if not word.startswith("-")), "")
    said = _about_value(error, given) or _about_name(message().rstrip("."))
    end = "" if said.endswith("?") else ";"
    return f"{said}{end} see `edgewise {f'{verb} ' if verb in verbs else ''}--help`"


def _about_name(said: str) -> str:
    """What the parser says of a name that is not known, with the nearest one as everywhere else."""
    unknown = re.match(r"No such (?:command|option):? '?([^' ]+)'?", said)
    near = re.search(r"(?:Did you mean|Possible options:) (.+?)[)?]*$", said)
    if unknown is None:
        return said
    names = re.findall(r"[\w-]+", near[1]) if near else []
    return f"{unknown[0]}{did_you_mean(unknown[1], names)}"


def _about_value(error: Any, given: Sequence[str]) -> str | None:
    """What a value is, and what it should be; None where the parser's words are better."""
    flags = getattr(getattr(error, "param", None), "opts", ())
    wanted = next(((match, words) for told, words in _WANTED if (match := re.search(told, str(error.message)))), None)
    found = _value(flags, given)
    if wanted is None or found is None:
        return None
    flag, value = found
    return f"{flag} is {value!r}; give {wanted[0].expand(wanted[1])}"


def _value(flags: Sequence[str], given: Sequence[str]) -> tuple[str, str] | None:
    """The option as it was typed, and what was typed behind it; the last one counts."""
    for place in reversed(range(len(given))):
        flag, joined, value = given[place].partition("=")
        if flag in flags and (joined or place + 1 < len(given)):
            return flag, value if joined else given[place + 1]
    return None
