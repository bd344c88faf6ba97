"""The picture of a comparison: every point where its numbers say, forms that differ, no text over another."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET

import pytest

from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.comparison import Line, Square, comparison_scene
from edgewise.report.picture.png import png
from edgewise.report.picture.scene import Scene, Shape, Text, text_width
from edgewise.report.picture.svg import svg

HEADING = Heading("3 runs of demo", ("evaluated",), "logit-diff")
LINES = [
    Line("1  eap", ((0.01, 0.1), (0.1, 0.5), (1.0, 1.0)), (0.1, 0.5)),
    Line("2  acdc", (), (0.05, 0.4)),
    Line("3  hisp", ((0.01, -0.2), (0.1, 0.7), (1.0, 1.0)), (0.2, 0.9)),
    Line("mean of 3 random rankings", ((0.01, 0.0), (1.0, 1.0))),
]
ROWS = ((1.0, 0.25, -0.5), (0.25, 1.0, None), (-0.5, None, 1.0))


def scene_of(n: int = 3) -> Scene:
    rows = tuple(tuple(1.0 if i == j else -0.123 for j in range(n)) for i in range(n)) if n != 3 else ROWS
    lines = LINES if n == 3 else [Line(f"{i}  run", ((0.1, 0.05 * i), (1.0, 1.0)), (0.2, 0.3)) for i in range(n)]
    return comparison_scene(lines, (Square("Overlap", rows), Square("Ranks", rows)), HEADING)


def rings(scene: Scene) -> dict[str, tuple[float, float]]:
    found = {}
    for item in scene.items:
        if isinstance(item, Shape) and item.title:
            points = [numbers[-2:] for _, numbers in item.commands if numbers]
            xs, ys = zip(*points, strict=True)
            found[item.title] = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    return found


def test_own_circuits_stand_at_their_share_and_faithfulness() -> None:
    eap, acdc, hisp = rings(scene_of()).values()
    decade = (hisp[0] - eap[0]) / math.log10(0.2 / 0.1)
    assert (acdc[0] - eap[0]) / decade == pytest.approx(math.log10(0.05 / 0.1))
    one = (eap[1] - hisp[1]) / 0.4  # pixels of one whole, upwards
    assert one > 0
    assert (eap[1] - acdc[1]) / one == pytest.approx(-0.1)


def test_lines_pass_through_the_points_of_their_own() -> None:
    scene = scene_of()
    eap = rings(scene)["1  eap"]
    solid = [item for item in scene.items if isinstance(item, Shape) and item.stroke == "#4477aa"]
    drawn = max(solid, key=lambda item: len(item.commands))
    assert any(numbers == pytest.approx(eap) for _, numbers in drawn.commands)


def test_runs_differ_in_colour_or_form_and_in_dashes() -> None:
    scene = scene_of(12)
    strokes = {(i.stroke, i.dash) for i in scene.items if isinstance(i, Shape) and i.stroke.startswith("#")}
    assert len(strokes) == 12


@pytest.mark.parametrize("n", [2, 3, 7, 12])
def test_no_text_lies_over_another(n: int) -> None:
    scene = scene_of(n)
    boxes = []
    for item in scene.items:
        if isinstance(item, Text) and not item.turned:
            wide = text_width(item.text, item.size, item.bold) * 0.95  # the widest font, and its side bearings
            left = item.x - {"start": 0.0, "middle": wide / 2, "end": wide}[item.anchor]
            boxes.append((left, item.y - 0.75 * item.size, left + wide, item.y + 0.2 * item.size, item.text))
    for (a, b, c, d, one), (e, f, g, h, other) in itertools.combinations(boxes, 2):
        assert a >= g or e >= c or b >= h or f >= d, f"{one!r} lies over {other!r}"
        assert c <= scene.width


def test_numbers_of_the_matrices() -> None:
    said = [item.text for item in scene_of().items if isinstance(item, Text)]
    assert said.count(".25") == 4
    assert said.count("−.50") == 4
    assert said.count("–") == 4
    assert said.count("1") >= 6


def test_it_is_svg_and_png() -> None:
    scene = scene_of()
    assert ET.fromstring(svg(scene)).tag.endswith("svg")
    assert png(scene).startswith(b"\x89PNG")
