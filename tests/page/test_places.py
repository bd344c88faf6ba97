"""What the page of a run by place has more: the circuit over the prompt, and edges by place as a heat map."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from edgewise.graph import EdgeScores, Graph
from edgewise.runs.config import RunConfig
from edgewise.runs.selection import select
from edgewise.runs.store.folder import Run
from edgewise.settings.selection import Selection
from page.conftest import Show, Shown
from report.conftest import SPECS, make_run, record

pytestmark = pytest.mark.slow

PLACES = ("S1", "S2", "END")
WORDS = {"S1": "Mary", "S2": "John & <b>"}


def run_by_reader(*, distance: bool = False) -> Run:
    """A hundred edges at places, kept apart by reader."""
    graph, rng = Graph(SPECS["sequential"]).at_places(PLACES, readers=True), np.random.default_rng(1)
    scores = EdgeScores(graph, rng.normal(size=graph.mask.shape) * np.exp(rng.normal(size=graph.mask.shape)))
    selection = Selection(top=100)
    circuit = select(scores, selection)
    config = RunConfig(model="tiny", task="ioi", method="eap", positions="spans", readers=True, selection=selection)
    found = record(config, circuit)
    prompts = replace(found.prompts, info={**found.prompts.info, "at_places": WORDS})
    metric = replace(found.metric, lower_is_better=distance)
    return replace(make_run(), record=replace(found, prompts=prompts, metric=metric), scores=scores, circuit=circuit)


def boxes(shown: Shown, selector: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each element."""
    found = shown.tab.locator(selector).evaluate_all(
        "(all) => all.map((one) => { const b = one.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; })"
    )
    return [tuple(box) for box in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_hundred_edges_over_the_prompt(show: Show, scheme: str) -> None:
    run = run_by_reader()
    shown = show(run, scheme=scheme)
    titles = shown.tab.locator("#unrolled path[fill=none] title").evaluate_all("(all) => all.map((t) => t.textContent)")
    drawn = {title.split("  ")[0] for title in titles}
    assert drawn == set(run.circuit)
    assert len(drawn) == 100
    texts = shown.tab.locator("#unrolled text").evaluate_all("(all) => all.map((one) => one.textContent)")
    assert {"S1", "S2", "END", "Mary", "John & <b>", "input", "logits"} <= set(texts)
    assert "negative: the edge helps" in texts
    placed = boxes(shown, "#unrolled text")
    assert [(a, b) for a, b in combinations(placed, 2) if overlap(a, b)] == []
    right = shown.tab.locator("#unrolled svg").evaluate("(svg) => svg.viewBox.baseVal.width")
    assert all(left >= 0 and end <= right for left, _, end, _ in placed)


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 3


@pytest.mark.parametrize("distance", [False, True])
def test_the_heat_map_has_the_sums_over_readers_of_the_strongest_edges(show: Show, distance: bool) -> None:
    run = run_by_reader(distance=distance)
    assert isinstance(run.scores, EdgeScores)
    sums = np.nansum(run.scores.values, -1)
    strongest = np.argsort(-np.abs(sums).max(-1), axis=None)[:24]
    ends = [np.unravel_index(at, sums.shape[:2]) for at in strongest]
    names = [run.circuit.graph.edge_name(int(i), int(j)) for i, j in ends]
    shown = show(run)
    assert shown.texts("#places thead th") == ["edge", "S1 Mary", "S2 John & <b>", "END"]
    assert shown.texts("#places tbody th") == names
    said = shown.texts("#places tbody tr:first-child td")
    values = sums[ends[0]]
    largest = np.abs(values).max()
    for text, value in zip(said, values, strict=True):
        assert text == "" or float(text.replace("−", "-")) == pytest.approx(value, rel=0.06)
        assert (text == "") == (abs(value) < 0.005 * largest)
    kinds = [
        one.split()[-1] for one in shown.tab.locator("#places td").evaluate_all("(a) => a.map((o) => o.className)")
    ]
    helping = [(value < 0) != distance for at in ends for value in sums[at]]
    assert [kind == "helps" for kind in kinds] == helping
    assert ("above 0" if distance else "below 0") in shown.text("#places p")
    tints = shown.tab.locator("#places td").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert len(set(tints)) > 20
