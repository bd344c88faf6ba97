"""Small pictures that figures are made of: what stands where, and that nothing stands outside or on top of another."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgewise.report.picture.axes import SignedLog
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.heat import Grid, heat_scene
from edgewise.report.picture.scene import Scene, Shape, Text, text_width, wrapped
from edgewise.report.picture.stack import stacked
from edgewise.report.picture.strips import Group, strips_scene
from edgewise.report.picture.svg import svg
from edgewise.report.picture.tangents import Bent, tangents_scene

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


def test_powers_of_ten_on_both_sides_of_zero() -> None:
    axis = SignedLog(0.01, 100.0, 0.0, 1000.0, "score")
    assert axis.at(0) == 500
    # half of the axis: one step up to .01, four powers of ten behind it
    assert [axis.at(value) for value in (0.01, 0.1, 100, 1e9)] == pytest.approx([600, 700, 1000, 1000])
    assert axis.at(-0.1) == pytest.approx(300)
    assert axis.at(0.005) == pytest.approx(550)
    labels = [label for _, label in axis.ticks()]
    assert labels == ["−100", "−10", "−1", "−0.1", "−0.01", "0", "0.01", "0.1", "1", "10", "100"]


def test_dots_stand_at_their_values_in_their_rows() -> None:
    groups = [Group("one", [-1.0, 2.0], ["a", "b"]), Group("two", [0.5], ["c"])]
    scene = strips_scene(groups, ABOVE, "score")
    dots = {item.title.partition(":")[0]: item for item in scene.items if isinstance(item, Shape) and item.title}
    (xa, ya), (xb, yb), (xc, yc) = (dots[name].commands[0][1] for name in "abc")
    assert xa < xc < xb
    assert (xc - xa) / (xb - xa) == pytest.approx(1.5 / 3)
    assert max(ya, yb) < yc
    assert [dots[name].fill for name in "abc"] == ["helps", "harms", "harms"]
    assert inside(scene)


def test_sizes_that_differ_much_stand_on_powers_of_ten() -> None:
    scene = strips_scene([Group("one", [1e-3, -2e-3, 3e-3, 10.0], list("abcd"))], ABOVE, "score")
    assert "10⁻³" in {item.text for item in texts(scene)}
    assert inside(scene)


@pytest.mark.parametrize("n", [1, 5, 10])
def test_a_curve_and_its_tangent_begin_together(n: int) -> None:
    shares = np.linspace(0, 1, 11).tolist()
    curves = [Bent(f"input->a{i}.h0<q>", shares, [-i * share**2 for share in shares], float(i)) for i in range(n)]
    scene = tangents_scene(curves, ABOVE, "share", "change")
    lines = [item for item in scene.items if isinstance(item, Shape)]
    measured = [item for item in lines if item.title]
    tangents = [item for item in lines if item.dash and item.stroke == "harms"][1:]  # the first is the key's
    assert len(measured) == len(tangents) == n
    for curve, tangent in zip(measured, tangents, strict=True):
        assert curve.commands[0][1] == tangent.commands[0][1]
        assert curve.commands[-1][1][0] == pytest.approx(tangent.commands[-1][1][0])
    assert measured[-1].commands[-1][1][1] >= tangents[-1].commands[-1][1][1]  # downwards on the page
    assert inside(scene)


def test_cells_are_as_dark_as_their_numbers() -> None:
    grid = Grid(("1", "2", "3"), ("low", "high"), ((0.1, 0.2, 0.3), (0.4, 0.6, 0.5)), "across", "up")
    scene = heat_scene(grid, ABOVE)
    cells = {item.text: item for item in texts(scene) if item.text.startswith("0.") and item.anchor == "middle"}
    assert sorted(cells) == [f"{value:.3f}" for value in sorted((0.1, 0.2, 0.3, 0.4, 0.6, 0.5))]
    assert cells["0.100"].y == cells["0.300"].y > cells["0.400"].y
    assert cells["0.100"].x < cells["0.200"].x < cells["0.300"].x
    tinted = [item for item in scene.items if isinstance(item, Shape) and item.fill.startswith("#")][5:]
    shades = [sum(int(item.fill[at : at + 2], 16) for at in (1, 3, 5)) for item in tinted]
    order = [shades[at] for at in (0, 1, 2, 3, 5, 4)]
    assert all(a > b for a, b in pairwise(order))
    assert inside(scene)


def test_lines_are_broken_where_they_would_be_too_long() -> None:
    words = "edges whose exact effect is 0.0224 or more, on 25 held-out prompts"
    lines = wrapped(words, 12, 200)
    assert " ".join(lines) == words
    assert len(lines) > 1
    assert all(text_width(line, 12) <= 200 for line in lines)
    assert all(text_width(f"{a} {b.split()[0]}", 12) > 200 for a, b in pairwise(lines))
    assert wrapped("short", 12, 200) == ("short",)


def test_pictures_below_each_other_do_not_overlap() -> None:
    one = heat_scene(Grid(("1",), ("a",), ((0.5,),), "across", "up"), ABOVE)
    two = strips_scene([Group("g", [1.0], ["e"])], ABOVE, "score")
    both = stacked([one, two], "both")
    assert both.height > one.height + two.height
    assert both.width == max(one.width, two.width)
    titles = [item.y for item in texts(both) if item.text == "A title"]
    assert titles[1] - titles[0] > one.height
    assert inside(both)


def test_the_illustration_is_what_its_script_draws() -> None:
    path = ROOT / "scripts" / "draw_illustration.py"
    found = importlib.util.spec_from_file_location("draw_illustration", path)
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    assert inside(script.draw())
    assert (ROOT / "docs" / "images" / "edge-patch.svg").read_text(encoding="utf-8") == svg(script.draw())
