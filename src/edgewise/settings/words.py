"""Settings as the words of a command line that gives them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from edgewise.settings.described import Described, described


def words(settings: Any, without: Collection[str] = ()) -> Iterator[str]:
    """Options and values, as `edgewise discover` reads them; what is as by default, or named, is left out."""
    for one in described(type(settings)):
        value = getattr(settings, one.name)
        if value != one.default and value is not None and one.name not in without:
            yield from _words(one, value)


def _words(one: Described, value: Any) -> Iterator[str]:
    if one.kind is bool and not one.many:
        yield one.flag if value else one.off or one.flag
        return
    texts = one.setting.write(value) if one.setting.write else map(_text, value if one.many else (value,))
    for text in texts:
        yield from typed(one.flag, text)


def typed(flag: str, text: str) -> tuple[str, ...]:
    """An option and its value; one that begins like an option would be read as one, so the two are joined."""
    return (f"{flag}={text}",) if text.startswith("-") else (flag, text)


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)
