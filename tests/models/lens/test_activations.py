"""Activations at a few points, by their formulas in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from edgewise.models.lens.activations import FUNCTIONS, NormedSolu, Xielu, solu

POINTS = [-3.0, -1.0, -0.1, 0.0, 0.3, 1.0, 2.5]


def gelu_by_tanh(x: float, factor: float) -> float:
    return 0.5 * x * (1 + math.tanh(factor * (x + 0.044715 * x**3)))


BY_HAND: dict[str, Callable[[float], float]] = {
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_new": lambda x: gelu_by_tanh(x, math.sqrt(2 / math.pi)),
    "gelu_pytorch_tanh": lambda x: gelu_by_tanh(x, math.sqrt(2 / math.pi)),
    "gelu_fast": lambda x: gelu_by_tanh(x, 0.7978845608),
    "silu": lambda x: x / (1 + math.exp(-x)),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_elementwise(name: str) -> None:
    ours = FUNCTIONS[name](torch.tensor(POINTS, dtype=torch.float64)).tolist()
    assert ours == pytest.approx([BY_HAND[name](x) for x in POINTS], abs=1e-14)


def test_all_but_solu_are_elementwise() -> None:
    assert FUNCTIONS.keys() - BY_HAND.keys() == {"solu"}


def test_solu() -> None:
    total = sum(math.exp(x) for x in POINTS)
    ours = solu(torch.tensor([POINTS], dtype=torch.float64))[0].tolist()
    assert ours == pytest.approx([x * math.exp(x) / total for x in POINTS], abs=1e-14)


def test_normed_solu() -> None:
    module = NormedSolu(len(POINTS), eps=0.01, gains=True).double()
    gains, biases = [1.0 + 0.1 * i for i in range(7)], [0.2 * i - 0.5 for i in range(7)]
    with torch.no_grad():
        module.ln.weight.copy_(torch.tensor(gains))
        module.ln.bias.copy_(torch.tensor(biases))
        ours = module(torch.tensor([POINTS], dtype=torch.float64))[0].tolist()
    total = sum(math.exp(x) for x in POINTS)
    inner = [x * math.exp(x) / total for x in POINTS]
    mean = sum(inner) / 7
    scale = math.sqrt(sum((x - mean) ** 2 for x in inner) / 7 + 0.01)
    by_hand = [g * (x - mean) / scale + b for x, g, b in zip(inner, gains, biases, strict=True)]
    assert ours == pytest.approx(by_hand, abs=1e-6)
    assert list(NormedSolu(7, eps=0.01, gains=False).parameters()) == []


def test_xielu_starts_where_its_paper_does() -> None:
    """alpha_p = alpha_n = 0.8, beta = 0.5."""
    ours = Xielu().double()(torch.tensor(POINTS, dtype=torch.float64)).tolist()
    by_hand = [0.8 * x * x + 0.5 * x if x > 0 else 0.8 * (math.exp(x) - 1 - x) + 0.5 * x for x in POINTS]
    assert ours == pytest.approx(by_hand, abs=2e-6)
