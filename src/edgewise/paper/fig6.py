"""Figure 6: EAP then ACDC on Docstring, every circuit of the grid, beside the curve of EAP alone."""

from __future__ import annotations

from edgewise.paper.figure import Figure, Made, Request
from edgewise.paper.staged import HEADER, staged
from edgewise.report.charts.roc import Drawn, roc_chart
from edgewise.report.picture.circuit import Heading

TITLE = "Figure 6: EAP then ACDC"


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    found = staged(request)
    drawn = [Drawn("EAP alone, every threshold", found.eap, 0)]
    for place, (tau, front) in enumerate(found.fronts.items(), 1):
        drawn.append(Drawn(f"EAP then ACDC, tau {tau:.3g}", front, place, joined=False))
    lines = (*found.lines, f"each mark is one of {len(found.thresholds)} thresholds of EAP")
    return Made(
        picture=roc_chart(drawn, Heading(TITLE, lines, found.metric), "edge"),
        data=found.data(),
        header=HEADER,
        rows=found.rows(),
        published=found.published(),
        caption=found.caption(),
    )


FIGURE = Figure("fig6", "EAP then ACDC: TPR and FPR over a grid of both thresholds", make)
