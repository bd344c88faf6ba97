"""Which estimates are checked by exact patching, and what scores become when some of them are.

Errors of cheap estimates are largest where estimates are large and where two of different kinds disagree, so edges are
flagged by ``max(|score|, |score - second|)``, the second estimate being that of another method.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewise.errors import ScoreError, SelectionError
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray
from edgewise.graph.scores import ARRAYS

Scores = EdgeScores | NodeScores


def second_of(method: str) -> str:
    """The method whose estimates those of another are held against: ``secant``, and for itself ``eap``.

    Both take two forward passes and one backward pass. On the demo model's tasks ``secant`` serves every method but
    ``eap-ig-inputs`` and itself as well as ``eap`` does or better.
    """
    return "eap" if method == "secant" else "secant"


def flagged(scores: Scores, second: Scores | None, n: int) -> BoolArray:
    """The `n` edges (or nodes) of largest ``max(|score|, |score - second|)``; all that are scored where they are fewer.

    Args:
        scores: the estimates.
        second: another method's, of the same edges; None to go by |score| alone.
        n: how many.

    Returns:
        Bool, in the shape of the scores; equals are taken by source, then by destination.

    Raises:
        SelectionError: ``n`` is below one.
        ScoreError: scores of two graphs, or of which none is known.
    """
    if n < 1:
        raise SelectionError(f"{n} exact effects are asked for; give at least 1")
    size = np.abs(scores.values).astype(np.float64)
    if second is not None:
        if second.graph != scores.graph or second.values.shape != size.shape:
            raise ScoreError(f"scores are of {scores.graph.spec}, the second ones of {second.graph.spec}")
        # Where the second estimate is missing, fmax takes the first.
        apart = np.abs(scores.values.astype(np.float64) - second.values)
        size = np.where(np.isnan(size), np.nan, np.fmax(size, apart))
    known = int((~np.isnan(size)).sum())
    if not known:
        raise ScoreError("nothing has a score; there is nothing to check")
    chosen = np.zeros(size.shape, dtype=np.bool_)
    chosen.flat[np.argsort(-size, axis=None, kind="stable")[: min(n, known)]] = True
    return chosen


def combined(scores: Scores, exact: Scores) -> Scores:
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
