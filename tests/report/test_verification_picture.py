"""The picture of a verification: every dot where its numbers say, the line of the fit, axes with units."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from edgewise.report.charts.chart import Chart
from edgewise.report.charts.scatter import Dot, scatter_chart
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import LIGHT
from report.charts import dots, panels, said

pytestmark = pytest.mark.slow

HEADING = Heading("Verification", ("eap",), "logit-diff")
DOTS = [
    Dot(1.0, 2.0, False, "a"),
    Dot(-2.0, -1.0, False, "b"),
    Dot(0.5, -0.5, True, "c"),
    Dot(0.0, 0.1, True, "d"),
]


def middles(chart: Chart, name: str) -> list[tuple[float, float]]:
    """Where the marks of a name stand, left panel first."""
    return [(x, y) for axes in panels(chart) for told, x, y in dots(axes) if told == name]


def test_dots_stand_at_their_values_and_the_fit_goes_through_its_own() -> None:
    chart = scatter_chart(DOTS, (0.5, 0.25), HEADING, "edge")
    assert [middles(chart, name)[0] for name in "abcd"] == [(dot.score, dot.exact) for dot in DOTS]
    assert middles(chart, "b")[1] == (2.0, 1.0)  # sizes
    signed, _ = panels(chart)
    assert signed.get_xlim() == signed.get_ylim()  # both axes have one scale
    assert signed.get_box_aspect() == 1
    (fit,) = [line for line in signed.lines if line.get_linestyle() == "-"]
    np.testing.assert_allclose(fit.get_ydata(), 0.5 * np.asarray(fit.get_xdata()) + 0.25)


def test_sizes_leave_out_zeros_and_say_so() -> None:
    chart = scatter_chart(DOTS, None, HEADING, "edge")
    assert [len(middles(chart, name)) for name in "abcd"] == [2, 2, 2, 1]
    assert "1 edge is not on the right, with a score or an effect of exactly 0" in said(chart)


def test_what_is_too_small_for_the_axes_stands_at_their_beginning() -> None:
    chart = scatter_chart([*DOTS, Dot(1e-12, 0.5, False, "e")], None, HEADING, "edge")
    low = panels(chart)[1].get_xlim()[0]
    assert middles(chart, "e")[1] == (pytest.approx(low), 0.5)


def test_axes_have_units_and_kinds_have_forms() -> None:
    chart = scatter_chart(DOTS, (0.5, -0.25), HEADING, "edge")
    shown = said(chart)
    for label in ("score, logit-diff", "exact effect, logit-diff", "|score|, logit-diff", "|exact effect|, logit-diff"):
        assert label in shown
    for words in ("edges of largest |score|", "others, drawn at random", "exact = score"):
        assert words in shown
    assert "regression: exact = 0.5 score − 0.25" in shown
    looks = {of.get_urls()[0]: of for of in panels(chart)[0].collections}
    assert to_hex(looks["tip:a"].get_facecolor()[0]) == LIGHT["kept"]
    assert not len(looks["tip:c"].get_facecolor())
    assert to_hex(looks["tip:c"].get_edgecolor()[0]) == LIGHT["harms"]


def test_with_all_measured_there_is_one_kind() -> None:
    shown = said(scatter_chart(DOTS[:2], None, HEADING, "node"))
    assert "all nodes" in shown
    assert "others, drawn at random" not in shown
    assert not any("regression" in text for text in shown)


@pytest.mark.parametrize("fit", [(0.0, 0.5), (0.0, 50.0), (3.0, 0.0), (-2.0, 1.0)])
def test_a_fit_stays_within_its_panel(fit: tuple[float, float]) -> None:
    with_fit, without = (scatter_chart(DOTS, of, HEADING, "edge") for of in (fit, None))
    assert [axes.get_ylim() for axes in panels(with_fit)] == [axes.get_ylim() for axes in panels(without)]
    assert all(line.get_clip_on() for line in panels(with_fit)[0].lines)


@pytest.mark.parametrize("few", [[], [Dot(0.0, 0.0, False, "a")], [Dot(2.0, 2.0, False, "a")]])
def test_few_dots(few: list[Dot]) -> None:
    chart = scatter_chart(few, None, HEADING, "edge")
    assert len(panels(chart)) == (2 if few and few[0].score else 1)


def test_of_very_many_the_largest_are_drawn_and_the_number_is_said() -> None:
    draw = np.random.default_rng(0)
    many = [Dot(*draw.normal(size=2).tolist(), False, f"e{row}") for row in range(7000)]
    chart = scatter_chart(many, (0.0, 0.0), HEADING, "edge")
    assert "drawn: 2,875 of 7,000 edges, the largest and some of the others" in said(chart)
    largest = max(many, key=lambda dot: max(abs(dot.score), abs(dot.exact)))
    assert middles(chart, largest.name)
    assert len(list(dots(panels(chart)[0]))) == 2875


def test_kinds_that_are_exact_are_squares_of_their_own() -> None:
    kinds = [Dot(1.0, 1.0, False, "a", True), Dot(2.0, 1.0, False, "b"), Dot(0.5, 1.0, True, "c")]
    chart = scatter_chart(kinds, None, Heading("T"), "edge")
    assert {"score is exact", "edges of largest |score|"} <= set(said(chart))
    (square,) = [of for of in panels(chart)[0].collections if of.get_urls() == ["tip:a"]]
    assert to_hex(square.get_edgecolor()[0]) == LIGHT["ink"]
