"""Copies a checkpoint in TransformerLens's format, config and tensors as they are in the files, into the twin."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from bruteforce import parts
from bruteforce.parts import Attention, Mlp, NoNorm, Norm, Projection, Rotary
from bruteforce.transformer import Block, Transformer

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": parts.relu,
    "gelu": parts.gelu_erf,
    "gelu_new": parts.gelu_tanh,
    "gelu_fast": parts.gelu_rounded,
    "gelu_pytorch_tanh": parts.gelu_tanh,
    "silu": parts.silu,
    "solu": parts.solu,
}


def from_lens(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Transformer:
    """The same model, edge by edge."""
    positions = config.get("positional_embedding_type", "standard")
    positions = "shortformer" if config.get("shortformer_pos") else positions
    kind = config.get("normalization_type", config.get("normalization", "LN"))
    learned = tensors.get("pos_embed.W_pos")
    final = {"LN": "RMS", "LNPre": "RMSPre"}.get(kind, kind) if config.get("final_rms") else kind
    return Transformer(
        embedding=tensors["embed.W_E"],
        positions=learned if positions == "standard" else None,
        query_key_positions=learned if positions == "shortformer" else None,
        rotary=_rotary(config) if positions == "rotary" else None,
        blocks=tuple(_block(config, tensors, layer, kind) for layer in range(config["n_layers"])),
        final_norm=_norm(config, tensors, "ln_final", final),
        unembedding=tensors["unembed.W_U"] if "unembed.W_U" in tensors else tensors["embed.W_E"].T,
        unembedding_bias=tensors.get("unembed.b_U"),
        parallel=config.get("parallel_attn_mlp", False),
        causal=config.get("attention_dir", "causal") == "causal",
    )


def _rotary(config: Mapping[str, Any]) -> Rotary:
    dims = config["rotary_dim"] or config["d_head"]
    return Rotary(dims, config.get("rotary_base", 10000), config.get("rotary_adjacent_pairs", False))


def _norm(config: Mapping[str, Any], tensors: Mapping[str, Tensor], place: str, kind: str | None) -> Norm | NoNorm:
    if kind is None:
        return NoNorm()
    gain = tensors[f"{place}.w"] if kind in ("LN", "RMS") else None
    bias = tensors[f"{place}.b"] if kind == "LN" else None
    return Norm(kind.startswith("LN"), gain, bias, config.get("eps", config.get("ln_eps", 1e-5)))


def _block(config: Mapping[str, Any], tensors: Mapping[str, Tensor], layer: int, kind: str | None) -> Block:
    here = f"blocks.{layer}"
    scale = config.get("attn_scale", math.sqrt(config["d_head"])) if config.get("use_attn_scale", True) else 1.0
    scale = math.sqrt(config["d_head"]) if scale == -1 else scale
    scale = scale * (layer + 1) if config.get("scale_attn_by_inverse_layer_idx") else scale
    attention = Attention(
        *(_projections(tensors, f"{here}.attn", letter) for letter in "QKV"),
        output=tuple(tensors[f"{here}.attn.W_O"]),
        output_bias=tensors.get(f"{here}.attn.b_O"),
        scale=1 / scale,
    )
    norm = _norm(config, tensors, f"{here}.ln1", kind)
    if config.get("attn_only"):
        return Block(norm, attention)
    return Block(norm, attention, _norm(config, tensors, f"{here}.ln2", kind), _mlp(config, tensors, f"{here}.mlp"))


def _projections(tensors: Mapping[str, Tensor], here: str, letter: str) -> tuple[Projection, ...]:
    mark = "" if f"{here}.W_{letter}" in tensors else "_"
    weights, biases = tensors[f"{here}.{mark}W_{letter}"], tensors.get(f"{here}.{mark}b_{letter}")
    return tuple(Projection(w, None if biases is None else biases[head]) for head, w in enumerate(weights))


def _xielu(tensors: Mapping[str, Tensor], here: str) -> Callable[[Tensor], Tensor]:
    alpha_p, alpha_n, beta, eps = (tensors[f"{here}.act_fn.{x}"] for x in ("alpha_p", "alpha_n", "beta", "eps"))
    up, down = (1 + alpha_p.exp()).log(), beta + (1 + alpha_n.exp()).log()

    def xielu(x: Tensor) -> Tensor:
        below = torch.where(x < eps, x, eps)
        return beta * x + torch.where(x > 0, up * x**2, down * (below.exp() - 1 - x))

    return xielu


def _mlp(config: Mapping[str, Any], tensors: Mapping[str, Tensor], here: str) -> Mlp:
    gated, name = config.get("gated_mlp", False), config["act_fn"]
    activation = _xielu(tensors, here) if name == "xielu" else ACTIVATIONS[name.removesuffix("_ln")]
    if name.endswith("_ln"):
        kind = config.get("normalization_type", config.get("normalization", "LN"))
        norm, inner = _norm(config, tensors, f"{here}.ln", kind if kind == "LN" else "LNPre"), activation

        def activation(x: Tensor) -> Tensor:
            return norm(inner(x))

    bias = tensors.get(f"{here}.b_in")
    return Mlp(
        w_in=tensors[f"{here}.W_in"],
        b_in=None if gated else bias,
        w_out=tensors[f"{here}.W_out"],
        b_out=tensors.get(f"{here}.b_out"),
        activation=activation,
        w_gate=tensors[f"{here}.W_gate"] if gated else None,
        b_after=bias if gated else None,
    )
