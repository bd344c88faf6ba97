"""Pictures of circuits as SVG and PNG: every edge and node once, signs as colours, the same bytes every time."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from collections import Counter
from typing import Any

import pytest

from edgewise import draw_circuit
from edgewise.graph import Circuit
from edgewise.report.picture.palette import CLASSES, LIGHT, on_tint, score_tint
from edgewise.report.picture.png import png
from edgewise.report.picture.scene import Scene, Text, fitted, text_width
from edgewise.report.picture.svg import svg
from edgewise.report.scenes import run_circuit
from report.conftest import SPECS, edge_scores, make_run, node_scores, with_circuit

pytestmark = pytest.mark.slow

NAMESPACE = "{http://www.w3.org/2000/svg}"


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())


def words(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{NAMESPACE}text")]


def of_role(root: ET.Element, role: str) -> list[ET.Element]:
    return [path for path in root.iter(f"{NAMESPACE}path") if role in path.get("class", "").split()]


def title(element: ET.Element) -> str:
    return element.findtext(f"{NAMESPACE}title", "")


def pixels(content: bytes) -> tuple[int, int]:
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.parametrize("n", [1, 20, 300])
def test_every_edge_is_drawn_once_with_its_sign_and_its_score(shape: str, n: int) -> None:
    run = make_run(shape, top=n)
    root = parsed(svg(run_circuit(run)))
    drawn = {title(path).split("  ")[0]: path for path in of_role(root, "edge")}
    assert Counter(drawn.keys()) == Counter(run.circuit.edges())
    assert len(of_role(root, "edge")) == n
    for name, path in drawn.items():
        score = run.scores.values[run.scores.graph.edge(name)]
        assert title(path) == f"{name}  {score:.4g}"
        expected = "plain" if score == 0 else "helps" if score < 0 else "harms"
        assert f"s-{expected}" in path.get("class", "").split()
        assert path.get("stroke") == LIGHT[expected]
        assert (path.get("stroke-dasharray") is None) == (name[-2:] not in ("q>", "k>"))


@pytest.mark.parametrize("n", [1, 20, 300])
def test_every_node_has_its_label(shape: str, n: int) -> None:
    run = make_run(shape, top=n)
    root = parsed(svg(run_circuit(run)))
    said = words(root)
    # A head that only shares its group's key or value is left out.
    ends = {end.partition("<")[0] for name in run.circuit.edges() for end in name.split("->")}
    for name in {*ends, "input", "logits"}:
        label = name.partition(".")[2] if ".kv" in name else name
        assert label in said
    assert f"{n} of {run.record.counts.edges:,} edges" in " ".join(said)
    assert "Circuit of tiny on ioi" in said


def test_the_legend_says_what_a_score_is() -> None:
    said = " ".join(words(parsed(svg(run_circuit(make_run(top=60))))))
    for part in (
        "negative: the edge helps",
        "positive: the edge harms",
        "score = estimated change of logit-diff when the edge is patched",
        "width: |score|",
        "into a query",
        "into a key",
        "into a value, an MLP or the logits",
        "attention head",
        "MLP",
    ):
        assert part in said


def test_a_circuit_without_edges() -> None:
    run = make_run()
    empty = with_circuit(run, Circuit.empty(run.circuit.graph))
    root = parsed(svg(run_circuit(empty)))
    said = words(root)
    assert {"input", "logits", "no edge is kept"} <= set(said)
    assert of_role(root, "edge") == []
    assert pixels(png(run_circuit(empty)))[0] > 1000


def test_nodes_are_coloured_by_their_scores() -> None:
    run = make_run(top=6, level="node")
    scene = run_circuit(run)
    root = parsed(svg(scene))
    assert "score = estimated change of logit-diff when the node is patched" in words(root)
    assert "negative: the node helps" in words(root)
    fills = {title(path).split(",")[0]: path.get("fill") for path in of_role(root, "node") if title(path)}
    named = dict(zip(run.scores.graph.sources, run.scores.values.tolist(), strict=True))
    largest = max(abs(named[name]) for name in run.circuit.nodes() if name != "logits")
    for name in run.circuit.nodes():
        if name != "logits":
            assert fills[name] == score_tint(named[name] / largest)
    assert len(of_role(root, "edge")) == run.circuit.n_edges
    assert all("s-plain" in path.get("class", "") for path in of_role(root, "edge"))


def test_known_classes_are_coloured_and_named() -> None:
    run = make_run("gpt2", top=300, model="gpt2")
    root = parsed(svg(run_circuit(run)))
    fills = {title(path): path.get("fill") for path in of_role(root, "node") if "mover" in title(path)}
    assert {"a9.h9, name mover", "a10.h7, negative name mover"} & set(fills)
    assert set(fills.values()) <= set(CLASSES)
    assert len({title.split(", ")[1] for title in fills}) == len(set(fills.values()))
    assert "name mover" in words(root)
    few = parsed(svg(run_circuit(run, top=60)))  # a class has one colour, whichever others are drawn
    for path in of_role(few, "node"):
        assert fills.get(title(path), path.get("fill")) == path.get("fill")
    other = parsed(svg(run_circuit(make_run("gpt2", top=300, model="mine"))))
    assert "name mover" not in words(other)


def test_of_many_edges_the_strongest_are_drawn_and_the_picture_says_so() -> None:
    run = make_run("gpt2", top=1000)
    root = parsed(svg(run_circuit(run)))
    assert len(of_role(root, "edge")) == 300
    assert "drawn: the 300 strongest of the circuit's 1,000 edges" in words(root)
    assert len(of_role(parsed(svg(run_circuit(run, top=7))), "edge")) == 7


def inside(scene: Scene) -> None:
    """No text leaves the picture, as wide as its letters may be."""
    for item in scene.items:
        if isinstance(item, Text) and not item.turned:
            wide = text_width(item.text, item.size, item.bold)
            left = item.x - {"start": 0.0, "middle": wide / 2, "end": wide}[item.anchor]
            assert left >= 0, item
            assert left + wide <= scene.width, item
            assert item.size < item.y <= scene.height - 2, item


@pytest.mark.parametrize("n", [1, 60, 300])
def test_no_text_is_clipped(shape: str, n: int) -> None:
    inside(run_circuit(make_run(shape, top=n, model="a-very/long-name" * 20)))


def test_png_has_a_sane_size(shape: str) -> None:
    scene = run_circuit(make_run(shape, top=40))
    assert pixels(png(scene)) == (int(scene.width * 2), int(scene.height * 2))


def test_a_huge_picture_loses_sharpness_instead_of_memory() -> None:
    width, height = pixels(png(Scene(20_000, 9_000, "huge", ())))
    assert width * height <= 60_000_000
    assert width > 10_000


@pytest.mark.parametrize("level", ["edge", "node"])
def test_the_same_run_gives_the_same_bytes(level: str) -> None:
    for paint in (svg, png):
        assert paint(run_circuit(make_run(level=level))) == paint(run_circuit(make_run(level=level)))


def test_settings_of_the_users_matplotlib_change_nothing() -> None:
    import matplotlib

    before = png(run_circuit(make_run()))
    with matplotlib.rc_context({"savefig.bbox": "tight", "font.size": 30, "path.simplify": False, "text.color": "red"}):
        assert png(run_circuit(make_run())) == before
        assert matplotlib.rcParams["font.size"] == 30


def test_pictures_leave_pyplot_alone() -> None:
    import sys

    loaded = "matplotlib.pyplot" in sys.modules
    png(run_circuit(make_run()))
    assert ("matplotlib.pyplot" in sys.modules) == loaded


HOSTILE = "<b>&\"'</svg><script>x</script>$\\frac$\x00\ud800\n字"


def test_hostile_names_are_only_text() -> None:
    scene = run_circuit(make_run(model=HOSTILE))
    text = svg(scene)
    assert "<script" not in text
    root = parsed(text)
    assert any("<script>x</script>$\\frac$\\x00\\ud800 字" in line for line in words(root))
    assert pixels(png(scene))[0] > 1000


def test_svg_refers_to_nothing_outside() -> None:
    text = svg(run_circuit(make_run(top=60)))
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert "href" not in text
    assert "url(" not in text


def test_draw_circuit_from_python() -> None:
    scores = edge_scores(SPECS["sequential"])
    circuit = Circuit.from_edges(scores.graph, ["input->a0.h1<k>", "a0.h1->logits"])
    root = parsed(draw_circuit(circuit, scores, title="Mine", metric="prob-diff"))
    assert {"Mine", "a0.h1", "score = estimated change of prob-diff when the edge is patched"} <= set(words(root))
    assert len(of_role(root, "edge")) == 2
    plain = parsed(draw_circuit(circuit))
    assert all("s-plain" in path.get("class", "") for path in of_role(plain, "edge"))
    assert not any("score" in line for line in words(plain))
    assert len(of_role(parsed(draw_circuit(circuit, scores, top=1)), "edge")) == 1
    nodes = node_scores(SPECS["sequential"])
    assert "positive: the node harms" in words(parsed(draw_circuit(circuit, nodes)))


def test_long_texts_lose_their_middle() -> None:
    assert fitted("short", 12, 100) == "short"
    cut = fitted("x" * 200, 12, 100)
    assert "…" in cut
    assert text_width(cut, 12) <= 100


@pytest.mark.parametrize("share", [-1.0, -0.4, 0.0, 0.6, 1.0])
def test_labels_on_tints_can_be_read(share: float) -> None:
    """WCAG contrast of the label on the colour of a node's score."""
    tint = score_tint(share)
    assert contrast(tint, on_tint(tint)) >= 4.5


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts: list[Any] = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
