"""The page of a run: complete, self-contained, escaped, and the same every time."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewise.graph import Circuit, EdgeScores
from edgewise.report.page.command import command, command_line
from edgewise.report.page.html import SCRIPTS, asset, embedded
from edgewise.report.page.page import page, page_of
from edgewise.runs.config import RunConfig
from edgewise.runs.store.folder import Run
from edgewise.settings.selection import Selection
from edgewise.settings.texts import read_options
from report.conftest import edge_scores, make_checked_run, make_run, with_circuit
from report.test_circuit_picture import HOSTILE
from shown_page import document, texts

pytestmark = pytest.mark.slow

VOID = {"meta"}


class Page(HTMLParser):
    """Tags and attributes of a page; fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def of(run: Run) -> dict[str, Any]:
    """What the page of one run shows of it."""
    (found,) = document(page(run))["runs"]
    return dict(found)


@pytest.mark.parametrize("level", ["edge", "node"])
def test_the_page_says_what_was_run_and_found(shape: str, level: str) -> None:
    run = make_run(shape, level=level, top=5)
    found = of(run)
    said = "\n".join(texts(found))
    counts = run.record.counts
    for part in (
        "tiny on ioi",
        f"{level.capitalize()}s of the residual-stream graph, scored by eap on 100 prompts. Kept: top 5 by abs.",
        f"if the {level} were patched",
        "logit-diff falls",
        "finished 2024-05-01T10:00:00+00:00",
        "float32 on cpu",
        "edgewise discover",
        '"method": "eap"',
        "scores.safetensors",
    ):
        assert part in said, part
    assert [counts.circuit_edges, counts.edges] == found["edges"][:2]
    assert ["logit-diff, clean", "3.2500", "± 0.1250"] in found["numbers"]
    assert found["shape"]["layers"] == run.circuit.graph.spec.n_layers


def test_the_edges_come_in_the_order_of_selection() -> None:
    run = make_run(top=20)
    found = of(run)["ranked"]
    assert len(found["names"]) == min(1000, run.record.counts.edges)
    assert found["ranks"] == list(range(1, len(found["names"]) + 1))
    assert set(found["names"][:20]) == set(run.circuit.edges())
    assert found["kept"] == [1] * 20 + [0] * (len(found["names"]) - 20)
    sizes = np.abs(found["scores"])
    assert (np.diff(sizes) <= 1e-12).all()
    i, j = run.circuit.graph.edge(found["names"][7])
    assert found["scores"][7] == pytest.approx(float(run.scores.values[i, j]), rel=1e-5)
    assert found["stderrs"][7] == pytest.approx(abs(float(run.scores.values[i, j])) / 5, rel=1e-5)
    assert {len(column) for column in found.values() if isinstance(column, list)} == {len(found["names"])}


def test_a_circuit_that_no_ranking_gives_comes_first() -> None:
    run = make_run(top=20)
    ranked = of(run)["ranked"]["names"]
    own = [ranked[30], ranked[3], ranked[50]]
    found = of(with_circuit(run, Circuit.from_edges(run.circuit.graph, own)))["ranked"]
    assert found["names"][:4] == [ranked[3], ranked[30], ranked[50], ranked[0]]
    assert found["ranks"][:4] == [4, 31, 51, 1]
    assert found["first"] == 3


def test_of_a_large_circuit_all_is_there_else_a_thousand() -> None:
    run = make_run("gpt2", top=1500)
    assert len(of(run)["ranked"]["names"]) == 1500
    assert len(of(make_run("gpt2", top=10))["ranked"]["names"]) == 1000


def test_a_page_of_a_thousand_edges_is_small() -> None:
    assert len(page(make_run("gpt2", top=1000)).encode()) < 1_000_000


def test_edges_without_a_score_stand_only_where_they_are_kept() -> None:
    run = make_run(top=5)
    graph = run.circuit.graph
    values = run.scores.values.copy()
    kept, other = run.circuit.edges()[0], graph.edge_name(*np.argwhere(graph.mask & ~run.circuit.mask)[0].tolist())
    values[graph.edge(kept)] = values[graph.edge(other)] = np.nan
    found = of(replace(run, scores=EdgeScores(graph, values, allow_unscored=True)))["ranked"]
    assert kept in found["names"]
    assert other not in found["names"]
    at = found["names"].index(kept)
    assert (found["ranks"][at], found["scores"][at]) == (None, None)


def test_the_bins_count_every_score() -> None:
    run = make_run(top=9)
    bins = of(run)["bins"]
    values = run.scores.values[run.circuit.graph.mask]
    assert sum(bins["helping"]) == int((values < 0).sum())
    assert sum(bins["harming"]) == int((values > 0).sum())
    assert (bins["zeros"], sum(bins["circuit"])) == (int((values == 0).sum()), 9)
    largest = np.log10(np.abs(values).max())
    assert bins["lows"][-1] <= largest <= bins["lows"][-1] + 0.1


def test_of_a_distance_what_raises_it_helps() -> None:
    run = make_run(top=9)
    other = replace(run, record=replace(run.record, metric=replace(run.record.metric, name="kl", lower_is_better=True)))
    plain, turned = of(run), of(other)
    assert (plain["lower_is_better"], turned["lower_is_better"]) == (False, True)
    assert plain["bins"]["helping"] == turned["bins"]["harming"] != turned["bins"]["helping"]
    assert (
        "Negative (blue): logit-diff falls, so the edge helps. Positive (red): logit-diff rises" in plain["reading"][1]
    )
    assert "Positive (blue): kl rises, so the edge helps. Negative (red): kl falls" in turned["reading"][1]


def test_exact_effects_and_estimates_are_told_apart() -> None:
    run = make_checked_run(n=8)
    found = of(run)["ranked"]
    verified = run.scores.verified
    assert verified is not None
    columns = (found[key] for key in ("names", "exact", "scores", "estimates"))
    for name, exact, score, estimate in zip(*columns, strict=True):
        assert exact == verified[run.circuit.graph.edge(name)]
        assert estimate == pytest.approx(score / 2 if exact else score, rel=1e-5)
    assert found["doubts"] is None
    assert of(make_run())["ranked"]["exact"] is None
    drawn = np.zeros_like(verified)
    drawn[tuple(np.argwhere(verified)[0])] = True
    doubt = np.where(verified, np.nan, np.abs(run.scores.values) / 3)
    told = of(replace(run, scores=replace(run.scores, drawn=drawn, doubt=doubt)))["ranked"]
    assert sorted(told["exact"]) == [*sorted(found["exact"])[:-1], 2]
    for exact, score, off in zip(told["exact"], told["scores"], told["doubts"], strict=True):
        assert off is None if exact else off == pytest.approx(abs(score) / 3, rel=1e-5)


def test_the_page_needs_no_other_file_and_no_network() -> None:
    text = page(make_run())
    parsed = Page(text)
    assert not {"link", "img", "iframe", "object", "a", "base"} & set(parsed.tags)
    assert not [name for name, _ in parsed.attributes if name in ("href", "src", "action", "xlink:href")]
    assert "default-src 'none'" in text
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme:dark" in style
    assert "@media print" in style


def test_texts_never_become_markup() -> None:
    """No script of ours reads markup out of a text, and none can end the element that it stands in."""
    markup = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\.html\(|eval\(")
    for name in SCRIPTS:
        assert not markup.search(asset(name)), name
        assert "</script" not in asset(name)


def hostile() -> Run:
    run = make_run(model=HOSTILE, options={HOSTILE: HOSTILE})
    prompts = replace(run.record.prompts, name=HOSTILE, info={HOSTILE: HOSTILE})
    metric = replace(run.record.metric, name=HOSTILE)
    record = replace(run.record, prompts=prompts, metric=metric, warnings=(HOSTILE,), versions={HOSTILE: HOSTILE})
    return replace(run, record=record)


def test_hostile_names_are_only_text() -> None:
    attacked = page(hostile())
    assert Page(attacked).tags == Page(page(make_run())).tags
    assert any("<script>x</script>" in one for one in texts(document(attacked)))
    data = attacked.split('id="data">')[1].split("</script>")[0]
    assert data.isascii()
    assert not re.search("[<>&]", data)
    attacked.encode()  # half a surrogate pair would fail


def test_what_would_turn_or_end_a_text_is_its_escape() -> None:
    assert embedded({"a": ["</script>", "\u202e", "\x1b[31m", "\u2028", "&amp;"]}) == (
        '{"a":["\\u003c/script\\u003e","\\\\u202e","\\\\x1b[31m","\\\\u2028","\\u0026amp;"]}'
    )
    assert embedded("{{title}}") == '"{{title}}"'


def test_a_text_that_looks_like_a_place_of_the_template_stays() -> None:
    run = make_run()
    found = page(replace(run, record=replace(run.record, warnings=("{{style}}",))))
    assert "{{style}}" in document(found)["runs"][0]["warnings"]


def test_the_same_run_gives_the_same_page_wherever_it_lies() -> None:
    assert page(make_run()) == page(make_run(folder=Path("/elsewhere/run")))


def test_warnings_stand_on_the_page() -> None:
    run = make_run()
    assert of(run)["warnings"] == []
    warned = replace(run, record=replace(run.record, warnings=("row 2: clean and corrupted are the same",)))
    assert of(warned)["warnings"] == ["row 2: clean and corrupted are the same"]


def test_an_empty_circuit_has_a_page() -> None:
    run = make_run()
    found = of(with_circuit(run, Circuit.empty(run.circuit.graph)))
    assert found["ranked"]["first"] is None
    assert sum(found["ranked"]["kept"]) == 0


def test_several_runs_share_a_page() -> None:
    found = document(page_of([make_run(), make_run("grouped", folder=Path("other"))]))
    assert found["title"] == "2 runs · edgewise"
    assert [run["folder"] for run in found["runs"]] == ["run", "other"]
    assert (found["format"], found["format_version"]) == ("edgewise-page", 1)


def test_intervals_are_of_resamples() -> None:
    run = make_run()
    scores = edge_scores(run.circuit.graph.spec)
    half = np.abs(scores.values) / 10
    found = of(replace(run, scores=replace(scores, half_width=half)))["ranked"]
    assert found["lows"][0] == pytest.approx(found["scores"][0] - abs(found["scores"][0]) / 10, rel=1e-4)
    assert found["highs"][0] == pytest.approx(found["scores"][0] + abs(found["scores"][0]) / 10, rel=1e-4)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (RunConfig("demo", task="ioi"), "--model demo --dtype float32 --device cpu --task ioi"),
        (
            RunConfig("demo", task="ioi", selection=Selection(top=20), n=5, seed=3, dtype="float64"),
            "--model demo --dtype float64 --device cpu --task ioi --n 5 --seed 3 --top 20",
        ),
        (
            RunConfig("my model", data="a b.csv", bos=False, per_prompt=True, ignore_config=("x",), level="node"),
            "--model 'my model' --dtype float32 --device cpu --ignore-config x --data 'a b.csv' --no-bos"
            " --level node --per-prompt",
        ),
        (
            RunConfig("m", task="t", selection=Selection(fraction=0.25, by="helpful", greedy=True, prune=True)),
            "--model m --dtype float32 --device cpu --task t --fraction 0.25 --by helpful --greedy --prune",
        ),
        (
            RunConfig("w.pth", config="c.json", task="t"),
            "--model w.pth --config c.json --dtype float32 --device cpu --task t",
        ),
        (
            RunConfig("m", task="t", selection=Selection(threshold=1e-05)),
            "--model m --dtype float32 --device cpu --task t --threshold 1e-05",
        ),
        (
            RunConfig("m", task="t", batch_size=3, split="held-out"),
            "--model m --dtype float32 --device cpu --task t --split held-out --batch-size 3",
        ),
    ],
)
def test_the_command_names_what_is_not_by_default(config: RunConfig, words: str) -> None:
    line = command_line(config, "runs/x").replace(" \\\n  ", " ")
    assert line == f"edgewise discover {words} --out runs/x"


def test_options_of_a_task_are_read_back_as_they_were() -> None:
    options = {"order": "abba", "text": "3", "count": 3, "exact": True, "names": ["a", "b"], "none": None, "empty": ""}
    given = command(RunConfig("m", task="t", options=options), "x")
    assert read_options([word for word, before in zip(given[1:], given, strict=False) if before == "--option"]) == (
        options
    )


def test_the_verdict_on_the_data_is_among_the_facts() -> None:
    from edgewise.report.page.said import facts
    from edgewise.runs.data_checks import check_data
    from edgewise.runs.shown_prompts import show_prompts
    from edgewise.tasks import PromptPair, PromptSet

    pairs = tuple(PromptPair((1, row), (1, row + 50), (row + 100,), (99,)) for row in (1, 1, 3))
    shown = replace(show_prompts(PromptSet("rows", pairs), None, 2), checks=check_data(pairs, None))
    run = make_run(top=9)
    told = dict(facts(replace(run, record=replace(run.record, prompts=replace(run.record.prompts, shown=shown)))))
    assert (
        told["data"] == "2 of 4 checks good; look at duplicates 33% (5% or less); balance of answers 67% (60% or less)"
    )
    assert told["data: duplicates"] == "1 of 3 rows repeat another; leave repeated rows out"
    assert "data" not in dict(facts(run))
