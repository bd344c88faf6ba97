"""Attention patterns are those that the model's own eager attention returns, whatever attention it runs with."""

from __future__ import annotations

import pytest
import torch

import tiny
from edgewise.engine.rules.patterns import attention_patterns
from edgewise.models import load_model

IDS = (3, 1, 4, 1, 5, 9, 2)


@pytest.mark.parametrize("family", sorted(tiny.HF_FAMILIES))
def test_as_eager_attention_returns_them(family: str) -> None:
    module = tiny.FAMILIES[family]()
    model = load_model(module)
    before = module.config._attn_implementation
    found = attention_patterns(model, IDS)
    assert module.config._attn_implementation == before
    assert len(found) == model.graph.spec.n_layers
    module.set_attn_implementation("eager")
    expected = module(torch.tensor([IDS]), output_attentions=True).attentions
    for ours, theirs in zip(found, expected, strict=True):
        assert ours is not None
        assert ours.shape == (model.graph.spec.n_heads, len(IDS), len(IDS))
        torch.testing.assert_close(ours, theirs[0].float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", sorted(set(tiny.FAMILIES) - set(tiny.HF_FAMILIES)))
def test_our_own_modules_look_wholly_and_back_only_where_causal(family: str) -> None:
    model = load_model(tiny.FAMILIES[family]())
    for pattern in attention_patterns(model, IDS):
        assert pattern is not None
        torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:2]), atol=1e-5, rtol=0)
        assert (float(pattern.triu(1).abs().max()) == 0) == model.wiring.causal
        assert float(pattern.std()) > 0
