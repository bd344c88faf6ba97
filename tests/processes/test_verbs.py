"""Every long verb over processes: the numbers of one, with a death on the way and another count that goes on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewise.cli.main import HOW_TO_GO_ON
from killing import CONTEXT
from processes.long_verbs import VERBS, WITHIN, all_of_them, numbers

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="forks processes")]
OF_MACHINES = {"processes"}
# Whose scores are places in an order: edges that nothing tells apart take them as rounding has it.
ORDERS = ("fading",)


def test_every_long_verb_is_in_the_table() -> None:
    assert {command[0] for command in VERBS.values()} == set(HOW_TO_GO_ON) - {
        "paper"
    }  # whose figures are runs of these


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all of them were done."""
    found = tmp_path_factory.mktemp("verbs")
    process = CONTEXT.Process(target=all_of_them, args=(found / "in", list(VERBS)))
    process.start()
    process.join()
    assert process.exitcode == 0
    return found / "in"


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_shared_out_and_survives_a_death(home: Path, name: str) -> None:
    told = json.loads((home / "told.json").read_text())[name]
    assert told["codes"] == [[0], [0, 0, 0]], told["said"]
    assert told["said"][1:] == ["", ""]  # the first alone speaks
    if told["killed"]:
        first, last = told["killed"]
        assert last == -9
        assert first == 2
        assert told["took"] < WITHIN
        assert told["words"].strip().splitlines()[-1].startswith("edgewise: error: process 0 lost another one")
    alone, shared = (numbers(home / name / kind) for kind in ("alone", "shared"))
    assert alone.keys() == shared.keys()
    assert len(alone) > 0
    require_same(alone, shared, name, OF_MACHINES | ({"score"} if name in ORDERS else set()))
    (whole,), parts = told["calls"]
    assert max(parts) < whole


def require_same(one: Any, other: Any, where: str, but: Set[str]) -> None:
    """Numbers alike but for rounding, and all else the same, what has some names left out."""
    if isinstance(one, Mapping):
        assert one.keys() - but == other.keys() - but, where
        for key in one.keys() - but:
            require_same(one[key], other[key], f"{where}, {key}", but)
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            require_same(mine, theirs, f"{where}, {number}", but)
    elif isinstance(one, np.ndarray):
        mine, theirs = (np.sort(one, None), np.sort(other, None)) if "score" in but else (one, other)
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12, err_msg=where)
    elif isinstance(one, float):
        assert math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12), where
    else:
        assert one == other, where
