"""Models loaded by bitsandbytes: their scores are those of plain models with the weights that they compute with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgewise.engine.check import check_model
from edgewise.engine.run.need import inner_width
from edgewise.errors import UnsupportedModelError
from edgewise.models import load_model
from edgewise.search import score_edges
from tiny import llama, prompts
from traces import leaves_no_trace

bnb = pytest.importorskip("bitsandbytes")


def quantised(linear: nn.Linear, bits: int, dtype: torch.dtype = torch.float32) -> nn.Module:
    bias = linear.bias is not None
    if bits == 4:
        made = bnb.nn.Linear4bit(linear.in_features, linear.out_features, bias, dtype, quant_type="nf4")
    else:
        made = bnb.nn.Linear8bitLt(linear.in_features, linear.out_features, bias, has_fp16_weights=False)
    made.load_state_dict(linear.state_dict(), strict=False)
    return made.to("cpu")


def base() -> nn.Module:
    """As wide as a block of weights that is quantised together."""
    return llama(dtype=torch.float32, attention_bias=True, hidden_size=64, intermediate_size=128)


def model(bits: int) -> nn.Module:
    module = base()
    for layer in module.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for name, child in list(part.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(part, name, quantised(child, bits))
    return module.eval()


def plain(module: nn.Module) -> nn.Module:
    """The same with the weights that its modules multiply the identity by."""
    other = base()
    for layer, copy in zip(module.model.layers, other.model.layers, strict=True):
        for part, target in ((layer.self_attn, copy.self_attn), (layer.mlp, copy.mlp)):
            for name, child in target.named_children():
                if isinstance(child, nn.Linear):
                    made = getattr(part, name)(torch.eye(child.in_features).requires_grad_())
                    child.weight.data = (made - (0 if child.bias is None else child.bias)).T.detach()
    return other


@pytest.mark.parametrize("kv_heads", ["native", "query"])
def test_scores_are_those_of_the_weights_that_are_computed_with(kv_heads: str) -> None:
    module = model(4)
    assert [row for row in check_model(load_model(module, kv_heads=kv_heads)) if not row.passed] == []
    pairs = prompts(4, seed=2)
    expected = score_edges(
        load_model(plain(module), kv_heads=kv_heads), pairs, metric="logit-diff", method="eap"
    ).values
    unquantised = score_edges(load_model(base(), kv_heads=kv_heads), pairs, method="eap")
    mine = load_model(module, kv_heads=kv_heads)
    with leaves_no_trace(module):
        found = score_edges(mine, pairs, metric="logit-diff", method="eap").values
    largest = np.nanmax(np.abs(expected))
    assert np.nanmax(np.abs(found - expected)) < 1e-5 * largest
    assert np.nanmax(np.abs(unquantised.values - expected)) > 1e-3 * largest
    assert inner_width(mine.wiring.blocks[0].mlp) == 128


def test_what_computes_no_plain_product_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="q_proj is a Linear8bitLt: it rounds what it reads"):
        load_model(model(8))
    module = model(4)
    module.model.embed_tokens.to(torch.bfloat16)
    with pytest.raises(UnsupportedModelError, match="q_proj is a Linear4bit: it was quantised from float32 in a bf"):
        load_model(module)
