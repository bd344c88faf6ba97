"""The picture of a comparison: every point where its numbers say, forms that differ, no text over another."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from edgewise.report.charts.comparison import Line, comparison_chart
from edgewise.report.charts.style import TINT
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import LIGHT
from report.charts import comparison, dots, panels, said

pytestmark = pytest.mark.slow

HEADING = Heading("3 runs of demo", ("evaluated",), "logit-diff")
LINES = [
    Line("1  eap", ((0.01, 0.1), (0.1, 0.5), (1.0, 1.0)), (0.1, 0.5)),
    Line("2  acdc", (), (0.05, 0.4)),
    Line("3  hisp", ((0.01, -0.2), (0.1, 0.7), (1.0, 1.0)), (0.2, 0.9)),
    Line("mean of 3 random rankings", ((0.01, 0.0), (1.0, 1.0))),
]
ROWS = ((1.0, 0.25, -0.5), (0.25, 1.0, None), (-0.5, None, 1.0))


CHART = comparison_chart(LINES, {"Overlap": ROWS, "Ranks": ROWS}, HEADING)


def test_own_circuits_stand_at_their_share_and_faithfulness() -> None:
    axes, *_ = panels(CHART)
    assert sorted(dots(axes)) == [("1  eap", 0.1, 0.5), ("2  acdc", 0.05, 0.4), ("3  hisp", 0.2, 0.9)]
    assert axes.get_xscale() == "log"


def test_lines_pass_through_their_points() -> None:
    axes, *_ = panels(CHART)
    drawn = {tuple(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in axes.lines}
    assert {line.points for line in LINES} <= drawn


def test_a_run_far_off_does_not_press_the_others_together() -> None:
    lines = [*LINES[:2], Line("3  far", ((0.1, -40.0), (1.0, 1.0)), (0.2, 70.0))]
    axes, *_ = panels(comparison_chart(lines, {"Overlap": ROWS}, HEADING))
    assert axes.get_ylim() == pytest.approx((-1.05, 2.05))


def test_runs_differ_in_colour_and_in_form() -> None:
    axes, *_ = panels(comparison(12))
    looks = {(line.get_color(), line.get_marker()) for line in axes.lines if len(line.get_xdata()) == 2}
    assert len({colour for colour, _ in looks}) == len(looks) == 12


def test_numbers_of_the_matrices() -> None:
    shown = said(CHART)
    assert shown.count(".25") == 4
    assert shown.count("−.50") == 4
    assert shown.count("–") == 4
    _, overlap, ranks = panels(CHART)
    assert [axes.get_title(loc="left") for axes in (overlap, ranks)] == ["Overlap", "Ranks"]
    ones = [of.get_position() for of in overlap.texts if of.get_text() == "1"]
    assert ones == [(0.5, 0.5), (1.5, 1.5), (2.5, 2.5)]
    assert overlap.get_ylim() == (3, 0)  # the first row on top


def test_cells_are_as_strong_in_colour_as_their_numbers_are_large() -> None:
    _, overlap, _ = panels(CHART)
    tints = overlap.collections[0].get_array().reshape(3, 3, 4)
    np.testing.assert_allclose(tints[..., 3], TINT * np.abs(np.nan_to_num(np.array(ROWS, dtype=float))))
    assert to_hex(tints[0, 1, :3]) == LIGHT["helps"]
    assert to_hex(tints[0, 2, :3]) == LIGHT["harms"]
