"""The chart of a comparison: curves where their numbers say, marks for circuits, and what axes count."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from edgewise.evaluation.roc import RocCurve
from edgewise.report.charts.chart import Chart
from edgewise.report.charts.roc import Drawn, Panel, panels_chart, roc_chart
from edgewise.report.picture.palette import LIGHT, line_style
from report.charts import CIRCUITS, HEADING, SCORES, dots, panels, said

pytestmark = pytest.mark.slow


def chart(*drawn: Drawn) -> Chart:
    return roc_chart(drawn, HEADING, "edge")


def line(axes: Axes, place: int) -> np.ndarray:
    """The one line with points in the colour of a place."""
    found = [of for of in axes.lines if to_hex(of.get_color()) == LIGHT[line_style(place)[0]] and len(of.get_xdata())]
    (one,) = found
    return np.stack([one.get_xdata(), one.get_ydata()], axis=1)


def test_a_curve_goes_through_its_points() -> None:
    roc, precision = panels(chart(SCORES))
    assert isinstance(SCORES.roc, RocCurve)
    # by hand: of 5 > 4 > 3 > 2 > 1 the first and the third are true
    np.testing.assert_allclose(line(roc, 0), [(0, 0), (0, 0.5), (1 / 3, 0.5), (1 / 3, 1), (1, 1)])
    np.testing.assert_allclose(
        line(precision, 0)[-5:], [(0.5, 1), (0.5, 0.5), (1, 2 / 3), (1, 0.5), (1, 0.4)], err_msg="recall, precision"
    )


def test_circuits_are_marks_and_a_pessimistic_step() -> None:
    roc, precision = panels(chart(CIRCUITS))
    (step,) = [of for of in roc.lines if of.get_drawstyle() == "steps-post"]
    corners = np.stack([step.get_xdata(), step.get_ydata()], axis=1)
    np.testing.assert_allclose(corners[[0, -1]], [(0, 0), (1, 1)])
    # the whole truth, and one true with one false
    assert sorted(dots(roc)) == [("ACDC: tau 1", 0, 1), ("ACDC: tau 2", pytest.approx(1 / 3), 0.5)]
    assert sorted(dots(precision)) == [("ACDC: tau 1", 1, 1), ("ACDC: tau 2", 0.5, 0.5)]


def test_marks_alone_have_no_step() -> None:
    roc, _ = panels(chart(Drawn("ACDC", CIRCUITS.roc, 2, joined=False)))
    assert not [of for of in roc.lines if of.get_drawstyle() == "steps-post"]
    assert len(list(dots(roc))) == 2


def test_a_choice_at_random_has_the_precision_of_the_truths_share() -> None:
    _, precision = panels(chart(SCORES))
    (level,) = [of for of in precision.lines if len(set(of.get_ydata())) == 1 and len(of.get_ydata()) == 2]
    assert level.get_ydata()[0] == pytest.approx(2 / 5)


def test_axes_say_what_they_count() -> None:
    words = said(chart(SCORES, CIRCUITS))
    assert {"EAP", "ACDC", "a choice at random", "ROC", "Precision against recall"} <= set(words)
    assert "false positive rate (share of the other edges kept)" in words
    assert "precision (share of kept edges that are true)" in words


@pytest.mark.parametrize("n", [1, 3, 5])
def test_tasks_stand_side_by_side_with_their_areas(n: int) -> None:
    several = panels_chart([Panel(f"task {at}", (SCORES, CIRCUITS)) for at in range(n)], HEADING, "edge")
    drawn = panels(several)
    assert [axes.get_title(loc="left") for axes in drawn] == [f"task {at}" for at in range(n)]
    # pairs of a true and a false edge of which the true one is ahead: 5 of 6
    assert said(several).count("AUC\nEAP: 0.83\nACDC: 1.00") == n
