"""The drawing and what moves it: the slider, filters, search, pointer, keys, groups, and how wide the screen is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewise.runs.store.folder import Run
from page.conftest import Show, with_examples
from report.conftest import make_run
from report.test_page import hostile

pytestmark = pytest.mark.slow

EDGES = ".edges path"


def strongest(run: Run) -> list[str]:
    """Edges by |score|, as numpy sorts them."""
    graph = run.circuit.graph
    names = [name for _, _, name in graph.edges()]
    sizes = np.abs(run.scores.values[graph.mask])
    return [names[place] for place in np.argsort(-sizes, kind="stable")]


def test_the_circuit_is_drawn_at_first(show: Show, run: Run) -> None:
    shown = show(run)
    assert shown.count(EDGES) == 50
    assert shown.tab.locator("#size").input_value() == "50"
    kept = {name.replace(".kv", ".h") for name in run.circuit.nodes()}
    assert shown.nodes() == kept | {"input", "logits"}
    assert shown.text("#counts").startswith(f"50 edges, {len(run.circuit.nodes())} nodes · faithfulness not measured")


def test_the_slider_takes_the_strongest_first(show: Show, run: Run) -> None:
    shown = show(run)
    for size in (1, 7, 1000):
        shown.resize(size)
        assert shown.count(EDGES) == size
        assert shown.text("#counts").startswith(f"{size:,} edge")
    shown.resize(1)
    source, target = strongest(run)[0].split("->")
    assert {source, target.partition("<")[0]} <= shown.nodes()
    shown.tab.locator("#circuit").click()
    assert shown.count(EDGES) == 50
    shown.tab.locator("#number").fill("12")
    shown.tab.locator("#number").press("Enter")
    assert shown.count(EDGES) == 12


def test_filters_leave_out_by_entry_sign_and_certainty(show: Show, run: Run) -> None:
    shown = show(run)
    first = strongest(run)[:50]
    queries = [name for name in first if name.endswith("<q>")]
    shown.tab.locator(".chip.q input").uncheck()
    assert shown.count(EDGES) == 50 - len(queries)
    shown.tab.locator(".chip.q input").check()
    graph = run.circuit.graph
    helping = [name for name in first if run.scores.values[graph.edge(name)] < 0]
    shown.tab.locator("#sign").select_option("helps")
    assert shown.count(EDGES) == len(helping) == shown.count(f"{EDGES}.helps")
    shown.tab.locator("#sign").select_option("all")
    shown.tab.locator("#certainty").select_option("uncertain")
    assert shown.count(EDGES) == 0  # every standard error is a fifth of its score


def test_of_a_distance_what_raises_it_helps(show: Show, run: Run) -> None:
    shown = show(
        replace(run, record=replace(run.record, metric=replace(run.record.metric, name="kl", lower_is_better=True)))
    )
    graph = run.circuit.graph
    rising = [name for name in strongest(run)[:50] if run.scores.values[graph.edge(name)] > 0]
    assert shown.count(f"{EDGES}.helps") == len(rising)
    assert "helps: patching it raises kl" in shown.text(".legend")


def test_exact_and_estimated_edges_differ(show: Show, checked: Run) -> None:
    shown = show(checked)
    verified = checked.scores.verified
    assert verified is not None
    first = [checked.circuit.graph.edge(name) for name in strongest(checked)[:12]]
    exact = sum(bool(verified[at]) for at in first)
    assert shown.count(f"{EDGES}.estimate") == 12 - exact
    shown.tab.locator("#basis").select_option("exact")
    assert shown.count(EDGES) == exact


def test_a_pointer_near_an_edge_tells_its_numbers(show: Show, run: Run) -> None:
    shown = show(run)
    shown.resize(1)
    middle = shown.tab.locator(EDGES).evaluate(
        "(path) => { const at = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM());"
        " return [at.x, at.y]; }"
    )
    shown.tab.mouse.move(middle[0] + 3, middle[1] + 2)
    name = strongest(run)[0]
    score = float(run.scores.values[run.circuit.graph.edge(name)])
    tip = shown.text(".tip").split("\n")
    assert tip[0] == name
    told, error = tip[1].replace("−", "-").removesuffix(" logit-diff").split(" ± ")
    assert float(told) == pytest.approx(score, rel=1e-5)
    assert float(error) == pytest.approx(abs(score) / 5, rel=1e-5)
    assert tip[2] == "rank 1, in the circuit"
    assert shown.count(f"{EDGES}.hover") == 1
    shown.tab.mouse.move(5, 5)
    assert shown.seen(".tip") == 0


def test_a_pointer_on_a_node_lets_its_edges_stand_out(show: Show, run: Run) -> None:
    shown = show(run)
    wanted = [name for name in strongest(run)[:50] if name.endswith("->logits")]
    faint = "(all) => all.filter((one) => +getComputedStyle(one).strokeOpacity < 0.2).length"
    assert shown.tab.locator(EDGES).evaluate_all(faint) == 0
    shown.tab.locator('[data-node="logits"]').hover()
    assert shown.tab.locator(EDGES).evaluate_all(faint) == 50 - len(wanted)
    assert shown.text(".tip").split("\n")[0] == "logits"
    shown.tab.mouse.move(5, 5)
    assert shown.tab.locator(EDGES).evaluate_all(faint) == 0


def test_a_node_shows_what_it_reads_and_what_it_feeds(show: Show, run: Run) -> None:
    shown = show(run)
    first = strongest(run)[:50]
    sources = [name.split("->")[0] for name in first]
    node = max(set(sources) - {"input"}, key=sources.count)
    fed = [name for name in first if name.startswith(f"{node}->")]
    read = [name for name in first if name.split("->")[1].partition("<")[0] == node]
    shown.node(node)
    assert shown.count(EDGES) == len(fed) + len(read)
    assert shown.text(".panel h2") == node
    assert shown.texts(".panel h3")[:2] == [f"Reads ({len(read)})", f"Feeds ({len(fed)})"]
    shown.tab.keyboard.press("Escape")
    assert shown.count(EDGES) == 50


def test_what_writes_to_the_answer_is_one_click_from_what_it_reads(show: Show) -> None:
    run = make_run("sequential")
    shown = show(run)
    first = strongest(run)
    shown.resize(len(first))
    writer = next(name for name in first if name.endswith("->logits") and not name.startswith("input")).split("->")[0]
    shown.tab.locator(".panel ol button").first.click()
    assert shown.text(".panel h2") == writer
    read = next(name for name in first if name.split("->")[1].partition("<")[0] == writer)
    letter = read[-2] if read.endswith(">") else ""
    source = read.split("->")[0]
    line = shown.texts(".panel ol li")[0]
    assert line.startswith(source)
    assert not letter or f"→ {letter} " in line


def test_a_head_of_a_known_circuit_has_its_class(show: Show, run: Run) -> None:
    shown = show(run)
    shown.tab.locator("#search").fill("a9.h9")
    shown.tab.locator("#search").press("Enter")
    assert "Name Mover" in shown.text(".panel .kind") or "name mover" in shown.text(".panel .kind")


def test_a_group_of_heads_reads_what_it_shares(show: Show) -> None:
    run = make_run("grouped", top=60)
    shown = show(run)
    first = strongest(run)[:60]
    name = next(name for name in first if "kv" in name and "<v>" in name)
    layer, group = name.split("->a")[1].split("<")[0].split(".kv")
    head = f"a{layer}.h{int(group) * 4}"
    read = [one for one in first if one.split("->")[1].partition("<")[0] in (head, f"a{layer}.kv{group}")]
    shown.tab.locator("#isolated").uncheck()
    shown.tab.locator("#search").fill(head)
    shown.tab.locator("#search").press("Enter")
    assert shown.texts(".panel h3")[0] == f"Reads ({len(read)})"


def test_search_finds_nodes_and_edges(show: Show, run: Run) -> None:
    shown = show(run)
    wanted = [name for name in strongest(run)[:50] if name.endswith("->logits")]
    shown.tab.locator("#search").fill("*->logits")
    assert shown.count(f"{EDGES}.found") == len(wanted)
    assert shown.count(f"{EDGES}.dim") == 50 - len(wanted)
    name = strongest(run)[400]
    shown.tab.locator("#search").fill(name)
    shown.tab.locator("#search").press("Enter")
    assert shown.text(".panel h2") == name  # and so many are drawn that it is there
    assert shown.tab.locator("#size").input_value() == "401"


def test_isolated_nodes_and_collapsed_layers(show: Show, run: Run) -> None:
    shown = show(run)
    few = len(shown.nodes())
    shown.tab.locator("#isolated").uncheck()
    assert len(shown.nodes()) > few
    shown.tab.locator("#isolated").check()
    shown.tab.locator("#collapse").click()
    layers = {name.partition(".")[0][1:] for name in run.circuit.nodes() if name[0] in "am"}
    assert shown.nodes() == {"input", "logits", *(f"layer:{layer}" for layer in layers)}
    assert 0 < shown.count(EDGES) < 50
    shown.tab.keyboard.press("l")
    assert len(shown.nodes()) == few
    shown.tab.locator(".bands text").nth(3).click()
    assert "layer:3" in shown.nodes()


def test_nodes_are_grouped_saved_and_read_back(show: Show, run: Run, tmp_path: Path) -> None:
    shown = show(run)
    heads = sorted(name for name in shown.nodes() if name.startswith("a"))[:3]
    for head in heads:
        shown.tab.locator(f'[data-node="{head}"]').click(modifiers=["Shift"])
    assert shown.text("#marked") == "3 nodes marked"
    shown.tab.locator("#group-name").fill('<b>"movers"</b>')
    shown.tab.locator("#group").click()
    assert 'group:<b>"movers"</b>' in shown.nodes()
    assert not set(heads) & shown.nodes()
    drawn = shown.count(EDGES)
    with shown.tab.expect_download() as saving:
        shown.tab.locator("#groups-save").click()
    saving.value.save_as(tmp_path / "groups.json")
    saved = json.loads((tmp_path / "groups.json").read_text())
    assert saved["groups"] == [{"name": '<b>"movers"</b>', "nodes": heads}]
    shown.tab.locator("#groups .chip button").click()
    assert set(heads) <= shown.nodes()
    shown.tab.locator("#groups-file").set_input_files(tmp_path / "groups.json")
    shown.tab.locator("#groups .chip").wait_for()
    assert shown.count(EDGES) == drawn
    (tmp_path / "other.json").write_text("[1]")
    shown.tab.locator("#groups-file").set_input_files(tmp_path / "other.json")
    shown.tab.get_by_text("other.json: no groups saved by this page").wait_for()


def test_a_group_sums_the_scores_of_its_edges(show: Show) -> None:
    run = make_run("sequential", top=40)
    shown = show(run)
    pairs = [name.split("->") for name in strongest(run)[:40] if name.startswith("a")]
    targets = [target for _, target in pairs]
    target = max(targets, key=targets.count)
    heads = sorted(source for source, its in pairs if its == target)
    first = [f"{head}->{target}" for head in heads]
    assert len(heads) > 1
    for head in heads:
        shown.tab.locator(f'[data-node="{head}"]').click(modifiers=["Shift"])
    shown.tab.locator("#group-name").fill("g")
    shown.tab.keyboard.press("Enter")
    shown.tab.locator('[data-node="group:g"]').click()
    assert shown.text(".panel h2") == "g"
    assert shown.text(".panel .kind").startswith(f"{len(heads)} nodes: {' '.join(heads)}")
    shown.tab.locator(".panel .kind button").first.click()
    assert shown.text(".panel h2") == heads[0]
    shown.tab.keyboard.press("Escape")
    total = sum(float(run.scores.values[run.circuit.graph.edge(name)]) for name in first)
    found = shown.tab.locator(EDGES).evaluate_all(
        "(all) => all.map((one) => one.__data__).filter((one) => one.from === 'group:g').map((one) => one.score)"
    )
    assert pytest.approx(total, rel=1e-4) in found


def test_known_classes_are_groups_on_request(show: Show, run: Run) -> None:
    shown = show(run)
    shown.resize(1000)
    shown.tab.locator("#grouping summary").click()
    shown.tab.locator("#group-classes").click()
    names = {name.removeprefix("group:") for name in shown.nodes() if name.startswith("group:")}
    assert len(names) >= 3


def test_keys(show: Show, run: Run) -> None:
    shown = show(run)
    press = shown.tab.keyboard.press
    press("/")
    assert shown.tab.evaluate("document.activeElement.id") == "search"
    press("Escape")
    press("]")
    assert shown.count(EDGES) == 55
    press("[")
    press("[")
    assert shown.count(EDGES) < 50
    press("c")
    assert shown.count(EDGES) == 50
    press("?")
    assert shown.seen("#help") == 1
    press("Escape")
    shown.tab.locator('[data-node="logits"]').focus()
    press("Enter")
    assert shown.text(".panel h2") == "logits"
    press("ArrowDown")
    below = shown.text(".panel h2")
    assert below != "logits"
    press("ArrowUp")
    assert shown.text(".panel h2") != below


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_as_the_screen_or_as_asked(show: Show, run: Run, scheme: str) -> None:
    shown = show(run, scheme=scheme)
    colour = "() => getComputedStyle(document.body).backgroundColor"
    papers = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 27)"}
    assert shown.tab.evaluate(colour) == papers[scheme]
    shown.tab.locator("#theme").click()
    other = "dark" if scheme == "light" else "light"
    assert shown.tab.evaluate(colour) == papers[other]
    shown.tab.emulate_media(media="print", color_scheme="dark")
    assert shown.tab.evaluate(colour) == papers["light"]
    assert shown.seen(".controls") == 0
    shown.tab.set_viewport_size({"width": 720, "height": 1000})  # of A4, its margins left out
    assert shown.tab.evaluate("() => document.documentElement.scrollWidth") <= 720
    assert shown.count(EDGES) == 50


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_screen(show: Show, run: Run, width: int) -> None:
    shown = show(run, width=width)
    assert shown.tab.evaluate("() => document.documentElement.scrollWidth") <= width
    box = shown.tab.locator('[data-node="logits"]').bounding_box()
    assert box is not None
    assert 0 <= box["x"] < width
    shown.node("logits")
    assert shown.text(".panel h2") == "logits"
    shown.tab.locator(".panel .close").click()
    assert shown.text(".panel h2") == "What stands out"


def test_scores_of_nodes_tint_them_and_a_click_shows_their_edges(show: Show) -> None:
    shown = show(make_run("sequential", level="node", top=6))
    assert shown.text("#counts").startswith("6 nodes")
    assert shown.count(EDGES) == 0
    assert shown.count(".node.helps") + shown.count(".node.harms") == 6
    shown.node("logits")
    assert shown.count(EDGES) > 0


def test_hostile_names_are_only_text(show: Show) -> None:
    run = hostile()
    shown = show(run)
    assert shown.text("h1").startswith("<b>&")
    assert shown.tab.evaluate("() => window.attacked === undefined")
    assert shown.tab.locator("script").count() == 3
    assert shown.tab.locator("img, iframe, b[onclick]").count() == 0
    assert "<script>x</script>" in shown.tab.locator("body").inner_text()


def test_two_thousand_edges_are_drawn_again_by_what_differs(show: Show) -> None:
    """The table and the paths that stay are not touched; `scripts/time_page.py` says how long it takes."""
    shown = show(make_run("gpt2", top=2000, model="gpt2"))
    assert shown.count(EDGES) == 2000
    shown.tab.evaluate(
        "() => { window.changes = { attributes: 0, childList: 0, rows: 0 };"
        " new MutationObserver((all) => all.forEach((one) => { changes[one.type] += 1; }))"
        " .observe(document.querySelector('.edges'), { attributes: true, childList: true, subtree: true });"
        " new MutationObserver((all) => { changes.rows += all.length; })"
        " .observe(document.querySelector('#edges tbody'), { childList: true, subtree: true }); }"
    )
    shown.resize(1990)
    assert shown.count(EDGES) == 1990
    changed = shown.tab.evaluate("() => window.changes")
    assert changed == {"attributes": changed["attributes"], "childList": 10, "rows": 0}
    assert changed["attributes"] <= 1  # of the group that holds them all


def test_several_runs_share_a_slider(show: Show, run: Run) -> None:
    other = make_run("gpt2", top=20, folder=Path("other"), model="gpt2")
    shown = show(run, replace(other, scores=other.scores.of(-other.scores.values)))
    shown.resize(30)
    assert [shown.count(f".pane >> nth={place} >> {EDGES}") for place in (0, 1)] == [30, 30]
    assert shown.texts("#beside .matrix td")[1] == "1.000"
    shown.tab.locator(".tabs button").nth(1).click()
    assert "other" in shown.text("#about") or shown.count("#about") == 1
    assert shown.tab.locator(".tabs [aria-selected=true]").inner_text().endswith("other")


def test_runs_of_edges_and_of_nodes_and_of_other_models_share_a_page(show: Show) -> None:
    nodes = make_run("sequential", level="node", top=6, folder=Path("nodes"))
    shown = show(make_run("sequential", top=30), nodes, make_run("grouped", top=9, folder=Path("grouped")))
    shown.resize(6)
    assert [shown.count(f".pane >> nth={place} >> {EDGES}") for place in range(3)] == [6, 0, 6]
    shown.tab.locator(".chip.mlp input").uncheck()
    shown.tab.locator(".tabs button").nth(1).click()
    assert shown.text("#counts").startswith("6 nodes")
    assert shown.tab.locator("#edges tbody tr").first.inner_text().split()[0] == "1"
    shown.tab.locator(".tabs button").nth(2).click()
    assert shown.tab.locator(".tabs [aria-selected=true]").inner_text().endswith("grouped")


def test_a_pattern_says_where_a_head_looks(show: Show, run: Run) -> None:
    with_examples(run)
    shown = show(run)
    head = sorted(name for name in run.circuit.nodes() if name.startswith("a"))[0]
    shown.node(head)
    assert shown.text(".panel .shaded + p") == "from “·and” to “·saw” 0.80, “<s>” 0.20, “He” 0.00"
    shown.tab.locator(".shaded .token").nth(1).hover()
    assert shown.text(".panel .shaded + p").startswith("from “He” to “<s>” 1.00")
