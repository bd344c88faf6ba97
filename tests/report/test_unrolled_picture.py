"""The circuit unrolled over the prompt: every edge is a line between the columns that it names."""

from __future__ import annotations

import re
from html import escape

import numpy as np

from edgewise.graph import EdgeScores, Graph, GraphSpec, top_n
from edgewise.report.charts.places import places_chart
from edgewise.report.files import picture_svg
from edgewise.report.page.painted import painted
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.scene import Shape, Text
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
