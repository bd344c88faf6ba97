"""The picture of KL against size: every line through its points, and a KL of zero at the least that is shown."""

from __future__ import annotations

import pytest

from edgewise.report.charts.sizes import LEAST
from report.charts import panels, said, sizes

pytestmark = pytest.mark.slow


def test_lines_pass_through_their_points() -> None:
    (axes,) = panels(sizes())
    drawn = [tuple(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in axes.lines]
    assert drawn == [((10, 10.0 / (i + 1)), (100, 1.0 / (i + 1)), (1000, LEAST)) for i in range(4)]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_every_method_is_named() -> None:
    assert {f"method {i}" for i in range(4)} <= set(said(sizes()))
