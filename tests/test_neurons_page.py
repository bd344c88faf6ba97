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
    assert all(row["cpu_seconds"] + row["edges_cpu_seconds"] < 2.1 * row["eap_cpu_seconds"] for row in ROWS)


def test_eap_says_what_single_neurons_do() -> None:
    for row in of("eap"):
        assert row["r"] > 0.9
        assert row["same_sign"] == 1
    for row, other in zip(of("eap"), of("relp"), strict=True):
        assert other["r"] < row["r"]


def test_many_neurons_are_needed_and_heads_alone_keep_nothing() -> None:
    for row in ROWS:
        assert abs(row["every_head"]) < 0.05
        for what in ("nodes", "neurons"):
            assert f(row, what, 3) < 0.2  # the best 1 %
            half = row["curves"][what][8]
            assert half["f"] > 0.65
            assert half["random"] < 0.2


def test_circuits_by_relp_are_the_better_ones_on_gemma() -> None:
    by = {row["method"]: row for row in ROWS if row["model"].startswith("gemma")}
    for what in ("nodes", "neurons"):
        assert all(f(by["relp"], what, number) > f(by["eap"], what, number) for number in (6, 7, 8))
        assert f(by["eap"], what, 6) > 0.5
