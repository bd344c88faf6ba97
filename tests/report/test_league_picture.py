"""The picture of the league: columns by cost, marks where the numbers say, nothing outside or on top of each other."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.report.cost import times_words
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.league import Column, Panel, league_scene
from edgewise.report.picture.scene import Scene, Shape, Text, text_width

HEADING = Heading("Cost and quality", ("50 prompts",))
COSTS = (0.5, 1.0, 1.0, 1.0, 1.25, 4.25, 34.0)


def scene(costs: tuple[float, ...] = COSTS, **of: object) -> Scene:
    columns = [Column(f"method-{at}", cost, at == 1) for at, cost in enumerate(costs)]
    values = [(0.2, 0.5 + 0.01 * at) for at in range(len(costs))]
    worth = [at == 1 for at in range(len(costs))]
    return league_scene(columns, [Panel("Pearson", "r", values, worth, **of)], HEADING)  # type: ignore[arg-type]


def names(of: Scene) -> list[Text]:
    return [item for item in of.items if isinstance(item, Text) and item.turned and item.text.startswith("method-")]


def marks(of: Scene) -> list[Shape]:
    return [item for item in of.items if isinstance(item, Shape) and item.title]


def middle(shape: Shape) -> np.ndarray:
    points = np.array([numbers[-2:] for _, numbers in shape.commands if numbers])
    return (points.min(axis=0) + points.max(axis=0)) / 2


def test_columns_stand_by_cost_and_apart() -> None:
    places = [text.x for text in names(scene())]
    assert places == sorted(places)
    assert min(np.diff(places)) >= 24.9
    # 1 and 1.25 are side by side, 4.25 and 34 where the axis has them: 8 times, of 68 in all
    whole = places[-1] - places[0]
    assert (places[-1] - places[-2]) / whole == pytest.approx(np.log(8) / np.log(68), abs=0.02)


@pytest.mark.parametrize("costs", [(1.0,), (1.0,) * 40, (1.0, 1.0, 100.0), tuple(0.5 * 1.3**at for at in range(20))])
def test_nothing_is_outside_or_overlaps(costs: tuple[float, ...]) -> None:
    of = scene(costs)
    said = names(of)
    assert len(said) == len(costs)
    places = sorted(text.x for text in said)
    assert places[0] > 60
    assert places[-1] < of.width - 20
    assert len(places) == 1 or min(np.diff(places)) > 12
    below = max(text.y + text_width(text.text, text.size, text.bold) for text in said)
    label = next(item for item in of.items if isinstance(item, Text) and item.text.startswith("cost in passes"))
    assert below <= label.y - label.size
    assert label.y < of.height


def test_marks_stand_at_the_mean_and_lines_reach_the_worst_and_best() -> None:
    of = scene(costs=(1.0, 2.0))
    first, second = marks(of)
    assert first.title == "method-0: mean 0.350, from 0.200 to 0.500"
    # 0.35 and 0.355 on an axis of 178 pixels from 0 to 1
    assert middle(first)[1] - middle(second)[1] == pytest.approx(178 * 0.005, abs=1e-6)
    upright = [
        np.array([numbers for _, numbers in item.commands])
        for item in of.items
        if isinstance(item, Shape) and item.width == 1.6 and len(item.commands) == 2
    ]
    line = next(points for points in upright if points[0, 0] == points[1, 0] == middle(first)[0])
    assert np.ptp(line[:, 1]) == pytest.approx(178 * 0.3)


def test_what_is_worth_its_cost_is_told_apart_without_colour() -> None:
    plain, worth, *_ = marks(scene())
    assert (worth.fill, plain.fill) == ("kept", "paper")
    assert [text.bold for text in names(scene())][:3] == [False, True, False]


def test_values_below_the_axis_stand_at_its_end_and_the_exact_ones_are_a_line() -> None:
    columns = [Column("below", 1.0), Column("unknown", 2.0)]
    of = league_scene(columns, [Panel("r", "r", [(-0.4,), ()], [False, False], exact=0.0)], HEADING)
    (mark,) = marks(of)
    assert mark.title == "below: mean -0.400, from -0.400 to -0.400"
    dashed = [item for item in of.items if isinstance(item, Shape) and item.dash == (6, 3)]
    (across,) = [item for item in dashed if np.ptp([numbers[0] for _, numbers in item.commands]) > 500]
    assert middle(mark)[1] == pytest.approx(across.commands[0][1][1])
    assert any(isinstance(item, Text) and item.text == "the exact effects themselves" for item in of.items)


@pytest.mark.parametrize(("cost", "words"), [(1.0, "1.0 x"), (1.75, "1.75 x"), (33.6, "34 x"), (None, "-")])
def test_costs_in_words(cost: float | None, words: str) -> None:
    assert times_words(cost) == words
