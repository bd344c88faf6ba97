"""What stands below the drawing: the table and its CSV, prompts, charts."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from edgewise.runs.store.folder import TRACE, Run
from page.conftest import Show
from page.test_explorer import strongest
from report.conftest import make_run

pytestmark = pytest.mark.slow

ROWS = "#edges tbody tr"


def column(name: str, shown_rows: list[list[str]], header: list[str]) -> list[str]:
    return [row[header.index(name)] for row in shown_rows]


def test_the_table_is_sorted_and_filtered(show: Show, run: Run) -> None:
    shown = show(run)
    names = shown.texts(f"{ROWS} td:nth-child(2)")
    assert names == strongest(run)[:100]
    shown.tab.locator("#edges th button", has_text="score").first.click()
    scores = [float(text.replace("−", "-")) for text in shown.texts(f"{ROWS} td:nth-child(4)")]
    assert scores == sorted(scores, reverse=True)
    shown.tab.locator("#edges th button", has_text="score").first.click()
    scores = [float(text.replace("−", "-")) for text in shown.texts(f"{ROWS} td:nth-child(4)")]
    assert scores == sorted(scores)
    shown.tab.get_by_label("Filter the table").fill("*->logits")
    wanted = {name for name in strongest(run)[:1000] if name.endswith("->logits")}
    assert set(shown.texts(f"{ROWS} td:nth-child(2)")) == wanted
    shown.tab.get_by_label("Filter the table").fill("")
    shown.tab.get_by_label("only what is drawn").check()
    shown.resize(9)
    assert shown.count(ROWS) == 9
    shown.tab.locator(f"{ROWS} button").first.click()
    assert shown.count(".edges path") == 1


def test_more_rows_on_request(show: Show, run: Run) -> None:
    shown = show(run)
    assert shown.count(ROWS) == 100
    shown.tab.get_by_role("button", name="Show more").click()
    assert shown.count(ROWS) == 300


def test_the_csv_holds_what_is_chosen(show: Show, run: Run, tmp_path: Path) -> None:
    shown = show(run)
    shown.tab.get_by_label("Filter the table").fill("input->")
    with shown.tab.expect_download() as saving:
        shown.tab.locator("#edges-csv").click()
    assert saving.value.suggested_filename == "run-edges.csv"
    saving.value.save_as(tmp_path / "edges.csv")
    with (tmp_path / "edges.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [name for name in strongest(run)[:1000] if name.startswith("input->")]
    for row in rows:
        value = float(run.scores.values[run.circuit.graph.edge(row["name"])])
        assert float(row["score"]) == pytest.approx(value, rel=1e-5)
        assert float(row["stderr"]) == pytest.approx(abs(value) / 5, rel=1e-5)


def test_prompts_are_tokens_and_the_odd_one_is_seen(show: Show, run: Run) -> None:
    shown = show(run)
    odd = shown.tab.locator("#prompts .prompt.odd").first
    assert odd.locator("p").first.inner_text() == (
        "Row 4 · odd · right: ·Mary · wrong: ·<John> · logit-diff −4.0000 clean, 0.0000 corrupted"
    )
    tokens = odd.locator(".token").all_inner_texts()
    assert [token.split() for token in tokens] == [["<s>", "<s>"], ["He", "He"], ["·saw", "·had"], ["·and", "·and"]]
    assert odd.locator(".token.differs").count() == 1
    assert odd.locator(".token.read").inner_text().split() == ["·and", "·and"]
    assert " ".join(odd.inner_text().split()).endswith("The model expects ·Mary 75.0 %·<John> 12.5 %")
    assert shown.count("#prompts .dot.clean") == 5
    assert shown.texts(".panel .bare li")[-3] == "row 4: −4.0000 clean; the mean is 1.6500"
    shown.tab.locator(".panel .bare button", has_text="row 3").click()
    assert shown.tab.locator("#prompts .prompt").first.get_attribute("data-place") == "2"


def test_the_histogram_counts_all_scores(show: Show, run: Run) -> None:
    shown = show(run)
    rects = shown.tab.locator("#scores rect")
    assert rects.count() > 20
    rects.first.hover()
    assert "in the circuit" in shown.text(".tip")


def test_a_trace_shows_where_edges_were_kept(show: Show, tmp_path: Path) -> None:
    run = make_run(top=20, folder=tmp_path / "run")
    run.folder.mkdir()
    names = [name for _, _, name in run.circuit.graph.edges()]
    rng = np.random.default_rng(0)
    steps = [
        {"edge": name, "before": float(i), "after": float(i + rng.random()), "kept": name in run.circuit.edges()}
        for i, name in enumerate(names)
    ]
    (run.folder / TRACE).write_text("".join(json.dumps(step) + "\n" for step in steps))
    shown = show(run)
    assert shown.count("#trace .dot") == 20
    assert f"{len(names):,} tests; 20 edges kept" in shown.text("#trace")


def test_what_a_run_lacks_has_no_section(show: Show) -> None:
    shown = show(make_run())
    found = shown.tab.locator("#sections > section").evaluate_all("(all) => all.map((one) => one.id)")
    assert found == ["table", "prompts", "scores", "about"]
    assert shown.texts(".places a")[0] == "The edges"
