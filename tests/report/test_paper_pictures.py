"""Small pictures that figures are made of: what stands where, and that nothing stands outside or on top of another."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from edgewise.graph import Circuit, EdgeScores
from edgewise.report.charts.chart import stacked as stacked_charts
from edgewise.report.charts.heat import Grid, heat_chart
from edgewise.report.charts.strips import Group, strips_chart
from edgewise.report.charts.tangents import Bent, tangents_chart
from edgewise.report.picture.choice import choose
from edgewise.report.picture.circuit import Heading, circuit_scene
from edgewise.report.picture.palette import LIGHT
from edgewise.report.picture.scene import Scene, Text, text_width, wrapped
from edgewise.report.picture.stack import stacked
from edgewise.report.picture.svg import svg
from report.charts import dots, panels
from report.conftest import make_run

pytestmark = pytest.mark.slow

ABOVE = Heading("A title", ("a line",), "logit-diff")
ROOT = Path(__file__).resolve().parents[2]


def texts(scene: Scene) -> list[Text]:
    return [item for item in scene.items if isinstance(item, Text)]


def inside(scene: Scene) -> bool:
    sides = {"start": (0.0, 1.0), "middle": (0.5, 0.5), "end": (1.0, 0.0)}
    for item in texts(scene):
        wide = 0.0 if item.turned else text_width(item.text, item.size, item.bold)
        before, after = sides[item.anchor]
        if item.x - before * wide < 0 or item.x + after * wide > scene.width or not 0 < item.y < scene.height:
            return False
    return True


def test_dots_stand_at_their_values_in_their_rows() -> None:
    groups = [Group("one", [-1.0, 2.0], ["a", "b"]), Group("two", [0.5], ["c"])]
    (axes,) = panels(strips_chart(groups, ABOVE, "score"))
    (_, xa, ya), (_, xb, yb), (name, xc, yc) = dots(axes)
    assert (xa, xb, xc) == (-1.0, 2.0, 0.5)
    assert name == "c: 0.5"
    assert max(ya, yb) < 0.5 < yc < 1.5
    assert axes.get_ylim() == (1.5, -0.5)  # the first on top
    colours = [to_hex(colour) for of in axes.collections for colour in of.get_facecolor() if of.get_urls() != [None]]
    assert colours == [LIGHT["helps"], LIGHT["harms"], LIGHT["harms"]]
    assert axes.get_xscale() == "linear"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one: 2", "two: 1"]


def test_sizes_that_differ_much_stand_on_powers_of_ten_on_both_sides_of_zero() -> None:
    chart = strips_chart([Group("one", [1e-3, -2e-3, 3e-3, 10.0], list("abcd"))], ABOVE, "score")
    (axes,) = panels(chart)
    assert axes.get_xscale() == "symlog"
    low, high = axes.get_xlim()
    assert low == -high
    assert {"10⁻³", "−10⁻³", "0", "1", "−1"} <= {label.get_text() for label in axes.get_xticklabels()}


@pytest.mark.parametrize("n", [1, 5, 10])
def test_a_curve_and_its_tangent_begin_together(n: int) -> None:
    shares = np.linspace(0, 1, 11).tolist()
    curves = [Bent(f"input->a{i}.h0<q>", shares, [-i * share**2 for share in shares], float(i)) for i in range(n)]
    drawn = panels(tangents_chart(curves, ABOVE, "share", "change"))
    assert len(drawn) == n
    for axes, bent in zip(drawn, curves, strict=True):
        _, tangent, curve = axes.lines
        assert axes.get_title(loc="left") == bent.name
        assert list(curve.get_xdata()) == shares
        assert list(curve.get_ydata()) == bent.values
        assert (list(tangent.get_xdata()), list(tangent.get_ydata())) == ([0, 1], [0, bent.slope])


def test_cells_are_as_strong_in_colour_as_their_numbers() -> None:
    grid = Grid(("1", "2", "3"), ("low", "high"), ((0.1, 0.2, 0.3), (0.4, 0.6, 0.5)), "across", "up")
    (axes,) = panels(heat_chart(grid, ABOVE))
    strength = axes.collections[0].get_array().reshape(2, 3, 4)[..., 3]
    np.testing.assert_allclose(strength, [[0, 0.1, 0.2], [0.3, 0.5, 0.4]])
    places = {of.get_text(): of.get_position() for of in axes.texts}
    assert places["0.100"] == (0.5, 0.5)
    assert places["0.600"] == (1.5, 1.5)
    (frame,) = axes.lines[:1]
    assert (min(frame.get_xdata()), max(frame.get_xdata())) == (1, 2)
    assert (min(frame.get_ydata()), max(frame.get_ydata())) == (1, 2)


def test_charts_below_each_other_keep_their_panels() -> None:
    heat = heat_chart(Grid(("1",), ("a",), ((0.5,),), "across", "up"), ABOVE)
    strips = strips_chart([Group("g", [1.0], ["e"])], ABOVE, "score")
    both = stacked_charts([heat, strips], "both")
    assert both.size == (max(heat.size[0], strips.size[0]), heat.size[1] + strips.size[1])
    upper, lower = (axes.get_window_extent() for axes in panels(both))
    assert upper.y0 > lower.y1


def test_lines_are_broken_where_they_would_be_too_long() -> None:
    words = "edges whose exact effect is 0.0224 or more, on 25 held-out prompts"
    lines = wrapped(words, 12, 200)
    assert " ".join(lines) == words
    assert len(lines) > 1
    assert all(text_width(line, 12) <= 200 for line in lines)
    assert all(text_width(f"{a} {b.split()[0]}", 12) > 200 for a, b in pairwise(lines))
    assert wrapped("short", 12, 200) == ("short",)


def test_pictures_below_each_other_do_not_overlap() -> None:
    one = circuit_scene(choose(*run_of("sequential")), ABOVE)
    both = stacked([one, one], "both")
    assert both.height > 2 * one.height
    assert both.width == one.width
    titles = [item.y for item in texts(both) if item.text == "A title"]
    assert titles[1] - titles[0] > one.height
    assert inside(both)


def run_of(shape: str) -> tuple[Circuit, EdgeScores, None]:
    run = make_run(shape)
    assert isinstance(run.scores, EdgeScores)
    return run.circuit, run.scores, None


def test_the_illustration_is_what_its_script_draws() -> None:
    path = ROOT / "scripts" / "draw_illustration.py"
    found = importlib.util.spec_from_file_location("draw_illustration", path)
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    assert inside(script.draw())
    assert (ROOT / "docs" / "images" / "edge-patch.svg").read_text(encoding="utf-8") == svg(script.draw())
