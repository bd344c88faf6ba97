"""Copies the weights of Hugging Face's classes into the brute-force twin, in float64.

A model that came from a checkpoint in TransformerLens's format gets the twin of that checkpoint, not of the module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Gemma2ForCausalLM, GPT2LMHeadModel, GPTNeoXForCausalLM, LlamaForCausalLM, Olmo2ForCausalLM

from bruteforce import parts
from bruteforce.from_lens import from_lens
from bruteforce.parts import Attention, Mlp, NoNorm, Norm, Projection, Rotary
from bruteforce.transformer import Block, Transformer
from tiny_lens import LensCheckpoint

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_new": parts.gelu_tanh,
    "gelu_pytorch_tanh": parts.gelu_tanh,
    "gelu": parts.gelu_erf,
    "silu": parts.silu,
    "linear": parts.identity,
}


def from_hf(model: nn.Module) -> Transformer:
    """The same model, edge by edge. The class decides the layout of the weights."""
    checkpoint = LensCheckpoint.behind(model)
    if checkpoint is not None:
        return from_lens(checkpoint.config, checkpoint.tensors)
    if isinstance(model, GPT2LMHeadModel):
        return _gpt2(model)
    if isinstance(model, LlamaForCausalLM):
        return _llama(model, _llama_block, _rms_norm)
    if isinstance(model, Olmo2ForCausalLM):
        return _llama(model, _olmo2_block, _rms_norm)
    if isinstance(model, Gemma2ForCausalLM):
        return _gemma2(model)
    if isinstance(model, GPTNeoXForCausalLM):
        return _gpt_neox(model)
    raise TypeError(f"no brute-force twin for {type(model).__name__}")


def _gpt2(model: GPT2LMHeadModel) -> Transformer:
    config, body = model.config, model.transformer
    return Transformer(
        embedding=_copy(body.wte.weight),
        positions=_copy(body.wpe.weight),
        blocks=tuple(_gpt2_block(block, layer, config) for layer, block in enumerate(body.h)),
        final_norm=_layer_norm(body.ln_f),
        unembedding=_copy(model.lm_head.weight).T,
    )


def _gpt2_block(block: Any, layer: int, config: Any) -> Block:
    # Conv1D keeps its weight as [in, out]; c_attn has all of q, then all of k, then all of v side by side.
    heads, attention, mlp = config.n_head, block.attn, block.mlp
    weights = _copy(attention.c_attn.weight).chunk(3, dim=1)
    biases = _copy(attention.c_attn.bias).chunk(3)
    scale = (config.n_embd // heads) ** -0.5 if config.scale_attn_weights else 1.0
    return Block(
        attention_norm=_layer_norm(block.ln_1),
        attention=Attention(
            q=_projections(weights[0].T, biases[0], heads),
            k=_projections(weights[1].T, biases[1], heads),
            v=_projections(weights[2].T, biases[2], heads),
            output=_copy(attention.c_proj.weight).chunk(heads),
            output_bias=_copy(attention.c_proj.bias),
            scale=scale / (layer + 1) if config.scale_attn_by_inverse_layer_idx else scale,
        ),
        mlp_norm=_layer_norm(block.ln_2),
        mlp=Mlp(
            *(_copy(mlp.c_fc.weight), _copy(mlp.c_fc.bias), _copy(mlp.c_proj.weight), _copy(mlp.c_proj.bias)),
            activation=ACTIVATIONS[config.activation_function],
        ),
    )


def _llama(model: Any, block: Callable[[Any, Any], Block], norm: Callable[[Any], Norm]) -> Transformer:
    config, body = model.config, model.model
    return Transformer(
        embedding=_copy(body.embed_tokens.weight),
        blocks=tuple(block(layer, config) for layer in body.layers),
        final_norm=norm(body.norm),
        unembedding=_copy(model.lm_head.weight).T,
        rotary=Rotary(body.layers[0].self_attn.head_dim, config.rope_parameters["rope_theta"]),
    )


def _llama_block(block: Any, config: Any) -> Block:
    return Block(
        attention_norm=_rms_norm(block.input_layernorm),
        attention=_llama_attention(block.self_attn, config),
        mlp_norm=_rms_norm(block.post_attention_layernorm),
        mlp=_llama_mlp(block.mlp, config.hidden_act),
    )


def _olmo2_block(block: Any, config: Any) -> Block:
    """Norms behind attention and MLP, none in front; one norm for all queries, one for all keys."""
    attention = block.self_attn
    return Block(
        attention_norm=NoNorm(),
        attention=replace(
            _llama_attention(attention, config),
            after=_rms_norm(block.post_attention_layernorm),
            q_norm=_rms_norm(attention.q_norm),
            k_norm=_rms_norm(attention.k_norm),
        ),
        mlp_norm=NoNorm(),
        mlp=_llama_mlp(block.mlp, config.hidden_act),
        mlp_after=_rms_norm(block.post_feedforward_layernorm),
    )


def _gemma2(model: Gemma2ForCausalLM) -> Transformer:
    """A scaled embedding and capped logits."""
    plain, scale = _llama(model, _gemma2_block, _one_plus), _copy(model.model.embed_tokens.embed_scale)
    return replace(plain, embedding=plain.embedding * scale, softcap=model.config.final_logit_softcapping)


def _gemma2_block(block: Any, config: Any) -> Block:
    """Norms in front and behind, capped scores, windows in some layers."""
    return Block(
        attention_norm=_one_plus(block.input_layernorm),
        attention=replace(
            _llama_attention(block.self_attn, config),
            scale=config.query_pre_attn_scalar**-0.5,
            softcap=config.attn_logit_softcapping,
            window=config.sliding_window if block.self_attn.layer_type == "sliding_attention" else None,
            after=_one_plus(block.post_attention_layernorm),
        ),
        mlp_norm=_one_plus(block.pre_feedforward_layernorm),
        mlp=_llama_mlp(block.mlp, config.hidden_activation),
        mlp_after=_one_plus(block.post_feedforward_layernorm),
    )


def _llama_attention(attention: Any, config: Any) -> Attention:
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    return Attention(
        q=_projections(*_linear(attention.q_proj), heads),
        k=_projections(*_linear(attention.k_proj), groups),
        v=_projections(*_linear(attention.v_proj), groups),
        output=_copy(attention.o_proj.weight).T.chunk(heads),
        output_bias=_linear(attention.o_proj)[1],
        scale=attention.head_dim**-0.5,
    )


def _llama_mlp(mlp: Any, activation: str) -> Mlp:
    return Mlp(
        w_in=_linear(mlp.up_proj)[0].T,
        b_in=_linear(mlp.up_proj)[1],
        w_out=_linear(mlp.down_proj)[0].T,
        b_out=_linear(mlp.down_proj)[1],
        activation=ACTIVATIONS[activation],
        w_gate=_linear(mlp.gate_proj)[0].T,
        b_gate=_linear(mlp.gate_proj)[1],
    )


def _gpt_neox(model: GPTNeoXForCausalLM) -> Transformer:
    config, body = model.config, model.gpt_neox
    d_head = config.hidden_size // config.num_attention_heads
    rope = config.rope_parameters
    return Transformer(
        embedding=_copy(body.embed_in.weight),
        blocks=tuple(_gpt_neox_block(block, config) for block in body.layers),
        final_norm=_layer_norm(body.final_layer_norm),
        unembedding=_copy(model.lm_head.weight).T,
        rotary=Rotary(int(d_head * rope["partial_rotary_factor"]), rope["rope_theta"]),
        parallel=config.use_parallel_residual,
    )


def _gpt_neox_block(block: Any, config: Any) -> Block:
    heads, attention, mlp = config.num_attention_heads, block.attention, block.mlp
    q, k, v = _interleaved_projections(*_linear(attention.query_key_value), heads)
    return Block(
        attention_norm=_layer_norm(block.input_layernorm),
        attention=Attention(
            q=q,
            k=k,
            v=v,
            output=_copy(attention.dense.weight).T.chunk(heads),
            output_bias=_linear(attention.dense)[1],
            scale=(config.hidden_size // heads) ** -0.5,
        ),
        mlp_norm=_layer_norm(block.post_attention_layernorm),
        mlp=Mlp(
            w_in=_linear(mlp.dense_h_to_4h)[0].T,
            b_in=_linear(mlp.dense_h_to_4h)[1],
            w_out=_linear(mlp.dense_4h_to_h)[0].T,
            b_out=_linear(mlp.dense_4h_to_h)[1],
            activation=ACTIVATIONS[config.hidden_act],
        ),
    )


def _projections(weight: Tensor, bias: Tensor | None, heads: int) -> tuple[Projection, ...]:
    """Splits a `[heads * d_head, d_model]` weight (heads one after the other) into one projection a head."""
    return tuple(Projection(w.T, b) for w, b in _rows(weight, bias, heads))


def _interleaved_projections(weight: Tensor, bias: Tensor | None, heads: int) -> tuple[tuple[Projection, ...], ...]:
    """Splits a weight that has, head after head, that head's q, k and v rows: all q, all k, all v."""
    per_head = [_projections(w, b, 3) for w, b in _rows(weight, bias, heads)]
    return tuple(zip(*per_head, strict=True))


def _rows(weight: Tensor, bias: Tensor | None, parts: int) -> list[tuple[Tensor, Tensor | None]]:
    biases = [None] * parts if bias is None else bias.chunk(parts)
    return list(zip(weight.chunk(parts), biases, strict=True))


def _linear(module: nn.Linear) -> tuple[Tensor, Tensor | None]:
    return _copy(module.weight), None if module.bias is None else _copy(module.bias)


def _layer_norm(module: nn.LayerNorm) -> Norm:
    return Norm(True, _copy(module.weight), _copy(module.bias), module.eps)


def _rms_norm(module: Any) -> Norm:
    return Norm(False, _copy(module.weight), None, module.variance_epsilon)


def _one_plus(module: Any) -> Norm:
    return Norm(False, 1 + _copy(module.weight), None, module.eps)


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().to(torch.float64)
