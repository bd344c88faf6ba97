"""EAP of a model of 1.2 billion parameters' shape against its bound: time and memory, in one process.

The shape is Llama 3.2 1B's (16 layers of width 2048, 32 heads on 8 key/value heads, MLP of width 8192, vocabulary
128,256), its weights random; 16 pairs of 32 tokens that differ from the first on. The bound is that of
`eap.py`, all prompts in one batch; EAP is run in the micro-batches that it takes where nobody says. Seconds are the
processor's, of one thread; memory is what a pass adds to the model, from the kernel's peak, which is begun anew before
each pass. Each side is run as often as asked, alternating; the least of its seconds and of its memory counts.

    python benchmarks/large_model.py                           # float32, and its rows of large_model.json anew
    python benchmarks/large_model.py --dtype bfloat16
    python benchmarks/large_model.py --micro-batches 0,4,16    # others beside the default, which is 0
    python benchmarks/large_model.py --layers 4                # shown, not kept: the same width, a quarter of the time
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cases import Case, prompts
from eap import bound
from transformers import LlamaConfig, LlamaForCausalLM

from edgewise import Model, PromptPair, load_model, score_edges
from edgewise.attribution import attribute
from edgewise.settings.conditions import Conditions

RESULTS = Path(__file__).with_suffix(".json")
SHAPE: dict[str, Any] = {
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 8192,
    "vocab_size": 128_256,
    "tie_word_embeddings": True,
}


def made(dtype: torch.dtype, layers: int) -> LlamaForCausalLM:
    """The model, with weights that repeat some millions of random numbers: drawing each would take a minute."""
    with torch.device("meta"):
        module = LlamaForCausalLM(LlamaConfig(**SHAPE | {"num_hidden_layers": layers})).to(dtype)
    module.to_empty(device="cpu")
    module.tie_weights()
    draw = (0.02 * torch.randn(4_194_304, generator=torch.Generator().manual_seed(0))).to(dtype)
    for parameter in module.parameters():
        flat = parameter.data.view(-1)
        for first in range(0, len(flat), len(draw)):
            flat[first : first + len(draw)] = draw[: len(flat) - first]
        if parameter.ndim == 1:
            parameter.data.fill_(1.0)
    module.model.rotary_emb = type(module.model.rotary_emb)(config=module.config)
    return module.eval().requires_grad_(False)


def memory(field: str) -> float:
    """VmRSS or VmHWM of this process, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def once(work: Callable[[], object], model_mb: float) -> tuple[float, float]:
    """Processor seconds of some work, and MB of memory above the model's at its peak."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    began = time.process_time()
    work()
    return time.process_time() - began, memory("VmHWM") - model_mb


def measured(dtype: str, layers: int, micro_batches: Sequence[int], repeats: int) -> dict[str, Any]:
    """The bound in one batch, and EAP in micro-batches, alternating; 0 is the default one."""
    case = Case(lambda: made(getattr(torch, dtype), layers), pairs=16, length=32, first_difference=0, batch_size=16)
    model: Model = load_model(case.build())
    pairs, model_mb = prompts(case, model.vocab_size), memory("VmRSS")
    default = by_default(model, pairs)
    sizes = list(dict.fromkeys(size or default for size in micro_batches))
    work: dict[int, Callable[[], object]] = {0: partial(bound, model.module, pairs, case.batch_size)}
    work |= {size: partial(eap, model, pairs, None if size == default else size) for size in sizes}
    found: dict[int, list[tuple[float, float]]] = {size: [] for size in work}
    for _ in range(repeats):
        for size in work:
            found[size].append(once(work[size], model_mb))
            sys.stderr.write(f"{f'eap by {size}' if size else 'bound'}: {found[size][-1]}\n")
    least = {size: [min(column) for column in zip(*values, strict=True)] for size, values in found.items()}
    bound_s, bound_mb = least.pop(0)
    return {
        "parameters": sum(parameter.numel() for parameter in model.module.parameters()),
        "dtype": dtype,
        "edges": model.graph.n_edges,
        "model_mb": round(sum(p.numel() * p.element_size() for p in model.module.parameters()) / 1e6),
        "bound_s": round(bound_s, 2),
        "bound_adds_mb": round(bound_mb),
        "default": default,
        "eap": [
            {
                "micro_batch": size,
                "s": round(seconds, 2),
                "ratio": round(seconds / bound_s, 3),
                "adds_mb": round(peak),
                "memory_ratio": round(peak / bound_mb, 3),
            }
            for size, (seconds, peak) in least.items()
        ],
    }


def eap(model: Model, pairs: Sequence[PromptPair], batch_size: int | None) -> None:
    """The work of the other side."""
    score_edges(model, pairs, method="eap", conditions=Conditions(batch_size=batch_size))


def by_default(model: Model, pairs: Sequence[PromptPair]) -> int:
    """The prompts at a time that EAP takes where nobody says."""
    return next(iter(attribute(model, pairs, method="eap"))).batch_size


def main() -> None:
    """Measure one type, and keep what was found of the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--layers", type=int, default=SHAPE["num_hidden_layers"])
    parser.add_argument("--micro-batches", default="0", help="with commas; 0 is the default one")
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    row = measured(options.dtype, options.layers, [int(n) for n in options.micro_batches.split(",")], options.repeats)
    print(json.dumps(row))
    if options.layers != SHAPE["num_hidden_layers"]:
        return
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    rows = [*(one for one in kept if one["dtype"] != options.dtype), row]
    RESULTS.write_text(json.dumps(sorted(rows, key=lambda one: one["dtype"]), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
