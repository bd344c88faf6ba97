"""The chart of the league: columns by cost, marks where the numbers say."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from edgewise.report.charts.chart import Chart
from edgewise.report.charts.league import Panel, league_chart
from edgewise.report.cost import times_words
from edgewise.report.picture.palette import LIGHT
from report.charts import HEADING, dots, panels, said, standing

pytestmark = pytest.mark.slow

COSTS = (0.5, 1.0, 1.0, 1.0, 1.25, 4.25, 34.0)


def chart(costs: tuple[float, ...] = COSTS) -> Chart:
    methods = [standing(f"method-{at}", cost, pearson=(0.2, 0.5 + 0.01 * at)) for at, cost in enumerate(costs)]
    return league_chart([Panel("Pearson", "r", "pearson", methods)], ["method-1"], HEADING)


def places(axes: Axes) -> list[float]:
    return [x for _, x, _ in dots(axes)]


def test_columns_stand_by_cost_and_apart() -> None:
    (axes,) = panels(chart())
    found = places(axes)
    assert found == sorted(found)
    assert list(axes.get_xticks()) == pytest.approx(found)
    assert min(np.diff(found)) >= 24.9
    # 1 and 1.25 are side by side, 4.25 and 34 where the axis has them: 8 times, of 68 in all
    assert (found[-1] - found[-2]) / (found[-1] - found[0]) == pytest.approx(np.log(8) / np.log(68), abs=0.02)


@pytest.mark.parametrize("costs", [(1.0,), (1.0,) * 40, (1.0, 1.0, 100.0), tuple(0.5 * 1.3**at for at in range(20))])
def test_columns_stay_inside_and_apart(costs: tuple[float, ...]) -> None:
    (axes,) = panels(chart(costs))
    found, (begin, end) = sorted(places(axes)), axes.get_xlim()
    assert len(found) == len(costs)
    assert begin + 10 < found[0]
    assert found[-1] < end - 10
    assert len(found) == 1 or min(np.diff(found)) > 12


def test_marks_stand_at_the_mean_and_lines_reach_the_worst_and_best() -> None:
    (axes,) = panels(chart(costs=(1.0, 2.0)))
    (name, x, y), (_, _, second) = dots(axes)
    assert name == "method-0: mean 0.350, from 0.200 to 0.500"
    assert (y, second) == pytest.approx((0.35, 0.355))
    upright = next(of for of in axes.lines if list(of.get_xdata()) == [x, x] and of.get_linestyle() == "-")
    assert list(upright.get_ydata()) == [0.2, 0.5]


def test_what_is_worth_its_cost_is_told_apart_without_colour() -> None:
    (axes,) = panels(chart())
    fills = [to_hex(of.get_facecolor()[0]) for of in axes.collections if len(of.get_offsets())]
    # Each is better than the one before; of those that cost as much as EAP, or less, the last is the best.
    assert fills[: len(COSTS)] == [LIGHT["paper"]] * 3 + [LIGHT["kept"]] * 4
    assert [label.get_fontweight() for label in axes.get_xticklabels()][:3] == ["normal", "bold", "normal"]


def test_values_below_the_axis_stand_at_its_end_and_the_exact_ones_are_a_line() -> None:
    methods = [standing("below", 1.0, pearson=(-0.4,)), standing("unknown", 2.0)]
    of = league_chart([Panel("r", "r", "pearson", methods, exact=0.25)], (), HEADING)
    (axes,) = panels(of)
    ((name, _, y),) = dots(axes)
    assert name == "below: mean -0.400, from -0.400 to -0.400"
    assert y == axes.get_ylim()[0] == 0
    assert any(set(line.get_ydata()) == {0.25} for line in axes.lines)
    assert "the exact effects themselves" in said(of)
    assert "unknown   2.0 x" in said(of)


@pytest.mark.parametrize(("cost", "words"), [(1.0, "1.0 x"), (1.75, "1.75 x"), (33.6, "34 x"), (None, "-")])
def test_costs_in_words(cost: float | None, words: str) -> None:
    assert times_words(cost) == words
