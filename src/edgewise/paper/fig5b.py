"""Figure 5b: the edges of Docstring that EAP gets most wrong, from the clean run to the patched one.

Every edge's exact effect is known from figure 5a; shown are the five where it is farthest from the score.
"""

from __future__ import annotations

import numpy as np

from edgewise.paper.figure import Figure, Made, Request
from edgewise.paper.interpolated import curves_of, largest
from edgewise.paper.material import experiment, in_papers_unit, scored

N = 5
TITLE = "Figure 5b: where the tangent misleads"


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    one = experiment(request, "docstring")
    scores, exact = (in_papers_unit(one, scored(one, request, name)).scores for name in ("eap", "activation-patching"))
    edges = largest(scores, np.abs(exact.values - scores.values), N)
    which = f"the {len(edges)} edges whose exact effect is farthest from their score"
    return curves_of(request, one, edges, "fig5b", TITLE, which)


FIGURE = Figure("fig5b", "the edges that EAP gets most wrong, against the tangent", make)
