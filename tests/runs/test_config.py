"""The config of a run: JSON and back, refusals, and what tells two of them apart."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from edgewise.errors import EdgewiseError, FormatError, SelectionError, SettingError
from edgewise.runs.config import RunConfig
from edgewise.runs.store.codec import from_json, to_json
from edgewise.settings.selection import Selection

FULL = RunConfig(
    model="gpt2",
    task="ioi",
    options={"template": "all", "order": "abba"},
    n=25,
    seed=3,
    split="held-out",
    level="node",
    metric="prob-diff",
    selection=Selection(threshold=0.25, by="mean-abs", prune=True),
    dtype="float64",
    device="cuda:1",
    batch_size=4,
    bos=False,
    per_prompt=True,
    ignore_config=("new_attribute",),
)


@pytest.mark.parametrize("config", [FULL, RunConfig(model="demo", data="rows.csv", drop_invalid=True)])
def test_json_and_back(config: RunConfig) -> None:
    text = json.dumps(to_json(config), allow_nan=False)
    assert from_json(RunConfig, json.loads(text), "run.json") == config
    assert hash(from_json(RunConfig, json.loads(text), "run.json")) == hash(config)


def test_it_is_frozen_and_owns_its_options() -> None:
    options = {"order": "abba"}
    config = RunConfig(model="demo", task="ioi", options=options)
    options["order"] = "baba"
    assert config.options["order"] == "abba"
    with pytest.raises(TypeError):
        config.options["order"] = "baba"  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        config.seed = 1  # type: ignore[misc]


def test_differences_name_field_and_both_values() -> None:
    other = replace(FULL, seed=4, metric=None, selection=Selection(top=7, by="mean-abs", prune=True))
    assert FULL.differences(other) == (
        "seed is 3 there, 4 here",
        'metric is "prob-diff" there, not set here',
        "selection top is not set there, 7 here",
        "selection threshold is 0.25 there, not set here",
    )
    assert FULL.differences(replace(FULL)) == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "neither a task nor a data file"),
        ({"task": "ioi", "data": "a.csv"}, "both a task and a data file"),
        ({"data": "a.csv", "options": {"order": "abba"}}, "'order'.*--data"),
        ({"task": "ioi", "level": "nodes"}, "did you mean 'node'"),
        ({"task": "ioi", "n": 0}, "n is 0; give at least 1"),
        ({"task": "ioi", "batch_size": -2}, "--batch-size is -2"),
        ({"task": "ioi", "options": {"order": object()}}, "JSON"),
    ],
)
def test_what_cannot_be_run_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        RunConfig(model="demo", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"colour": "red"}, "run.json: field 'colour' is unknown"),
        ({"selection": to_json(Selection()) | {"best": 3}}, "run.json: field 'selection.best' is unknown"),
        ({"selection": {}}, "run.json: field 'selection.top' is missing"),
        ({"model": None}, "run.json: field 'model': expected a text, got nothing"),
        ({"level": "nodes"}, "run.json: field 'level': cannot be 'nodes'"),
        ({"n": 0}, "run.json: --n is 0; give at least 1"),
    ],
)
def test_json_of_something_else_is_refused_by_field(values: dict[str, object], field: str) -> None:
    with pytest.raises(FormatError, match=field):
        from_json(RunConfig, to_json(RunConfig(model="demo", task="ioi")) | values, "run.json")


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        ({"top": 3, "threshold": 0.1}, SelectionError, "--top and --threshold given; give one"),
        ({"threshold": 0.1, "fraction": 0.1}, SelectionError, "give one of"),
        ({"top": 0}, SettingError, "at least 1"),
        ({"fraction": 1.5}, SettingError, "above 0 and at most 1"),
        ({"threshold": float("nan")}, SettingError, "finite"),
        ({"threshold": 0.1, "greedy": True}, SelectionError, "not --threshold"),
        ({"by": "absolute"}, SettingError, "use one of abs"),
    ],
)
def test_rules_that_make_no_sense_are_refused(
    fields: dict[str, object], kind: type[EdgewiseError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        Selection(**fields)  # type: ignore[arg-type]


def test_a_config_shows_what_is_not_as_by_default() -> None:
    asked = RunConfig("demo", task="ioi", n=7, options={"order": "abba"}, selection=Selection(top=5, prune=True))
    assert repr(asked) == (
        "RunConfig(model='demo', dtype='float32', device='cpu', task='ioi', options={'order': 'abba'}, n=7,"
        " selection=Selection(top=5, prune=True))"
    )
    assert repr(Selection()) == "Selection()"
