"""What scores become when some of them are measured exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewise.errors import ScoreError
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.score_arrays import ARRAYS


def combined(scores: EdgeScores | NodeScores, exact: EdgeScores | NodeScores) -> EdgeScores | NodeScores:
    """Exact effects where they were measured, estimates elsewhere, and both told apart.

    Args:
        scores: the estimates, which stay whole in ``estimated``.
        exact: exact effects of some of them, NaN elsewhere. Standard errors, single prompts and resamples are taken
            from them likewise; what one of the two lacks, the result lacks.

    Raises:
        ScoreError: scores of two graphs, or of another number of prompts.
    """
    if exact.graph != scores.graph or exact.values.shape != scores.values.shape:
        raise ScoreError(f"scores are of {scores.graph.spec}, the exact effects of {exact.graph.spec}")
    if scores.n_prompts not in (None, exact.n_prompts):
        raise ScoreError(
            f"the scores are means over {scores.n_prompts} prompts, the exact effects over {exact.n_prompts}"
        )
    verified = np.asarray(~np.isnan(exact.values), dtype=np.bool_)
    arrays = {}
    for name in ARRAYS:
        estimate, measured = getattr(scores, name), getattr(exact, name)
        both = estimate is not None and measured is not None
        arrays[name] = np.where(verified, measured, estimate) if both else None
    estimated = scores.values if scores.estimated is None else scores.estimated
    if scores.verified is not None:
        verified = verified | scores.verified
    return replace(scores, **arrays | {"estimated": estimated, "verified": verified}, n_prompts=exact.n_prompts)
