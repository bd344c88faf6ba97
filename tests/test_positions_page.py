"""The page on positions says what the stored measurements say, and its claims hold of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import places_time
import positions

HOME = Path(__file__).parent.parent
PAGE = (HOME / "docs" / "positions.md").read_text(encoding="utf-8")
EVERY = json.loads((HOME / "benchmarks" / "positions.json").read_text())
COST = json.loads((HOME / "benchmarks" / "places_time.json").read_text())
DRAWING = json.loads((HOME / "benchmarks" / "places_drawing.json").read_text())
RANKINGS = {(model, method): rows for model, found in EVERY.items() for method, rows in found["methods"].items()}


def test_the_table_is_that_of_the_stored_rows() -> None:
    written = positions.table(EVERY).splitlines()
    assert len(written) == 2 + sum(map(len, RANKINGS.values()))
    assert [line for line in written if line not in PAGE.splitlines()] == []


def test_the_picture_is_that_of_the_stored_rows() -> None:
    drawn = (HOME / "docs/images/positions-gemma-3-270m-ioi.svg").read_text()
    title = "Circuits with and without places: gemma-3-270m on ioi"
    assert drawn == positions.picture(EVERY["gemma-3-270m ioi"], title)


def test_circuits_with_places_are_closer_where_the_page_says_so() -> None:
    worse = [
        (*key, row["edges_at_places"])
        for key, rows in RANKINGS.items()
        for row in rows
        if row["with_places"]["kl"] >= row["without"]["kl"]
    ]
    assert worse == [("gemma-3-270m ioi", "eap", 40), ("gemma-3-270m ioi", "eap+exact", 40)]
    below = [
        (*key, row["edges_at_places"])
        for key, rows in RANKINGS.items()
        for row in rows[2:]
        if row["with_places"]["faithfulness"] <= row["without"]["faithfulness"]
    ]
    small = "smollm2-135m-instruct ioi"
    assert below == [(small, "eap-ig-inputs", 10806), (small, "eap+exact", 54030)]
    assert "10,806\nedges of SmolLM2's `eap-ig-inputs` and 54,030 of its `eap+exact`" in PAGE


def test_a_twentieth_with_places_is_as_close_as_a_fifth_without() -> None:
    pairs = []
    for rows in RANKINGS.values():
        by_share = {row["share"]: row for row in rows}
        pairs.append((by_share[0.05]["with_places"]["kl"], by_share[0.2]["without"]["kl"]))
        assert pairs[-1][0] <= 1.01 * pairs[-1][1]
    assert len(pairs) == 6
    for apart, whole in pairs:
        assert f"{apart:.2f} and {whole:.2f}".replace("0.", ".") in " ".join(PAGE.split())


def test_ten_spans_cost_what_the_page_says() -> None:
    assert COST["spans"] == 10
    assert set(COST["cases"]) == set(places_time.SHAPES)
    assert all(row["places"][0] <= 1.5 for row in COST["cases"].values())
    assert {row["repeats"] for row in COST["cases"].values()} == {3}
    assert places_time.table(COST) in PAGE


def test_drawing_takes_what_the_page_says() -> None:
    assert DRAWING["drawn"] == 100
    over, heat, page = (f"{made['seconds'][0]:g} s" for made in DRAWING["made"].values())
    said = " ".join(PAGE.split())
    assert f"over the prompt takes {over}, the heat map {heat} and the whole page {page}" in said
