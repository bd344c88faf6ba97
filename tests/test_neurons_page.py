"""The page on neurons says what the stored measurements say, and its claims hold of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import neurons

HOME = Path(__file__).parent.parent
PAGE = (HOME / "docs" / "neurons.md").read_text(encoding="utf-8")
ROWS: list[dict[str, Any]] = json.loads((HOME / "benchmarks" / "neurons.json").read_text())


def of(method: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["method"] == method]


def f(row: dict[str, Any], what: str, number: int) -> float:
    return float(row["curves"][what][number]["f"])


def test_the_table_is_that_of_the_stored_rows() -> None:
    written = neurons.table(ROWS).splitlines()
    assert len(written) == len(ROWS) + 2
    assert [line for line in written if line not in PAGE.splitlines()] == []


def test_two_real_models_are_there_by_both_methods() -> None:
    assert {row["model"] for row in of("eap")} == {row["model"] for row in of("relp")}
    assert len({row["model"] for row in ROWS}) == 2


def test_neurons_take_less_time_than_edges() -> None:
    assert all(row["cpu_seconds"] < row["eap_cpu_seconds"] for row in ROWS)


def test_eap_says_what_single_neurons_do() -> None:
    for row in of("eap"):
        assert row["r"] > 0.9
        assert row["same_sign"] > 0.9
    for row, other in zip(of("eap"), of("relp"), strict=True):
        assert other["r"] < row["r"]


def test_a_tenth_of_the_neurons_keeps_more_than_random_ones() -> None:
    for row in ROWS:
        for what in ("nodes", "neurons"):
            point = row["curves"][what][6]
            assert point["f"] > 0.4
            assert point["random"] < 0.2
            assert point["f"] > f(row, what, 3)
