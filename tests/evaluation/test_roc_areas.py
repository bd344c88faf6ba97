"""Areas under points: by hand, against the published tables, and against a brute-force search for the front."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgewise.errors import ScoreError
from edgewise.evaluation.roc import pareto, pessimistic, trapezoid, youden

# PAPER, recomputed from the notebooks' printed tables: trapezoid, pessimistic, J
PUBLISHED = {
    "ioi": (0.895, 0.888, 0.638),
    "docstring_eap": (0.963, 0.961, 0.855),
    "docstring_activation_patching": (0.941, 0.938, 0.818),
    "greater_than": (0.887, 0.878, 0.599),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_tables_that_the_papers_notebooks_print(shared: Path, name: str) -> None:
    table = json.loads((shared / "eap_roc_tables.json").read_text())[name]
    fpr, tpr = table["fpr"], table["tpr"]
    best, at = youden(fpr, tpr)
    found = (trapezoid(fpr, tpr), pessimistic(fpr, tpr), best)
    assert tuple(round(number, 3) for number in found) == PUBLISHED[name]
    wanted = (table["auc_trapezoid"], table["auc_pessimistic"], table["youden"])
    assert found == pytest.approx(wanted, abs=1e-12)
    assert table["threshold"][at] == table["youden_threshold"]


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([], 0.0),  # from (0, 0) nothing is gained before (1, 1)
        ([(0.0, 1.0)], 1.0),
        ([(0.2, 0.6)], 0.8 * 0.6),
        ([(0.2, 0.6), (0.5, 0.9)], 0.8 * 0.6 + 0.5 * 0.3),
        ([(0.5, 0.9), (0.2, 0.6)], 0.8 * 0.6 + 0.5 * 0.3),  # in any order
        ([(0.2, 0.6), (0.3, 0.5), (0.5, 0.9)], 0.8 * 0.6 + 0.5 * 0.3),  # (0.3, 0.5) is beaten by (0.2, 0.6)
        ([(0.2, 0.6), (0.2, 0.4)], 0.8 * 0.6),  # equal FPR: the higher one
        ([(0.2, 0.6), (0.4, 0.6)], 0.8 * 0.6),  # equal TPR: the one on the left
        ([(0.0, 0.5), (1.0, 1.0)], 0.5),  # beats (0, 0)
        ([(0.25, 1.0)], 0.75),  # beats (1, 1)
        ([(0.2, 0.6), (0.2, 0.6)], 0.8 * 0.6),
    ],
)
def test_the_pessimistic_area_by_hand(points: list[tuple[float, float]], area: float) -> None:
    assert pessimistic([x for x, _ in points], [y for _, y in points]) == pytest.approx(area, abs=1e-15)


@pytest.mark.parametrize(
    ("points", "area"),
    [([], 0.5), ([(0.0, 1.0)], 1.0), ([(0.2, 0.6)], 0.06 + 0.8 * 0.8), ([(0.5, 0.5)], 0.5), ([(1.0, 0.0)], 0.0)],
)
def test_the_trapezoid_by_hand(points: list[tuple[float, float]], area: float) -> None:
    assert trapezoid([x for x, _ in points], [y for _, y in points]) == pytest.approx(area, abs=1e-15)


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_what_no_other_point_beats(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 7, size=(rng.integers(0, 12), 2)) / 6
    candidates = {(0.0, 0.0), (1.0, 1.0), *map(tuple, points.tolist())}
    unbeaten = sorted(
        (x, y) for x, y in candidates if not any(a <= x and b >= y and (a, b) != (x, y) for a, b in candidates)
    )
    assert list(zip(*(part.tolist() for part in pareto(points[:, 0], points[:, 1])), strict=True)) == unbeaten
    # the area under the steps, one column of the plane after the other
    edges = [x for x, _ in unbeaten] + [1.0]
    columns = [(edges[i + 1] - edges[i]) * y for i, (_, y) in enumerate(unbeaten)]
    assert pessimistic(points[:, 0], points[:, 1]) == pytest.approx(sum(columns), abs=1e-12)


def test_youden_takes_the_first_of_equals() -> None:
    assert youden([0.0, 0.1, 0.2, 0.9], [0.0, 0.6, 0.7, 1.0]) == (pytest.approx(0.5), 1)
    assert youden([0.0, 1.0], [0.0, 1.0]) == (0.0, 0)


@pytest.mark.parametrize(
    ("fpr", "tpr", "message"),
    [
        ([0.1], [0.1, 0.2], r"FPR has shape \[1\], TPR \[2\]"),
        ([0.1, 1.2], [0.1, 0.2], r"point 2 is \(1.2, 0.2\); rates lie between 0 and 1"),
        ([np.nan], [0.1], r"point 1 is \(nan, 0.1\)"),
    ],
)
def test_no_rates(fpr: list[float], tpr: list[float], message: str) -> None:
    for area in (trapezoid, pessimistic, pareto, youden):
        with pytest.raises(ScoreError, match=message):
            area(fpr, tpr)
    with pytest.raises(ScoreError, match="no points"):
        youden([], [])
