"""Figure 8: what figure 4 shows of IOI, of the other tasks: scores inside and outside the circuit."""

from __future__ import annotations

from edgewise.paper.distribution import distributions
from edgewise.paper.figure import Figure, Made, Request
from edgewise.paper.material import experiments


def make(request: Request) -> Made:
    """Run what is missing and return the figure; a built model has one task, and it is shown."""
    found = experiments(request)
    others = [one for one in found if one.task != "ioi"]
    return distributions(request, others, "Figure 8: scores inside and outside the circuit")


FIGURE = Figure("fig8", "scores inside and outside the circuits of the other tasks", make)
