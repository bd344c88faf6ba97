"""The models and prompts that benchmarks run on: shapes with random weights, and real models with their own prompts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from edgewise import Model, load_model, make_task
from edgewise.models.lens import LensTransformer
from edgewise.models.lens.dialects import read_config
from edgewise.tasks import PromptPair

# Where `scripts/real_models.py --to models` puts them.
REAL_MODELS = Path("models")


@dataclass(frozen=True)
class Case:
    """One benchmark case.

    Args:
        build: makes the model, with random weights.
        pairs: number of prompt pairs.
        length: tokens a prompt.
        first_difference: the first position at which the pairs differ; every later position differs too.
        batch_size: prompts a micro-batch, for us and for the bound.
    """

    build: Callable[[], nn.Module]
    pairs: int
    length: int
    first_difference: int
    batch_size: int

    def prepare(self) -> tuple[Model, list[PromptPair]]:
        """The model with frozen parameters, and the prompts."""
        torch.manual_seed(0)
        model = load_model(self.build().eval().requires_grad_(False))
        return model, prompts(self, model.vocab_size)


@dataclass(frozen=True)
class RealCase:
    """A real model with a task's prompts as its tokenizer cuts them, of several lengths and first differences.

    Args:
        file: the model's file, as `scripts/real_models.py` names it.
        task: a built-in task.
        pairs: number of prompt pairs.
        batch_size: prompts a micro-batch, for us and for the bound.
    """

    file: str
    task: str
    pairs: int
    batch_size: int

    def prepare(self) -> tuple[Model, list[PromptPair]]:
        """The model with frozen parameters, and the prompts."""
        model = load_model(str(REAL_MODELS / self.file))
        model.module.requires_grad_(False)
        return model, list(make_task(self.task, model, n=self.pairs).pairs)

    @property
    def is_here(self) -> bool:
        """Whether the model was fetched."""
        return (REAL_MODELS / self.file).is_file()


def gpt2_small() -> nn.Module:
    """GPT-2 small's shape."""
    return GPT2LMHeadModel(GPT2Config())


def llama_gqa() -> nn.Module:
    """Eight Llama layers of width 1024: 16 heads on 4 key/value heads, gated MLP of width 2816."""
    return LlamaForCausalLM(
        LlamaConfig(
            num_hidden_layers=8,
            hidden_size=1024,
            num_attention_heads=16,
            num_key_value_heads=4,
            intermediate_size=2816,
            vocab_size=32_000,
        )
    )


def gemma2() -> nn.Module:
    """Gemma 2's blocks at width 1024: norms before and after, soft-caps, 8 heads on 4 key/value heads."""
    return Gemma2ForCausalLM(
        Gemma2Config(
            num_hidden_layers=8,
            hidden_size=1024,
            num_attention_heads=8,
            num_key_value_heads=4,
            head_dim=128,
            intermediate_size=4096,
            vocab_size=32_000,
        )
    )


def qwen3() -> nn.Module:
    """Eight layers of Qwen3-0.6B's shape: 16 heads of width 128 on 8 key/value heads, queries and keys normed."""
    return Qwen3ForCausalLM(
        Qwen3Config(
            num_hidden_layers=8,
            hidden_size=1024,
            num_attention_heads=16,
            num_key_value_heads=8,
            head_dim=128,
            intermediate_size=3072,
            vocab_size=32_000,
        )
    )


def attn_only_4l() -> nn.Module:
    """The shape of attn-only-4l, the paper's Docstring model: 4 layers of 8 heads, width 512, no MLP."""
    config = {
        "n_layers": 4,
        "d_model": 512,
        "d_head": 64,
        "n_heads": 8,
        "n_ctx": 1024,
        "d_vocab": 48_262,
        "attn_only": True,
    }
    return LensTransformer(read_config(config, "attn-only-4l"))


CASES = {
    "batch8": Case(gpt2_small, pairs=32, length=15, first_difference=2, batch_size=8),
    "batch32": Case(gpt2_small, pairs=32, length=15, first_difference=2, batch_size=32),
    "shared-prefix": Case(gpt2_small, pairs=32, length=64, first_difference=48, batch_size=8),
    "attn-only": Case(attn_only_4l, pairs=40, length=41, first_difference=11, batch_size=40),
    "llama-gqa": Case(llama_gqa, pairs=16, length=32, first_difference=0, batch_size=16),
    "gemma2": Case(gemma2, pairs=16, length=32, first_difference=0, batch_size=16),
    "qwen3": Case(qwen3, pairs=16, length=32, first_difference=0, batch_size=16),
}
REAL_CASES = {
    "smollm2-ioi": RealCase("SmolLM2-135M-Instruct.Q4_1.gguf", "ioi", pairs=32, batch_size=16),
    "gemma3-ioi": RealCase("gemma-3-270m-q4_k_m.gguf", "ioi", pairs=32, batch_size=16),
}


def prompts(case: Case, vocab_size: int) -> list[PromptPair]:
    """Random token pairs that differ from the case's first difference on."""
    generator = torch.Generator().manual_seed(0)

    def draw(count: int) -> list[int]:
        return torch.randint(0, vocab_size, (count,), generator=generator).tolist()

    pairs = []
    for _ in range(case.pairs):
        shared, rest = draw(case.first_difference), draw(case.length - case.first_difference)
        other = [
            token if token != old else (old + 1) % vocab_size for token, old in zip(draw(len(rest)), rest, strict=True)
        ]
        right, wrong = 1, 2
        pairs.append(PromptPair(shared + rest, shared + other, (right,), (wrong,)))
    return pairs
