"""Faithfulness and the areas under its curve: pure functions of numbers a prompt.

With ``m(C)`` the mean over prompts of the metric when every edge outside ``C`` is patched:

    f(C) = (m(C) - m(empty)) / (m(full) - m(empty))

1 keeps all of the behaviour, 0 none of it. It may leave that range, and holds for metrics of either direction. f of the
circuit is its faithfulness; f of its complement is its completeness as used here: near 0 where nothing of the behaviour
is left outside the circuit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
# m(full) and m(empty) that are nearer to each other than this share of the metric's size differ by rounding alone.
FLAT = 1e-6


def mean(values: Values) -> tuple[float, float | None]:
    """Mean over prompts and its standard error; None for one prompt."""
    n = len(values)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else None


def is_flat(full: Values, empty: Values) -> bool:
    """Whether patching every edge does not change the metric, so that no share of it can be told.

    Args:
        full: the metric of each prompt with no edge patched, ``[n_prompts]``.
        empty: with every edge patched.
    """
    size = max(np.abs(full).mean(), np.abs(empty).mean())
    return bool(abs(full.mean() - empty.mean()) <= FLAT * size)


def faithfulness(values: Values, full: Values, empty: Values) -> tuple[float | None, float | None]:
    """The f of the means, and its standard error; None where the metric is flat.

    The error is that of a ratio of means over the same prompts (delta method): the standard error of the mean of
    ``(values - empty - f (full - empty)) / (m(full) - m(empty))``.

    Args:
        values: the metric of each prompt with the circuit kept, ``[n_prompts]``.
        full: with no edge patched.
        empty: with every edge patched.
    """
    if is_flat(full, empty):
        return None, None
    whole = float(full.mean() - empty.mean())
    f = float(values.mean() - empty.mean()) / whole
    residual = (values - empty - f * (full - empty)) / whole
    return f, mean(residual)[1]


def areas(fractions: Sequence[float], f: Sequence[float]) -> tuple[float, float]:
    """CPR and CMD: the area under f, and that between f and 1.

    By the trapezoid rule over the fractions given, on a linear axis, without a share for what lies below the first of
    them; for CMD over ``|1 - f|`` at the same points (MIB, Mueller et al. 2025, section 3; its evaluation code).

    Args:
        fractions: of the edges, rising.
        f: faithfulness at each.
    """
    x, y = np.asarray(fractions), np.asarray(f)
    widths = np.diff(x)

    def area(heights: Values) -> float:
        return float((widths * (heights[1:] + heights[:-1]) / 2).sum())

    return area(y), area(np.abs(1 - y))
