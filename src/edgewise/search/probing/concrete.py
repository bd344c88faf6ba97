"""The hard concrete distribution: masks between 0 and 1 that are often exactly either, with gradients.

Louizos, Welling and Kingma (2018), section 2.2 and equation 12, with the constants that Cao et al. (2021) and Conmy et
al. (2023) use. With ``m`` the parameter and u uniform on (0, 1):

    s = sigmoid((ln u - ln(1 - u) + m) / beta)          mask = min(1, max(0, s (zeta - gamma) + gamma))

    P(mask > 0) = sigmoid(m - beta ln(-gamma / zeta))

The mask exceeds 1/2 with probability sigmoid(m): a parameter keeps what it stands for if it is at least 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
# Draws are kept off 0 and 1, where their logarithms end.
NEAREST = 1e-4


def parameter(mask: float) -> float:
    """The parameter whose mask is this without noise: ``sigmoid(m) (zeta - gamma) + gamma = mask``."""
    p = (mask - GAMMA) / (ZETA - GAMMA)
    return math.log(p / (1 - p))


def sample(parameters: Tensor, uniform: Tensor) -> Tensor:
    """The masks of some draws, differentiable with respect to the parameters.

    Args:
        parameters: ``[n]``.
        uniform: draws from 0 to 1, ``[n]``.
    """
    u = uniform.clamp(NEAREST, 1 - NEAREST)
    s = torch.sigmoid((u.log() - (1 - u).log() + parameters) / BETA)
    return (s * (ZETA - GAMMA) + GAMMA).clamp(0.0, 1.0)


def penalty(parameters: Tensor, weights: Tensor) -> Tensor:
    """The expected number of masks that are not zero, each by its weight.

    Args:
        parameters: ``[n]``.
        weights: ``[n]``, of sum 1 for a mean.
    """
    return (torch.sigmoid(parameters - BETA * math.log(-GAMMA / ZETA)) * weights).sum()
