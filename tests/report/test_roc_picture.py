"""The picture of a comparison: curves where their numbers say, marks for circuits, told apart without colour."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from edgewise.evaluation.roc import RocCurve, curve, front
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import CURVES, curve_style
from edgewise.report.picture.roc import Drawn, roc_scene
from edgewise.report.picture.scene import Scene, Shape, Text, text_width
from edgewise.report.picture.svg import svg
from edgewise.runs.roc import CONTENDERS

HEADING = Heading("Edges of demo", ("truth: planted",))
TRUTH = np.array([True, True, False, False, False])
SCORES = Drawn("EAP", curve([5.0, 3.0, 4.0, 2.0, 1.0], TRUTH), 0)
CIRCUITS = Drawn("ACDC", front([TRUTH, np.array([True, False, True, False, False])], TRUTH, ["tau 1", "tau 2"]), 2)


def scene(*drawn: Drawn) -> Scene:
    return roc_scene(drawn, HEADING, "edge")


def lines(of: Scene, place: int) -> list[np.ndarray]:
    """The lines in the colour of a place, ROC first, then precision; the key's last."""
    colour = curve_style(place)[0]
    found = [item for item in of.items if isinstance(item, Shape) and item.stroke == colour]
    return [np.array([numbers for _, numbers in item.commands]) for item in found]


def test_a_curve_goes_through_its_points() -> None:
    roc, precision, _ = lines(scene(SCORES), 0)
    assert isinstance(SCORES.roc, RocCurve)
    corners = SCORES.roc.corners()
    wide, tall = roc[-1] - roc[0]  # from (0, 0) to (1, 1)
    shares = (roc - roc[0]) / [wide, tall]
    np.testing.assert_allclose(shares, np.stack([corners.fpr, corners.tpr], axis=1), atol=1e-9)
    # ends with everything kept: recall 1, precision 2 of 5
    assert precision[-1][0] - precision[0][0] == pytest.approx(0.5 * wide)
    assert precision[-1][1] - precision[0][1] == pytest.approx(-0.6 * tall)


def test_circuits_are_marks_and_a_pessimistic_step() -> None:
    drawn = scene(CIRCUITS)
    step, _ = lines(drawn, 2)
    wide, tall = step[-1] - step[0]
    np.testing.assert_allclose((step - step[0])[:, 0] / wide, [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose((step - step[0])[:, 1] / tall, [0, 1, 1], atol=1e-9)
    marks = [item.title for item in drawn.items if isinstance(item, Shape) and item.title]
    assert {"ACDC: tau 1", "ACDC: tau 2"} <= set(marks)


def test_methods_differ_in_more_than_colour() -> None:
    styles = [curve_style(place) for place in range(len(CONTENDERS))]
    assert len({colour for colour, _, _ in styles}) == len(CONTENDERS) <= len(CURVES)
    assert len({(dash, mark) for _, dash, mark in styles}) == len(CONTENDERS)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_nothing_is_outside_or_overlaps(n: int) -> None:
    of = scene(
        *(Drawn(f"a method with a long name {at}: AUC 0.999, pessimistic 0.999", SCORES.roc, at) for at in range(n))
    )
    said = [item for item in of.items if isinstance(item, Text)]
    assert all(0 <= item.x <= of.width and 0 <= item.y <= of.height - 4 for item in said)
    key = [item for item in said if "method" in item.text or "random" in item.text]
    assert len(key) == n + 1
    places = [(item.x, item.x + text_width(item.text, item.size), item.y) for item in key]
    for at, (left, right, y) in enumerate(places):
        assert right <= of.width
        for other_left, other_right, other_y in places[:at]:
            assert right <= other_left or other_right <= left or abs(y - other_y) >= 14


def test_axes_say_what_they_count() -> None:
    said = {item.text for item in scene(SCORES, CIRCUITS).items if isinstance(item, Text)}
    assert {"EAP", "ACDC", "a choice at random", "ROC", "Precision against recall"} <= said
    assert any(text.startswith("false positive rate") for text in said)
    assert any(text.startswith("precision (share of kept edges") for text in said)
    ET.fromstring(svg(scene(SCORES, CIRCUITS)))
