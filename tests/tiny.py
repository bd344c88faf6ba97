"""Tiny random models and prompts, built offline from a seed.

Hugging Face starts biases at zero and gains at one, where a wrong bias or gain changes nothing: here every
parameter is random.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch
from torch import nn
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)

from edgewise.tasks.prompts import PromptPair, PromptSet
from tiny_lens import LENS_FAMILIES
from tiny_lens import MAX_POSITIONS as MAX_POSITIONS
from tiny_lens import VOCABULARY as VOCABULARY

ModelT = TypeVar("ModelT", bound=PreTrainedModel)


def gpt2(
    *, dtype: torch.dtype = torch.float64, seed: int = 0, attention: str = "sdpa", **config: Any
) -> GPT2LMHeadModel:
    """GPT-2: LayerNorm, learned positions, fused q k v, plain MLP, sequential blocks."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "n_positions": MAX_POSITIONS,
        "n_layer": 3,
        "n_head": 4,
        "n_embd": 32,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return finish(GPT2LMHeadModel, GPT2Config(**settings | config), dtype, seed, attention)


def llama(
    *, dtype: torch.dtype = torch.float64, seed: int = 0, attention: str = "sdpa", **config: Any
) -> LlamaForCausalLM:
    """Llama: RMSNorm, rotary, 4 heads on 2 key/value heads, gated MLP, sequential blocks."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "max_position_embeddings": MAX_POSITIONS,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return finish(LlamaForCausalLM, LlamaConfig(**settings | config), dtype, seed, attention)


def gpt_neox(
    *, dtype: torch.dtype = torch.float64, seed: int = 0, attention: str = "sdpa", **config: Any
) -> GPTNeoXForCausalLM:
    """GPT-NeoX: LayerNorm, rotary on half of each head, interleaved q k v, plain MLP, parallel blocks."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "max_position_embeddings": MAX_POSITIONS,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "hidden_size": 32,
        "intermediate_size": 64,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        "use_parallel_residual": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return finish(GPTNeoXForCausalLM, GPTNeoXConfig(**settings | config), dtype, seed, attention)


def gemma2(
    *, dtype: torch.dtype = torch.float64, seed: int = 0, attention: str = "eager", **config: Any
) -> Gemma2ForCausalLM:
    """Gemma 2: RMSNorm before and after, soft-caps, scaled embedding, first and third layer with a window."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "max_position_embeddings": MAX_POSITIONS,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "hidden_size": 32,
        "intermediate_size": 48,
        "sliding_window": 4,
        "query_pre_attn_scalar": 6,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 5.0,
        "pad_token_id": None,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    # The class knows no other attention: sdpa has no soft-cap.
    return finish(Gemma2ForCausalLM, Gemma2Config(**settings | config), dtype, seed, "eager")


def olmo2(
    *, dtype: torch.dtype = torch.float64, seed: int = 0, attention: str = "sdpa", **config: Any
) -> Olmo2ForCausalLM:
    """OLMo 2: RMSNorm after attention and MLP alone, one norm over the queries of all heads, one over the keys."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "max_position_embeddings": MAX_POSITIONS,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "pad_token_id": None,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return finish(Olmo2ForCausalLM, Olmo2Config(**settings | config), dtype, seed, attention)


HF_FAMILIES: dict[str, Callable[..., PreTrainedModel]] = {
    "gpt2": gpt2,
    "gpt2-scaled-by-layer": partial(gpt2, scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False, n_inner=40),
    "llama-grouped": llama,
    "llama-ungrouped": partial(llama, num_key_value_heads=4),
    "llama-biased-wide-heads": partial(
        llama,
        num_key_value_heads=1,
        head_dim=12,
        attention_bias=True,
        mlp_bias=True,
        tie_word_embeddings=True,
    ),
    "gemma2": gemma2,
    "olmo2": olmo2,
    "gpt-neox-parallel": gpt_neox,
    "gpt-neox-sequential": partial(gpt_neox, use_parallel_residual=False, attention_bias=False),
}
"""Shapes of Hugging Face models."""

FAMILIES: dict[str, Callable[..., nn.Module]] = {**HF_FAMILIES, **LENS_FAMILIES}
"""Every shape of model that the shared tests run over."""

EXACT_FAMILIES = frozenset(name for name in FAMILIES if name.startswith(("gpt2", "lens")))
"""Those whose code stays in float64 throughout; other Hugging Face classes compute some parts in float32."""


def prompts(
    n: int = 7, *, seed: int = 0, min_length: int = 3, max_length: int = 9, several_positions: bool = True
) -> PromptSet:
    """Random pairs of mixed lengths and mixed first differences, very first and very last token included.

    Every third pair reads several positions (if `several_positions`), the others the last token alone.
    """
    draw = random.Random(seed)
    pairs = []
    for row in range(n):
        length = draw.randint(min_length, max_length)
        first = {0: 0, 1: length - 1}.get(row, draw.randrange(length))
        clean = [draw.randrange(VOCABULARY) for _ in range(length)]
        # Tokens after the first difference are redrawn at random, so some of them stay the same.
        other = (clean[first] + draw.randrange(1, VOCABULARY)) % VOCABULARY
        later = [draw.choice([token, draw.randrange(VOCABULARY)]) for token in clean[first + 1 :]]
        ids = draw.sample(range(VOCABULARY), 5)
        positions: tuple[int, ...] = (length - 1,)
        if several_positions and row % 3 == 2:
            positions = tuple(sorted({length - 1, draw.randrange(first, length)}))
        right = 1 + row % 2
        pairs.append(
            PromptPair(
                clean=tuple(clean),
                corrupted=(*clean[:first], other, *later),
                answers=tuple(ids[:right]),
                wrong_answers=tuple(ids[right : right + 1 + row % 3]),
                positions=positions,
                row=row + 1,
            )
        )
    return PromptSet(name="tiny", pairs=tuple(pairs))


def finish(
    kind: Callable[[Any], ModelT], config: PreTrainedConfig, dtype: torch.dtype, seed: int, attention: str
) -> ModelT:
    """Build the model, make every parameter random, and put it in evaluation mode."""
    config._attn_implementation = attention
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
        model.eval()
        # Drawn in float64 whatever the model's dtype: one seed is one model, rounded.
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                noise = torch.randn(parameter.shape, dtype=torch.float64)
                is_gain = parameter.ndim == 1 and name.endswith("weight")
                # Gains start at one; Gemma's, which are added to one, at zero.
                parameter.copy_(parameter.mean() + 0.3 * noise if is_gain else 0.2 * noise)
    model.to(dtype)
    return model
