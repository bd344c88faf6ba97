"""Figure 9: Youden's J of EAP then ACDC on Docstring over both thresholds."""

from __future__ import annotations

from edgewise.paper.figure import Figure, Made, Request
from edgewise.paper.staged import HEADER, staged
from edgewise.report.charts.heat import Grid, heat_chart
from edgewise.report.picture.circuit import Heading

TITLE = "Figure 9: Youden's J of EAP then ACDC"


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    found = staged(request)
    rows = tuple(found.fronts)
    grid = Grid(
        columns=tuple(f"{value:.3g}" for value in found.thresholds),
        rows=tuple(f"{tau:.3g}" for tau in rows),
        values=tuple(found.js(tau) for tau in rows),
        across=f"threshold of EAP, {found.metric}",
        up=f"tau of ACDC, {found.metric}",
    )
    lines = (*found.lines, f"J = TPR − FPR; EAP alone reaches {found.eap.youden:.3f}")
    return Made(
        picture=heat_chart(grid, Heading(TITLE, lines, found.metric)),
        data=found.data(),
        header=HEADER,
        rows=found.rows(),
        published=found.published(),
        caption=found.caption(),
    )


FIGURE = Figure("fig9", "EAP then ACDC: Youden's J over a grid of both thresholds", make)
