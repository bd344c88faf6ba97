"""The estimates of two methods brought together, written a second time, from single prompts' scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.evaluation.sampling import Sample, draw
from edgewise.models import Model
from edgewise.search import score_edges
from edgewise.search.exact.second import how_many
from edgewise.tasks import PromptSet


def together(
    model: Model, prompts: PromptSet, first: str, second: str, **asked: Any
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Every prompt's estimates, ``[n_prompts, *shape]``, and the doubt about their mean."""
    every = np.asarray(score_edges(model, prompts, method=first, per_prompt=True, **asked).per_prompt, dtype=np.float64)
    sizes = [float(np.sqrt(np.nansum(one**2))) for one in every]
    rows = sorted(sorted(range(len(sizes)), key=lambda row: -sizes[row])[: how_many(len(sizes))])
    others = np.stack([score_edges(model, [prompts.pairs[row]], method=second, **asked).values for row in rows])
    both = every.copy()
    both[rows] = others
    means = np.sort(np.abs(np.nan_to_num(both.mean(0))), axis=None)
    much = np.abs(both.mean(0) - every.mean(0)) > 0.1 * means[-min(20, means.size)]
    both = np.where(much, both, every)
    return both, np.fmax(np.abs(both.mean(0)), np.abs((every[rows] - others).mean(0)))


def strata(sizes: npt.NDArray[np.float64], n: int, top: int, seed: int) -> Sample:
    """The largest for certain, equals in their own order, and some of the others."""
    certain = np.zeros(len(sizes), dtype=np.bool_)
    certain[np.argsort(-sizes, kind="stable")[: min(top, len(sizes))]] = True
    return draw(certain, n - top, seed)
