"""The page of a run: complete, self-contained, escaped, and the same every time."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edgewise.graph import Circuit
from edgewise.report.page.command import command, command_line
from edgewise.report.page.page import page
from edgewise.runs.config import RunConfig
from edgewise.runs.store.folder import Run
from edgewise.settings.selection import Selection
from edgewise.settings.texts import read_options
from report.conftest import make_run, with_circuit
from report.test_circuit_picture import HOSTILE

pytestmark = pytest.mark.slow

VOID = {"meta", "path", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("level", ["edge", "node"])
def test_the_page_says_what_was_run_and_found(shape: str, level: str) -> None:
    run = make_run(shape, level=level, top=5)
    said = Page(page(run)).text
    for part in (
        "tiny on ioi",
        "3.2500 ± 0.1250",
        "-0.5000",
        f"{run.record.counts.circuit_edges} of {run.record.counts.edges:,}",
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
    assert said.count("negative: the") == 1  # the circuit's legend


def test_the_table_holds_the_best_edges_in_order() -> None:
    run = make_run(top=20)
    text = page(run)
    rows = re.findall(r"<tr( class=\"out\")?><td class=\"number\">(\d+)</td><td><code>(.*?)</code>", text)
    assert [int(number) for _, number, _ in rows] == list(range(1, 31))
    assert {name.replace("&gt;", ">").replace("&lt;", "<") for out, _, name in rows if not out} == set(
        run.circuit.edges()
    )


def test_the_page_needs_no_other_file_and_no_network() -> None:
    parsed = Page(page(make_run()))
    assert not {"link", "script", "img", "iframe", "object", "a", "base"} & set(parsed.tags)
    links = [value for name, value in parsed.attributes if name in ("href", "src", "action", "xlink:href")]
    assert all(value.startswith("#") for value in links)  # a mark drawn many times, inside the picture
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert {value for _, value in parsed.attributes if "//" in value} == namespaces
    style = re.findall(r"<style>(.*?)</style>", page(make_run()), re.DOTALL)
    assert len(style) == 1
    assert "url(" not in style[0]
    assert "@import" not in style[0]
    assert "prefers-color-scheme:dark" in style[0]
    assert "@media print" in style[0]
    assert "<?xml" not in page(make_run())


def hostile() -> Run:
    run = make_run(model=HOSTILE, options={HOSTILE: HOSTILE})
    prompts = replace(run.record.prompts, name=HOSTILE, info={HOSTILE: HOSTILE})
    metric = replace(run.record.metric, name=HOSTILE)
    record = replace(run.record, prompts=prompts, metric=metric, warnings=(HOSTILE,), versions={HOSTILE: HOSTILE})
    return replace(run, record=record)


def test_hostile_names_are_only_text() -> None:
    plain, attacked = page(make_run()), page(hostile())
    assert "<script" not in attacked
    known = set(Page(plain).tags) | {"ul", "li", "strong"}
    assert set(Page(attacked).tags) <= known
    assert "<script>x</script>" in Page(attacked).text
    attacked.encode()  # half a surrogate pair would fail


def test_the_same_run_gives_the_same_page_wherever_it_lies() -> None:
    from pathlib import Path

    assert page(make_run()) == page(make_run(folder=Path("/elsewhere/run")))


def test_warnings_stand_on_the_page() -> None:
    run = make_run()
    assert "Warning:" not in page(run)
    warned = replace(run, record=replace(run.record, warnings=("row 2: clean and corrupted are the same",)))
    assert "Warning: row 2: clean and corrupted are the same" in Page(page(warned)).text


def test_an_empty_circuit_has_a_page() -> None:
    run = make_run()
    said = Page(page(with_circuit(run, Circuit.empty(run.circuit.graph)))).text
    assert "no edge is kept" in said


def test_the_picture_on_the_page_can_hold_fewer_edges() -> None:
    run = make_run(top=20)
    assert page(run).count('class="edge ') == 20
    assert page(run, top=4).count('class="edge ') == 4
    assert "drawn: the 4 strongest of the circuit's 20 edges" in Page(page(run, top=4)).text


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (RunConfig("demo", task="ioi"), "--model demo --device cpu --task ioi"),
        (
            RunConfig("demo", task="ioi", selection=Selection(top=20), n=5, seed=3, dtype="float64"),
            "--model demo --dtype float64 --device cpu --task ioi --n 5 --seed 3 --top 20",
        ),
        (
            RunConfig("my model", data="a b.csv", bos=False, per_prompt=True, ignore_config=("x",), level="node"),
            "--model 'my model' --device cpu --ignore-config x --data 'a b.csv' --no-bos --level node --per-prompt",
        ),
        (
            RunConfig("m", task="t", selection=Selection(fraction=0.25, by="helpful", greedy=True, prune=True)),
            "--model m --device cpu --task t --fraction 0.25 --by helpful --greedy --prune",
        ),
        (RunConfig("w.pth", config="c.json", task="t"), "--model w.pth --config c.json --device cpu --task t"),
        (
            RunConfig("m", task="t", selection=Selection(threshold=1e-05)),
            "--model m --device cpu --task t --threshold 1e-05",
        ),
        (
            RunConfig("m", task="t", batch_size=3, split="held-out"),
            "--model m --device cpu --task t --split held-out --batch-size 3",
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
