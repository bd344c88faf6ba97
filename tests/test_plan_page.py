"""The page on scale says what the stored plans and measurements say, and its limits hold of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import plan
import plans

HOME = Path(__file__).parent.parent
PAGE = (HOME / "docs" / "scale.md").read_text(encoding="utf-8").splitlines()
MEASURED = json.loads((HOME / "benchmarks" / "plan.json").read_text())["rows"]
LARGE = json.loads((HOME / "benchmarks" / "plans.json").read_text())["rows"]


def test_the_tables_are_those_of_the_stored_rows() -> None:
    written = [*plan.table(MEASURED).splitlines(), *plans.table(LARGE).splitlines()]
    assert len(written) == 4 + len(MEASURED) + len(LARGE)
    assert [line for line in written if line not in PAGE] == []


def test_what_was_planned_is_near_what_was_measured() -> None:
    """Ten pairs and more, within 25 % of the peak and 35 % of the time; ACDC's time is a limit from above."""
    assert len(MEASURED) >= 10
    for one in MEASURED:
        so, told = one["measured"], one["planned"]
        assert 0.75 <= so["peak"] / told["peak"] <= 1.25, one
        assert so["batch_size"] == told["batch_size"], one
        limit = 0.0 if one["method"] == "acdc" else 0.65
        assert limit <= so["seconds"] / told["seconds"] <= 1.35, one


def test_every_pair_of_the_script_is_stored() -> None:
    assert [(one["model"], one["method"], one["prompts"]) for one in MEASURED] == [
        (pair.name, pair.method, pair.n) for pair in plan.PAIRS
    ]
    assert [(one["model"], one["on"]) for one in LARGE] == list(plans.ASKED)
