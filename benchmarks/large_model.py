"""EAP of a model of 1.2 billion parameters' shape against its bound: time and memory, in one process.

The shape is Llama 3.2 1B's (16 layers of width 2048, 32 heads on 8 key/value heads, MLP of width 8192, vocabulary
128,256), its weights random; 16 pairs of 32 tokens that differ from the first on. The bound is that of
`eap.py`, all prompts in one batch; EAP is run in micro-batches of 6 and of 4. Seconds are the processor's, of one
thread; memory is what a pass adds to the model, from the kernel's peak, which is begun anew before each pass.

    python benchmarks/large_model.py                    # float32, and large_model.json anew
    python benchmarks/large_model.py --dtype bfloat16
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cases import Case, prompts
from eap import bound
from transformers import LlamaConfig, LlamaForCausalLM

from edgewise import Model, load_model, score_edges
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
# Micro-batches of EAP, one after the other; 0 is the bound, all prompts in one.
ORDER = (0, 6, 0, 4)


def made(dtype: torch.dtype) -> LlamaForCausalLM:
    """The model, with weights that repeat some millions of random numbers: drawing each would take a minute."""
    with torch.device("meta"):
        module = LlamaForCausalLM(LlamaConfig(**SHAPE)).to(dtype)
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


def measured(dtype: str) -> dict[str, Any]:
    """The bound in one batch, and EAP in micro-batches, alternating."""
    case = Case(lambda: made(getattr(torch, dtype)), pairs=16, length=32, first_difference=0, batch_size=16)
    model: Model = load_model(case.build())
    pairs, model_mb = prompts(case, model.vocab_size), memory("VmRSS")

    def eap(batch_size: int) -> None:
        score_edges(model, pairs, method="eap", conditions=Conditions(batch_size=batch_size))

    found: dict[str, list[tuple[float, float]]] = {}
    for size in ORDER:
        side = f"eap by {size}" if size else "bound"
        work = partial(eap, size) if size else partial(bound, model.module, pairs, case.batch_size)
        found.setdefault(side, []).append(once(work, model_mb))
        sys.stderr.write(f"{side}: {found[side][-1]}\n")
    least, adds = (min(column) for column in zip(*found.pop("bound"), strict=True))
    rows = {side: [min(column) for column in zip(*values, strict=True)] for side, values in found.items()}
    return {
        "parameters": sum(parameter.numel() for parameter in model.module.parameters()),
        "dtype": dtype,
        "edges": model.graph.n_edges,
        "model_mb": round(sum(p.numel() * p.element_size() for p in model.module.parameters()) / 1e6),
        "bound_s": round(least, 2),
        "bound_adds_mb": round(adds),
        "eap": [
            {
                "micro_batch": int(side.rpartition(" ")[2]),
                "s": round(seconds, 2),
                "ratio": round(seconds / least, 3),
                "adds_mb": round(peak),
                "memory_ratio": round(peak / adds, 3),
            }
            for side, (seconds, peak) in rows.items()
        ],
    }


def main() -> None:
    """Measure one type, and keep what was found of the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args()
    torch.set_num_threads(1)
    row = measured(options.dtype)
    print(json.dumps(row))
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    rows = [*(one for one in kept if one["dtype"] != options.dtype), row]
    RESULTS.write_text(json.dumps(sorted(rows, key=lambda one: one["dtype"]), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
