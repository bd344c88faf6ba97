"""Stored JSON: what is written is read back, and a damaged file is one line that names file and field."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgewise.errors import FormatError
from edgewise.runs.store.codec import from_json, read_json, to_json
from runs.stored_values import every

STORED = every()
DEEP: Any = 1
for _ in range(300):
    DEEP = [DEEP]
OTHERS = (None, True, 7, 0.5, "", "word", [], [None], {}, {"odd": 1}, DEEP, -1, 10**400, {"a": {"b": {"c": None}}})


def places(values: Any, *above: Any) -> Iterator[tuple[Any, ...]]:
    """Every place in JSON values, outermost first."""
    yield above
    inside = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for name, value in inside:
        yield from places(value, *above, name)


def damaged(values: Any, draw: random.Random) -> tuple[Any, tuple[Any, ...]]:
    """A copy with one thing wrong, and where it is."""
    values = copy.deepcopy(values)
    place = draw.choice([place for place in places(values) if place])
    holder = values
    for name in place[:-1]:
        holder = holder[name]
    kind = draw.choice(("another", "another", "missing", "unknown"))
    if kind == "another":
        holder[place[-1]] = copy.deepcopy(draw.choice(OTHERS))
    elif kind == "missing":
        del holder[place[-1]]
    elif isinstance(holder, dict):
        place = (*place[:-1], "surplus")
        holder["surplus"] = 1
    else:
        holder.append(copy.deepcopy(draw.choice(OTHERS)))
    return values, place


def alike(ours: Any, theirs: Any) -> bool:
    """Whether two JSON values are the same; a whole number may stand for the same number."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(alike(ours[name], theirs[name]) for name in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    return bool(ours == theirs) and isinstance(ours, bool) == isinstance(theirs, bool)


def without_derived(value: Any, values: Any) -> Any:
    """JSON values of a stored value without those that follow from others."""
    if isinstance(values, list):
        return [without_derived(one, given) for one, given in zip(value, values, strict=True)]
    if not isinstance(values, dict):
        return values
    derived = value.derived() if hasattr(value, "derived") else ()
    inside = (lambda name: value.get(name)) if isinstance(value, dict) else (lambda name: getattr(value, name, None))
    return {
        name: one if inside(name) is None else without_derived(inside(name), one)
        for name, one in values.items()
        if name not in derived
    }


@pytest.mark.parametrize("name", STORED)
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    value = STORED[name]
    (tmp_path / name).write_text(json.dumps(to_json(value), allow_nan=False))
    again = from_json(type(value), read_json(tmp_path / name), name)
    assert to_json(again) == to_json(value)
    if name != "roc.json":  # arrays have no equality of their own
        assert again == value


@pytest.mark.parametrize("name", STORED)
def test_a_damaged_file_is_one_line_that_names_file_and_field(name: str) -> None:
    value = STORED[name]
    draw, whole, refused = random.Random(name), json.loads(json.dumps(to_json(value))), 0
    for _ in range(60):
        values, place = damaged(whole, draw)
        try:
            found = from_json(type(value), values, f"there/{name}")
        except FormatError as error:
            said = str(error)
            names = [part for part in place if isinstance(part, str)]
            assert said.startswith(f"there/{name}: "), said
            assert "\n" not in said
            assert any(part in said.replace("-", "_") for part in names), (place, said)
            refused += 1
        else:
            assert alike(without_derived(found, to_json(found)), without_derived(found, values)), place
    assert refused > 20


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"format": "edge', "not JSON"),
        (b'{"n": NaN}', "not JSON"),
        (b'{"n": 1e999}', "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_by_file(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(FormatError, match=rf"run\.json: {why} \(.*\); make it again"):
        read_json(tmp_path / "run.json")
    with pytest.raises(FormatError, match=r"cannot be read \(Is a directory\)"):
        read_json(tmp_path)


def change(values: Any, place: tuple[Any, ...], to: Any) -> Any:
    values = copy.deepcopy(values)
    holder = values
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = to
    return values


@pytest.mark.parametrize(
    ("name", "place", "to", "said"),
    [
        ("run.json", ("config", "seed"), "7", "field 'config.seed': expected a whole number, got a text"),
        ("run.json", ("prompts", "n"), None, "field 'prompts.n': expected a whole number, got nothing"),
        ("run.json", ("config", "level"), "nodes", "field 'config.level': cannot be 'nodes'"),
        ("run.json", ("exact",), [], "field 'exact': expected names with values or nothing, got a list"),
        ("run.json", ("warnings",), ["a", 3], "field 'warnings[1]': expected a text, got a whole number"),
        ("run.json", ("config", "selection", "top"), 0, "--top and --threshold given"),
        ("run.json", ("format_version",), 2, "field 'format_version' is 2, and this edgewise reads 1"),
        ("run.json", ("format",), "other", "not written by edgewise (field 'format' is not 'edgewise-run')"),
        ("roc.json", ("lines", 1, "levels", "edge", "points", "settings"), ["a"], "true_positives are no counts of 1"),
        ("roc.json", ("lines", 0, "levels"), {}, "field 'lines': levels of 'eap'"),
        ("verification.json", ("folder",), "there", "field 'folder': is nothing that is stored"),
        ("verification.json", ("reused",), True, "field 'reused' is unknown"),
        ("league.json", ("cells",), [], "field 'cells': not the same methods in each"),
        ("league.json", ("cells", 1, "entries", 0, "agreement", "r2", "value"), "1", "field 'cells[1].entries[0]."),
    ],
)
def test_messages(name: str, place: tuple[Any, ...], to: Any, said: str) -> None:
    whole = json.loads(json.dumps(to_json(STORED[name])))
    with pytest.raises(FormatError) as refused:
        from_json(type(STORED[name]), change(whole, place, to), name)
    assert str(refused.value).startswith(f"{name}: ")
    assert said in str(refused.value)
