"""Figure 10: the ten edges of Docstring of largest |EAP|, from the clean run to the patched one."""

from __future__ import annotations

import numpy as np

from edgewise.paper.figure import Figure, Made, Request
from edgewise.paper.interpolated import curves_of, largest
from edgewise.paper.material import experiment, in_papers_unit, scored

N = 10
TITLE = "Figure 10: the edges of largest |EAP|, against the tangent"


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    one = experiment(request, "docstring")
    scores = in_papers_unit(one, scored(one, request, "eap")).scores
    edges = largest(scores, np.abs(scores.values), N)
    return curves_of(request, one, edges, "fig10", TITLE, f"the {len(edges)} edges of largest |EAP|")


FIGURE = Figure("fig10", "the ten edges of largest |EAP|, against the tangent", make)
