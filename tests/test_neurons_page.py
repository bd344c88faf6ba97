"""The page on neurons says what the stored measurements say, and its claims hold of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import neurons

HOME = Path(__file__).parent.parent
PAGE = (HOME / "docs" / "neurons.md").read_text(encoding="utf-8")
ROWS: list[dict[str, Any]] = json.loads((HOME / "benchmarks" / "neurons.json").read_text())
TASKS = ("ioi", "agreement", "capitals")


def of(method: str, *tasks: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["method"] == method and row["task"] in (tasks or TASKS)]


def f(row: dict[str, Any], what: str, share: float, of: str = "f") -> float:
    total = row["neurons"] + (row["heads"] if what == "nodes" else 0)
    (found,) = [point[of] for point in row["curves"][what] if point["size"] == int(share * total + 1e-9)]
    return float(found)


@pytest.mark.parametrize("table", [neurons.table, neurons.largest])
def test_the_tables_are_those_of_the_stored_rows(table: Any) -> None:
    written = table(ROWS).splitlines()
    assert [line for line in written if line not in PAGE.splitlines()] == []


def test_both_real_models_are_there_on_every_task_by_both_methods() -> None:
    there = [(row["model"], row["task"], row["method"]) for row in ROWS]
    assert len(there) == len(set(there)) == 12
    assert {(task, method) for _, task, method in there} == {(task, by) for task in TASKS for by in ("eap", "relp")}
    assert len({model for model, _, _ in there}) == 2


def test_neurons_take_less_time_than_edges_and_with_edges_less_than_twice() -> None:
    for row in ROWS:
        assert median(neurons.ratios(row, "cpu_seconds")) < 1
        assert median(neurons.ratios(row, "cpu_seconds", "edges_cpu_seconds")) < 2
    dearest = max(ROWS, key=lambda row: max(neurons.ratios(row, "cpu_seconds", "edges_cpu_seconds")))
    rounds = neurons.ratios(dearest, "cpu_seconds", "edges_cpu_seconds")
    assert (dearest["model"][:5], dearest["task"], dearest["method"], len(rounds)) == ("gemma", "ioi", "relp", 5)
    assert f"{min(rounds):.2f} to {max(rounds):.2f} times EAP in five rounds" in PAGE


def test_eap_says_what_single_neurons_do() -> None:
    for row in of("eap"):
        assert row["r"] >= 0.945
        assert row["same_sign"] == 1
    for row in of("relp", "ioi"):
        assert row["r"] < 0.7
    for row in of("relp", "agreement", "capitals"):
        assert row["r"] > 0.9
        assert row["same_sign"] == 1


def test_how_many_neurons_it_takes() -> None:
    for row in of("eap", "agreement") + of("relp", "agreement"):
        assert 0.5 < f(row, "neurons", 0.002) < 0.8
        assert f(row, "neurons", 0.01) > 0.83
        assert 0.002 * row["neurons"] < 100
    for row in of("eap", "capitals") + of("relp", "capitals"):
        wanted = 0.8 if row["model"].startswith("gemma") else 0.4
        assert f(row, "neurons", 0.1) == pytest.approx(wanted, abs=0.05)
    for row in of("eap", "ioi") + of("relp", "ioi"):
        assert f(row, "neurons", 0.01) < 0.2
        assert f(row, "neurons", 0.5) > 0.6
        if row["model"].startswith("Smol"):
            assert f(row, "neurons", 0.2) < 0.2


def test_heads_alone_and_random_neurons_keep_little() -> None:
    for row in ROWS:
        assert abs(row["every_head"]) < 0.05
        assert f(row, "nodes", 0.5, "random") < f(row, "nodes", 0.5) / 2


def test_where_relp_chooses_the_better_circuits() -> None:
    for one, other in zip(of("relp", "agreement"), of("eap", "agreement"), strict=True):
        assert f(one, "neurons", 0.002) > f(other, "neurons", 0.002) + 0.1
    (one,), (other,) = ([row for row in of(by, "ioi") if row["model"].startswith("gemma")] for by in ("relp", "eap"))
    for share in (0.1, 0.2, 0.5):
        assert f(one, "nodes", share) > f(other, "nodes", share)
