"""Damaged copies of a file, from a seed: what disks, downloads, other programs and hostile people make of it."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgewise.errors import EdgewiseError
from edgewise.visible import visible

DEEP = 100_000


class _Raw(str):
    """JSON text that is put in as it stands."""


# What takes the place of a value of a JSON file.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 3, 10**30, 2**63, 1e308, -0.5, "", "x", "0", "../../x", "\ud800", "\x1b[31m", [], {},
    [[]], [None], {"x": 1}, [1, "a"], _Raw("NaN"), _Raw("Infinity"), _Raw("1e999"), _Raw("9" * 5000),
    _Raw("[" * DEEP + "]" * DEEP), _Raw('{"a":' * DEEP + "1" + "}" * DEEP),
)  # fmt: skip


def damaged(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """So many copies with damage of every kind; JSON is damaged by its structure too."""
    draw = random.Random(seed)
    values = _json(content)
    for number in range(count):
        yield _by_structure(values, draw) if values is not None and number % 2 else _by_bytes(content, draw)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, UnicodeDecodeError):
        return None


def _by_bytes(content: bytes, draw: random.Random) -> bytes:
    at, until = sorted((draw.randrange(len(content) + 1), draw.randrange(len(content) + 1)))
    flipped = bytearray(content)
    for _ in range(draw.choice((1, 1, 8, 64))):
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
    return draw.choice(
        (
            bytes(flipped),
            bytes(flipped),
            content[:at],
            content[:at] + content[until:],
            content[:at] + draw.randbytes(draw.choice((1, 16, 300))) + content[at:],
            content + content,
            content[:at] + bytes(until - at) + content[until:],
            b"",
            b"\xff\xfe" + content,
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n",
            b"<html><body>404</body></html>",
            b"[" * DEEP,
            b"null",
            b"[]",
            b"{}",
        )
    )


def _by_structure(values: Any, draw: random.Random) -> bytes:
    """Another value, no value, a second one, or one of another name, somewhere."""
    copied = json.loads(json.dumps(values))
    places = list(_places(copied))
    if not places:
        return b"{}"
    holder, key = draw.choice(places)
    value = draw.choice(VALUES)
    way = draw.randrange(5)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    elif way == 2 and isinstance(holder, dict):
        holder[key] = _Raw(f'{_text(holder[key])}, "{key}": {_text(value)}')
    else:
        holder[key] = value
    return _text(copied).encode("utf-8", "surrogatepass")


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key of a value, those near the root as likely as those in a long list."""
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for number, (key, value) in enumerate(items):
        if number > 20:
            return
        yield values, key
        yield from _places(value)


def _text(values: Any) -> str:
    """JSON, with raw texts as they stand and keys as often as they are given."""
    if isinstance(values, _Raw):
        return str(values)
    if isinstance(values, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_text(value)}" for key, value in values.items()) + "}"
    if isinstance(values, list):
        return "[" + ", ".join(map(_text, values)) + "]"
    return json.dumps(values)


def refusals(path: Path, content: bytes, read: Callable[[], object], copies: int, seed: int = 0) -> list[str]:
    """What is said of the damaged copies at a path that cannot be read: one short line each, or the test fails."""
    said = []
    for number, copy in enumerate(damaged(content, copies, seed)):
        path.write_bytes(copy)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read()
        except EdgewiseError as error:
            said.append(str(error))
            assert said[-1].strip(), f"copy {number}: says nothing"
            assert len(said[-1]) < 2000, f"copy {number}: {said[-1][:300]}"
            assert "\n" not in visible(said[-1]), f"copy {number}: {said[-1][:300]}"
        except Exception as error:
            kept = path.with_name(f"kept-{number}-{path.name}")
            kept.write_bytes(copy)
            pytest.fail(f"copy {number} (kept as {kept}, {copy[:80]!r}): {type(error).__name__}: {error!s:.200}")
    path.write_bytes(content)
    return said
