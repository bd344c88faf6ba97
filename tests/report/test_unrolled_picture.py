"""The circuit unrolled over the prompt: every edge is a line between the columns that it names."""

from __future__ import annotations

import re
from html import escape

import numpy as np

from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, top_n
from edgewise.report.charts.places import places_chart
from edgewise.report.files import picture_svg
from edgewise.report.page.painted import painted
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.scene import Scene, Shape, Text
from edgewise.report.picture.unrolled import crossings, unrolled_scene

PLACES = ("S1", "S2", "END")
BY_READER = Graph(GraphSpec(2, 2, 4)).at_places(PLACES, readers=True)


def scores(graph: Graph = BY_READER) -> EdgeScores:
    return EdgeScores(graph, np.random.default_rng(0).normal(size=graph.mask.shape))


def test_an_edge_crosses_from_where_it_is_written_to_where_it_is_read() -> None:
    drawn = {edge.name: edge for edge in crossings(top_n(scores(), 40), scores())}
    assert len(drawn) == 40
    for name, edge in drawn.items():
        ends, _, where = name.partition("@")
        place, _, reader = where.partition("->")
        assert (PLACES[edge.start[1]], PLACES[edge.end[1]]) == (place, reader or place)
        assert (edge.start[0], edge.end[0]) == (ends.split("->")[0], ends.split("->")[1].partition("<")[0])
        assert edge.score == scores()[name]
    assert max(edge.strength for edge in drawn.values()) == 1.0


def test_the_strongest_are_drawn_and_the_rest_is_counted() -> None:
    circuit = top_n(scores(), 60)
    scene = unrolled_scene(circuit, scores(), Heading("title"), {"S1": "Mary"}, top=25)
    lines = [item for item in scene.items if isinstance(item, Shape) and item.role == "edge"]
    assert {line.title.split("  ")[0] for line in lines} == set(top_n(scores(), 25))
    texts = [item.text for item in scene.items if isinstance(item, Text)]
    assert "the 25 strongest; 35 more are not drawn" in texts
    assert "Mary" in texts
    assert {line.stroke for line in lines} == {"helps", "harms"}


def test_nodes_of_one_row_and_column_stand_side_by_side() -> None:
    scene = unrolled_scene(top_n(scores(), 80), scores(), Heading("title"))
    nodes = [item for item in scene.items if isinstance(item, Shape) and item.role == "node"]
    corners = {item.commands[0][1] for item in nodes}
    assert len(corners) == len(nodes)
    assert all(0 <= x <= scene.width and 0 <= y <= scene.height for x, y in corners)


def along(line: Shape) -> np.ndarray:
    """Points of a cubic curve, by repeated halving of its corners (de Casteljau)."""
    (_, start), (_, curve) = line.commands
    corners = np.array([start, *np.reshape(curve, (3, 2))])
    points = []
    for share in np.linspace(0, 1, 60):
        left = corners
        while len(left) > 1:
            left = (1 - share) * left[:-1] + share * left[1:]
        points.append(left[0])
    return np.array(points)


def hidden(scene: Scene) -> list[int]:
    """Behind how many boxes each edge runs, but for those at its ends."""
    nodes = [item for item in scene.items if isinstance(item, Shape) and item.role == "node"]
    corners = [
        np.array([pair for _, numbers in node.commands for pair in np.reshape(numbers, (-1, 2))]) for node in nodes
    ]
    low, high = np.array([c.min(0) for c in corners]) + 1, np.array([c.max(0) for c in corners]) - 1
    found = []
    for item in scene.items:
        if isinstance(item, Shape) and item.role == "edge":
            points = along(item)[:, None]
            found.append(int(((low < points) & (points < high)).all(-1).any(0).sum()))
    return found


def test_an_edge_past_a_node_of_its_column_bows_around_it() -> None:
    graph = Graph(GraphSpec(3, 1, 4)).at_places(PLACES)
    values = np.full(graph.mask.shape, 0.1)
    names = ("input->m0@S1", "m0->m1@S1", "m1->m2@S1", "input->m1@S1", "input->m2@S1", "m0->m2@S1")
    kept = np.zeros(graph.mask.shape, dtype=np.bool_)
    for name in names:
        kept[graph.edge(name)] = True
    scene = unrolled_scene(Circuit(graph, kept), EdgeScores(graph, values), Heading("title"))
    assert hidden(scene) == [0] * len(names)
    straight = {
        item.title.split("  ")[0]
        for item in scene.items
        if isinstance(item, Shape) and item.role == "edge" and np.ptp(along(item)[:, 0]) < 0.1
    }
    assert straight == set(names[:3])


def test_of_a_hundred_edges_few_run_behind_a_node() -> None:
    """Without bows 68 do, in so dense a graph."""
    assert sum(hidden(unrolled_scene(top_n(scores(), 100), scores(), Heading("title")))) <= 20


def test_a_circuit_of_no_edge_says_so() -> None:
    scene = unrolled_scene(Circuit(BY_READER, np.zeros_like(BY_READER.mask)), scores(), Heading("title"))
    assert "no edge is kept" in [item.text for item in scene.items if isinstance(item, Text)]


def test_of_a_distance_what_raises_it_helps() -> None:
    circuit = top_n(scores(), 30)
    for distance in (False, True):
        scene = unrolled_scene(circuit, scores(), Heading("title", distance=distance))
        for item in scene.items:
            if isinstance(item, Shape) and item.role == "edge":
                assert item.stroke == ("helps" if (float(item.title.split("  ")[1]) > 0) == distance else "harms")
        texts = [item.text for item in scene.items if isinstance(item, Text)]
        assert ("positive: the edge helps" if distance else "negative: the edge helps") in texts
        dark = picture_svg(places_chart(scores(), Heading("title", distance=distance), most=5))
        assert ("positive: the edge helps there" if distance else "negative: the edge helps there") in dark


def test_a_page_paints_the_same_paths_and_texts() -> None:
    scene = unrolled_scene(top_n(scores(), 30), scores(), Heading("title"))
    found = painted(scene)
    assert len(found.paths) == sum(isinstance(item, Shape) for item in scene.items)
    assert len(found.texts) == sum(isinstance(item, Text) for item in scene.items)
    assert re.fullmatch(r"[MLCZ0-9. -]+", found.paths[-1][0])


def test_a_circuit_without_scores_or_readers_is_drawn_too() -> None:
    graph = Graph(GraphSpec(2, 2, 4)).at_places(PLACES)
    scene = unrolled_scene(top_n(scores(graph), 9), None, Heading("title"))
    assert sum(isinstance(item, Shape) and item.role == "edge" for item in scene.items) == 9


def test_the_heat_map_shows_the_sums_over_readers() -> None:
    text = picture_svg(places_chart(scores(), Heading("title"), most=5))
    sizes = np.nan_to_num(np.abs(scores().by_place.values)).max(-1)
    best = np.unravel_index(sizes.argmax(), sizes.shape)
    assert escape(BY_READER.edge_name(*map(int, best))) in text
    assert "END" in text
