"""Every activation that TransformerLens names, each in the formula that it uses.

relu               max(x, 0)
gelu               x Phi(x), with the normal distribution function Phi
gelu_new           x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
gelu_pytorch_tanh  the same
gelu_fast          the same with sqrt(2/pi) as 0.7978845608
silu               x / (1 + exp(-x))
solu               x softmax(x), over the neurons of a position (Elhage et al. 2022)
solu_ln            the LayerNorm, over the neurons, of solu; its gain and bias where norms have theirs
xielu              a x^2 + c x for x > 0, else (expm1(x) - x) b + c x, with trained a and b (arXiv:2411.13010)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.models.lens.config import LensConfig


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by tanh."""
    return F.gelu(x, approximate="tanh")


def gelu_fast(x: Tensor) -> Tensor:
    """GELU by tanh with a rounded constant."""
    return 0.5 * x * (1 + torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))


def solu(x: Float[Tensor, "... d_mlp"]) -> Float[Tensor, "... d_mlp"]:
    """SoLU: every neuron times its share of the softmax over the neurons."""
    return x * x.softmax(-1)


class Elementwise(nn.Module):
    """A function without parameters, as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """Keep the function."""
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return self.function(x)


class NormedSolu(nn.Module):
    """SoLU and the LayerNorm after it."""

    def __init__(self, width: int, eps: float, gains: bool) -> None:
        """Without gains, the LayerNorm has no parameters."""
        super().__init__()
        self.ln = nn.LayerNorm(width, eps=eps, elementwise_affine=gains)

    def forward(self, x: Float[Tensor, "... d_mlp"]) -> Float[Tensor, "... d_mlp"]:
        """LayerNorm of SoLU."""
        normed: Tensor = self.ln(solu(x))
        return normed


class Xielu(nn.Module):
    """xIELU with the parameters that TransformerLens stores: a = softplus(alpha_p), b = beta + softplus(alpha_n)."""

    def __init__(self) -> None:
        """Start from the values of its paper; a checkpoint replaces them."""
        super().__init__()
        self.alpha_p = nn.Parameter(torch.tensor(0.8).expm1().log())
        self.alpha_n = nn.Parameter(torch.tensor(0.3).expm1().log())
        self.register_buffer("beta", torch.tensor(0.5))
        self.register_buffer("eps", torch.tensor(-1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it; `eps` keeps the branch that is not taken finite."""
        beta, eps = self.get_buffer("beta"), self.get_buffer("eps")
        above = F.softplus(self.alpha_p) * x * x + beta * x
        below = (torch.expm1(torch.minimum(x, eps)) - x) * (beta + F.softplus(self.alpha_n)) + beta * x
        return torch.where(x > 0, above, below)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_new": gelu_tanh,
    "gelu_fast": gelu_fast,
    "gelu_pytorch_tanh": gelu_tanh,
    "silu": F.silu,
    "solu": solu,
}
ACTIVATIONS = (*FUNCTIONS, "solu_ln", "xielu")


def activation(config: LensConfig) -> nn.Module:
    """The activation of a model with MLPs, as a module."""
    if config.act_fn == "solu_ln" and config.d_mlp is not None:
        # TransformerLens gives it parameters beside LayerNorms with parameters only.
        return NormedSolu(config.d_mlp, config.eps, gains=config.normalization == "LN")
    if config.act_fn == "xielu":
        return Xielu()
    return Elementwise(FUNCTIONS[str(config.act_fn)])
