"""What a user may choose of a template: one of several words, a whole number, or one of what would be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgewise.errors import DataError, did_you_mean


@dataclass(frozen=True)
class Option:
    """One choice.

    Args:
        name: of the option.
        default: what is taken where nothing is chosen.
        values: the words that can be chosen, the default included; empty for a number.
        least: the smallest number.
        most: the largest number.
        draws: the default of an option that names one of what would be drawn, and leaves it to the draw; else None.
        sentence: whether it is a sentence that it names, and not a filler of the slot of its own name.
        implied_when: other options with values that leave no choice here.
        implied: what it is then.
    """

    name: str
    default: str | int
    values: tuple[str, ...] = ()
    least: int = 0
    most: int = 0
    draws: str | None = None
    sentence: bool = False
    implied_when: Mapping[str, str] = field(default_factory=dict)
    implied: str | None = None


def chosen(task: str, options: Mapping[str, Option], asked: Mapping[str, Any]) -> dict[str, str | int]:
    """The value of every option.

    Args:
        task: for messages.
        options: those of the template.
        asked: what the user chose.

    Raises:
        DataError: an option that there is not, or a value that it does not have.
    """
    unknown = next((name for name in asked if name not in options), None)
    if unknown is not None:
        near = did_you_mean(unknown, options)
        raise DataError(
            f"task {task!r} has no option {unknown!r}{near or ';'} its options: {', '.join(options) or 'none'}"
        )
    found = {name: _checked(task, one, asked.get(name, one.default)) for name, one in options.items()}
    return {name: _implied(task, one, found) for name, one in options.items()}


def _checked(task: str, option: Option, value: Any) -> str | int:
    if option.values:
        if value not in option.values:
            near = did_you_mean(str(value), option.values)
            raise DataError(f"task {task!r}, {option.name}: {value!r} is not one of {', '.join(option.values)}{near}")
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int) or not option.least <= value <= option.most:
        raise DataError(f"task {task!r}, {option.name}: {value!r}; choose {option.least} to {option.most}")
    return value


def _implied(task: str, option: Option, found: Mapping[str, str | int]) -> str | int:
    value = found[option.name]
    if option.implied is None or any(found[name] != wanted for name, wanted in option.implied_when.items()):
        return value
    if value not in (option.default, option.implied):
        given = " and ".join(f"{name} {wanted}" for name, wanted in option.implied_when.items())
        raise DataError(
            f"task {task!r}, {option.name}: {value!r} does not go with {given}, which is {option.implied};"
            f" leave {option.name} out, or choose another {next(iter(option.implied_when))}"
        )
    return option.implied
