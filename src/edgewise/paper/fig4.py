"""Figure 4: EAP's scores inside and outside the IOI circuit, as shares of clean - corrupted."""

from __future__ import annotations

from edgewise.paper.distribution import distributions
from edgewise.paper.figure import Figure, Made, Request
from edgewise.paper.material import experiment


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    return distributions(request, [experiment(request, "ioi")], "Figure 4: scores inside and outside the circuit")


FIGURE = Figure("fig4", "scores inside and outside the IOI circuit", make)
