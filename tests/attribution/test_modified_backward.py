"""RelP and GIM: against a brute-force transformer whose every formula is rewritten so that plain autograd has the rule.

A factor that is to be a constant is detached; what is to have another slope gets its own value and that slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.parts import Attention, Mlp, Norm
from bruteforce.transformer import Transformer
from edgewise.errors import UnsupportedModelError
from edgewise.models import load_model
from edgewise.search import score_edges
from tiny import EXACT_FAMILIES, FAMILIES, prompts
from tiny_families import tiny

pytestmark = pytest.mark.slow

PROMPTS = prompts(4, seed=5)
SHAPES = ["gpt2", "llama-grouped", "gpt-neox-parallel", "lens-rotary-gated-grouped", "lens-bidirectional-without-norms"]


def worth(value: Tensor, slope: Tensor) -> Tensor:
    """The first in value, the second in gradient."""
    return value.detach() + slope - slope.detach()


def halved(a: Tensor, b: Tensor, times: Callable[[Tensor, Tensor], Tensor] = torch.mul) -> Tensor:
    return worth(times(a, b), times(a, b) / 2)


@dataclass(frozen=True)
class FrozenNorm(Norm):
    """Its scale is a constant."""

    def __call__(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True) if self.centred else x
        scaled = centred / ((centred * centred).mean(-1, keepdim=True) + self.epsilon).sqrt().detach()
        scaled = scaled if self.gain is None else scaled * self.gain
        return scaled if self.bias is None else scaled + self.bias


@dataclass(frozen=True)
class SharedMlp(Mlp):
    """Gate and linear part have half of the product's gradient each."""

    def __call__(self, x: Tensor) -> Tensor:
        if self.w_gate is None:
            return super().__call__(x)
        gate = self.activation(x @ self.w_gate + (0 if self.b_gate is None else self.b_gate))
        hidden = halved(gate, x @ self.w_in + (0 if self.b_in is None else self.b_in))
        hidden = hidden + (0 if self.b_after is None else self.b_after)
        return hidden @ self.w_out + (0 if self.b_out is None else self.b_out)


def through_zero(activation: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Its slope is that of the line from zero."""
    return lambda x: worth(activation(x), x * (activation(x) / x).detach())


def frozen(norm: object) -> object:
    return FrozenNorm(norm.centred, norm.gain, norm.bias, norm.epsilon) if isinstance(norm, Norm) else norm


def rewritten(model: Transformer, activation: Callable[[Callable], Callable]) -> Transformer:  # type: ignore[type-arg]
    def mlp(part: Mlp | None) -> Mlp | None:
        return None if part is None else SharedMlp(**{**vars(part), "activation": activation(part.activation)})

    blocks = tuple(
        replace(block, attention_norm=frozen(block.attention_norm), mlp_norm=frozen(block.mlp_norm), mlp=mlp(block.mlp))
        for block in model.blocks
    )
    return replace(model, blocks=blocks, final_norm=frozen(model.final_norm))


def warm_pattern(attention: Attention, q: Tensor, k: Tensor, causal: bool) -> Tensor:
    """Half of the product's gradient to queries and keys each, and the softmax's at temperature 2."""
    scores = halved(q, k.mT, torch.matmul) * attention.scale
    if causal:
        later = torch.ones(scores.shape[1:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return worth(scores.softmax(-1), 2 * (scores / 2).softmax(-1)) / 2 + scores.softmax(-1).detach() / 2


def error(family: str, method: str, model: Transformer) -> float:
    truth = oracle.edge_scores(model, PROMPTS if model.causal else PROMPTS.pairs[:2], oracle.logit_diff).numpy()
    pairs = PROMPTS if model.causal else PROMPTS[:2]
    ours = score_edges(load_model(FAMILIES[family]()), pairs, method=method, metric="logit-diff", per_prompt=True)
    assert ours.per_prompt is not None
    assert np.array_equal(np.isnan(ours.per_prompt), np.isnan(truth))
    return float(np.nanmax(np.abs(ours.per_prompt - truth)) / np.nanmax(np.abs(truth)))


@pytest.mark.parametrize("family", SHAPES)
def test_relp(family: str) -> None:
    model = rewritten(from_hf(FAMILIES[family]()), through_zero)
    assert error(family, "relp", model) <= (1e-9 if family in EXACT_FAMILIES else 1e-5)


@pytest.mark.parametrize("family", SHAPES)
def test_gim(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pattern's half of its product with values is in the pattern here, the values' half in the values."""
    monkeypatch.setattr(Attention, "_pattern", warm_pattern)
    model = rewritten(from_hf(FAMILIES[family]()), lambda activation: activation)
    half = tuple(replace(b, attention=replace(b.attention, v=tuple(map(Half, b.attention.v)))) for b in model.blocks)
    assert error(family, "gim", replace(model, blocks=half)) <= (1e-9 if family in EXACT_FAMILIES else 1e-5)


@dataclass(frozen=True)
class Half:
    """A projection whose gradient is halved."""

    of: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        return worth(self.of(x), self.of(x) / 2)


def test_what_the_rules_say_nothing_of_is_refused() -> None:
    solu = load_model(FAMILIES["lens-solu-parallel"]())
    for method in ("relp", "gim"):
        with pytest.raises(UnsupportedModelError, match=f"method '{method}' has no rule for an activation that mixes"):
            score_edges(solu, PROMPTS, method=method)
    clamped = load_model(tiny("GptOssForCausalLM"))
    with pytest.raises(UnsupportedModelError, match="method 'relp' has no rule for torch's 'clamp'"):
        score_edges(clamped, PROMPTS, method="relp")
