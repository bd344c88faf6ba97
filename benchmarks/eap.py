"""Edge attribution patching against its lower bound, in one process, alternating.

The bound is what any method of two forward passes and one backward pass must spend on the untouched model:

1. a forward pass on the corrupted prompts, without gradients;
2. a forward pass on the clean prompts;
3. a backward pass from the metric, with respect to activations only: parameters need no gradient.

Both sides run the plain Hugging Face model with the attention implementation that is fastest here, evaluate the
unembedding at the answer position alone, and use the same micro-batches and threads.

    python benchmarks/eap.py                     # every case, one JSON line each, then a table
    python benchmarks/eap.py --case batch8 --repeats 11
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
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

from edgewise import load_model, score_edges
from edgewise.models.lens import LensTransformer
from edgewise.models.lens.dialects import read_config
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair


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


def bound(model: nn.Module, case: Case, pairs: list[PromptPair]) -> None:
    """Two forward passes and one backward pass of the plain model, micro-batch by micro-batch."""
    embeddings, head = first_and_last(model)
    # Contiguous, or torch multiplies row by row.
    at_answer = head.register_forward_pre_hook(lambda _, args: (args[0][:, -1:].contiguous(),))
    leaf = embeddings.register_forward_hook(lambda _, __, out: out.detach().requires_grad_(torch.is_grad_enabled()))
    try:
        for start in range(0, len(pairs), case.batch_size):
            rows = pairs[start : start + case.batch_size]
            clean, corrupted = (torch.tensor([getattr(row, side) for row in rows]) for side in ("clean", "corrupted"))
            with torch.no_grad():
                model(input_ids=corrupted, use_cache=False)
            logits = model(input_ids=clean, use_cache=False).logits[:, -1]
            (logits[:, 1] - logits[:, 2]).sum().backward()
    finally:
        at_answer.remove()
        leaf.remove()


def first_and_last(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The token embedding and the unembedding."""
    if isinstance(model, LensTransformer):
        return model.embed, model.unembed
    return model.get_input_embeddings(), model.get_output_embeddings()


def measure(name: str, repeats: int) -> dict[str, object]:
    """Time both sides, alternating, and return the medians and the median of the paired ratios."""
    case = CASES[name]
    module, pairs, ours = prepare(case)
    seconds: dict[str, list[float]] = {"ours": [], "bound": []}
    for turn in range(repeats + 1):
        for side, work in (("bound", lambda: bound(module, case, pairs)), ("ours", ours)):
            began = time.perf_counter()
            work()
            if turn:
                seconds[side].append(time.perf_counter() - began)
    ratios = [mine / least for mine, least in zip(seconds["ours"], seconds["bound"], strict=True)]
    peaks = {side: peak_of(name, side) for side in ("ours", "bound")}
    return {
        "case": name,
        "ratio": round(statistics.median(ratios), 3),
        "ours_s": round(statistics.median(seconds["ours"]), 4),
        "bound_s": round(statistics.median(seconds["bound"]), 4),
        "peak_ratio": round(peaks["ours"] / peaks["bound"], 3),
        "ours_peak_mb": round(peaks["ours"]),
        "bound_peak_mb": round(peaks["bound"]),
    }


def prepare(case: Case) -> tuple[nn.Module, list[PromptPair], Callable[[], object]]:
    """The model with frozen parameters, the prompts, and our side's work."""
    torch.manual_seed(0)
    module = case.build().eval().requires_grad_(False)
    model = load_model(module)
    pairs = prompts(case, model.vocab_size)
    return (
        module,
        pairs,
        lambda: score_edges(model, pairs, conditions=Conditions(batch_size=case.batch_size), method="eap"),
    )


def peak_of(name: str, side: str) -> float:
    """Peak resident memory in MB of a fresh process that does one side's work once."""
    command = [
        sys.executable,
        __file__,
        "--case",
        name,
        "--peak",
        side,
        "--threads",
        str(torch.get_num_threads()),
    ]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_once(name: str, side: str) -> None:
    """Do one side's work in this process and print the process's peak memory in MB."""
    case = CASES[name]
    module, pairs, ours = prepare(case)
    ours() if side == "ours" else bound(module, case, pairs)
    # VmHWM begins anew with the process; getrusage would inherit the parent's peak.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def main() -> None:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", choices=("ours", "bound"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        run_once(options.case[0], options.peak)
        return
    results = []
    for name in options.case or CASES:
        results.append(measure(name, options.repeats))
        print(json.dumps(results[-1]), flush=True)
    print(f"\n{'case':14} {'ratio':>6} {'ours s':>8} {'bound s':>8} {'peak ratio':>10}")
    for row in results:
        print(f"{row['case']:14} {row['ratio']:6} {row['ours_s']:8} {row['bound_s']:8} {row['peak_ratio']:10}")


if __name__ == "__main__":
    main()
