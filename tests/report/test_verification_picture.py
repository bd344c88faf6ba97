"""The picture of a verification: every dot where its numbers say, the line of the fit, axes with units."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from edgewise.report.picture.axes import Linear
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.png import png
from edgewise.report.picture.scatter import Dot, scatter_scene
from edgewise.report.picture.scene import Scene, Shape, Text
from edgewise.report.picture.svg import svg

HEADING = Heading("Verification", ("eap",), "logit-diff")
DOTS = [
    Dot(1.0, 2.0, False, "a"),
    Dot(-2.0, -1.0, False, "b"),
    Dot(0.5, -0.5, True, "c"),
    Dot(0.0, 0.1, True, "d"),
]


def texts(scene: Scene) -> list[str]:
    return [item.text for item in scene.items if isinstance(item, Text)]


def middles(scene: Scene, name: str) -> list[np.ndarray]:
    """Middles of the marks of a name, left panel first."""
    marks = [item for item in scene.items if isinstance(item, Shape) and item.title == name]
    ends = [np.array([numbers[-2:] for _, numbers in mark.commands if numbers]) for mark in marks]
    return [(points.min(0) + points.max(0)) / 2 for points in ends]


def solid_line(scene: Scene) -> np.ndarray:
    lines = [item for item in scene.items if isinstance(item, Shape) and item.stroke == "ink" and not item.dash]
    return np.array([numbers for _, numbers in lines[-1].commands])


def test_dots_stand_at_their_values_and_the_fit_goes_through_its_own() -> None:
    scene = scatter_scene(DOTS, (0.5, 0.25), HEADING, "edge")
    (a, *_), (b, *_), (c, *_) = (middles(scene, name) for name in "abc")
    per_unit = (a - b) / 3  # a to b is three scores and three effects
    assert per_unit[0] == pytest.approx(-per_unit[1])  # both axes have one scale
    np.testing.assert_allclose(c - a, per_unit * [-0.5, -2.5], atol=1e-6)
    origin = a - per_unit * [1.0, 2.0]
    score, exact = ((solid_line(scene) - origin) / per_unit).T
    np.testing.assert_allclose(exact, 0.5 * score + 0.25, atol=1e-6)


def test_sizes_leave_out_zeros_and_say_so() -> None:
    scene = scatter_scene(DOTS, None, HEADING, "edge")
    assert [len(middles(scene, name)) for name in "abcd"] == [2, 2, 2, 1]
    assert "1 edge is not on the right, with a score or an effect of exactly 0" in texts(scene)


def test_axes_have_units_and_kinds_have_forms() -> None:
    scene = scatter_scene(DOTS, (0.5, -0.25), HEADING, "edge")
    said = texts(scene)
    for label in ("score, logit-diff", "exact effect, logit-diff", "|score|, logit-diff", "|exact effect|, logit-diff"):
        assert label in said
    for words in ("edges of largest |score|", "others, drawn at random", "exact = score"):
        assert words in said
    assert "regression: exact = 0.5 score − 0.25" in said
    chosen, drawn = (
        next(item for item in scene.items if isinstance(item, Shape) and item.title == name) for name in "ac"
    )
    assert (chosen.fill, chosen.stroke) == ("kept", "")
    assert (drawn.fill, drawn.stroke) == ("", "harms")


def test_with_all_measured_there_is_one_kind() -> None:
    said = texts(scatter_scene(DOTS[:2], None, HEADING, "node"))
    assert "all nodes" in said
    assert "others, drawn at random" not in said
    assert not any("regression" in text for text in said)


@pytest.mark.parametrize("fit", [(0.0, 0.5), (0.0, 50.0), (3.0, 0.0), (-2.0, 1.0), (1.0, 40.0)])
def test_a_fit_stays_within_its_panel(fit: tuple[float, float]) -> None:
    scene = scatter_scene(DOTS, fit, HEADING, "edge")
    outside = scatter_scene(DOTS, None, HEADING, "edge")
    drawn = len([1 for item in scene.items if isinstance(item, Shape)]) - len(
        [1 for item in outside.items if isinstance(item, Shape)]
    )
    assert drawn == (1 if fit[1] >= 40 else 2)  # in the key, and in the panel where it passes through


@pytest.mark.parametrize("dots", [[], [Dot(0.0, 0.0, False, "a")], [Dot(2.0, 2.0, False, "a")]])
def test_few_dots(dots: list[Dot]) -> None:
    ET.fromstring(svg(scatter_scene(dots, None, HEADING, "edge")).encode())


def test_of_very_many_the_largest_are_drawn_and_the_number_is_said() -> None:
    draw = np.random.default_rng(0)
    dots = [Dot(*draw.normal(size=2).tolist(), False, f"e{row}") for row in range(7000)]
    scene = scatter_scene(dots, (0.0, 0.0), HEADING, "edge")
    assert any(text.startswith("drawn: 2,875 of 7,000 edges") for text in texts(scene))
    largest = max(dots, key=lambda dot: max(abs(dot.score), abs(dot.exact)))
    assert middles(scene, largest.name)
    assert len(svg(scene)) < 4_000_000
    assert svg(scene) == svg(scatter_scene(dots, (0.0, 0.0), HEADING, "edge"))


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (-9.9, 5.9, "−8 −6 −4 −2 0 2 4"),
        (0.0, 1.0, "0 0.2 0.4 0.6 0.8 1"),
        (-0.0031, 0.0012, "−0.003 −0.002 −0.001 0 0.001"),
        (99.5, 100.5, "99.6 99.8 100 100.2 100.4"),
    ],
)
def test_even_ticks(low: float, high: float, labels: str) -> None:
    axis = Linear(low, high, 0.0, 100.0, "")
    assert [label for _, label in axis.ticks()] == labels.split()
    assert (axis.at(low), axis.at(high), axis.at((low + high) / 2)) == pytest.approx((0, 100, 50))


def test_it_can_be_painted() -> None:
    assert png(scatter_scene(DOTS, (0.5, 0.25), HEADING, "edge"))[:4] == b"\x89PNG"
