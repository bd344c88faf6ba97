"""GPT-2's kind: ``transformer.h``, LayerNorm, a plain MLP.

GPT-2 fuses q, k, v in a transposed linear (``Conv1D``); GPT-Neo keeps them apart, and every other of its layers attends
within a window; GPT-J has rotary positions and parallel blocks in which one norm serves attention and MLP.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from edgewise.graph import GraphSpec
from edgewise.models.family import Family, layer_norm, understood
from edgewise.models.wiring import (
    Attention,
    Block,
    Mlp,
    OutputProjection,
    Projection,
    Wiring,
    separate_heads,
    stacked_heads,
)

COMMON = "activation_function layer_norm_epsilon"


def _fused(layer: Any, heads: int) -> tuple[Any, ...]:
    module = layer.attn.c_attn
    return (*(Projection(module, stacked_heads(part, heads)) for part in range(3)), layer.attn.c_proj)


def _apart(layer: Any, heads: int) -> tuple[Any, ...]:
    attention = getattr(layer.attn, "attention", layer.attn)
    modules = (attention.q_proj, attention.k_proj, attention.v_proj)
    return (*(Projection(module, separate_heads(heads)) for module in modules), attention.out_proj)


def wire(model: Any, *, fused: bool = False, shared_norm: bool = False) -> Wiring:
    """The wiring of a class of this kind.

    Args:
        model: the module.
        fused: whether one module makes q, k and v.
        shared_norm: whether attention and MLP read through one norm, and so in parallel.
    """
    config, heads = model.config, model.config.num_attention_heads

    def block(layer: Any) -> Block:
        norm = layer_norm(config, layer.ln_1)
        q, k, v, out = _fused(layer, heads) if fused else _apart(layer, heads)
        second = norm if shared_norm else layer_norm(config, layer.ln_2)
        return Block(layer, Attention(norm, q, k, v, OutputProjection(out, heads)), Mlp(second, layer.mlp))

    body = model.transformer
    spec = GraphSpec(config.num_hidden_layers, heads, config.hidden_size, parallel=shared_norm)
    return Wiring(model, spec, tuple(map(block, body.h)), layer_norm(config, body.ln_f), model.lm_head)


ROWS = (
    Family(
        "GPT2LMHeadModel",
        "learned positions, LayerNorm",
        understood(
            f"""{COMMON} n_positions n_embd n_layer n_head n_inner scale_attn_weights scale_attn_by_inverse_layer_idx
            reorder_and_upcast_attn embd_pdrop attn_pdrop resid_pdrop"""
        ),
        partial(wire, fused=True),
    ),
    Family(
        "GPTNeoForCausalLM",
        "learned positions, LayerNorm, every other layer within a window",
        understood(
            f"""{COMMON} hidden_size num_layers num_heads intermediate_size window_size attention_layers
            attention_dropout embed_dropout resid_dropout"""
        ),
        wire,
    ),
    Family(
        "GPTJForCausalLM",
        "rotary, LayerNorm, parallel blocks with one norm",
        understood(f"{COMMON} n_positions n_embd n_layer n_head n_inner rotary_dim embd_pdrop attn_pdrop resid_pdrop"),
        partial(wire, shared_norm=True),
    ),
)
