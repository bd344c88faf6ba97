"""Edge attribution patching against its lower bound, in one process, alternating.

The bound is what any method of two forward passes and one backward pass must spend on the untouched model:

1. a forward pass on the corrupted prompts, without gradients;
2. a forward pass on the clean prompts;
3. a backward pass from the metric, with respect to activations only: parameters need no gradient.

Both sides run the plain Hugging Face model with the attention implementation that is fastest here, evaluate the
unembedding at the answer position alone, and use the same micro-batches and threads.

    python benchmarks/eap.py                     # every case, one JSON line each, then a table
    python benchmarks/eap.py --case batch8 --repeats 11
    python benchmarks/eap.py --store             # and benchmarks/bound.json, which docs/scale.md shows

The two real models are measured where `python scripts/real_models.py smollm2 gemma3 --to models` has put them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from cases import CASES, REAL_CASES, Case, RealCase
from torch import Tensor, nn

from edgewise import Model, score_edges
from edgewise.engine.run.batches import divide
from edgewise.models.lens import LensTransformer
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair

RESULTS = Path(__file__).with_name("bound.json")
EVERY: dict[str, Case | RealCase] = {**CASES, **REAL_CASES}


def bound(module: nn.Module, pairs: Sequence[PromptPair], batch_size: int) -> None:
    """Two forward passes and one backward pass of the plain model, micro-batch by micro-batch.

    Rows of a micro-batch that are shorter than its longest are padded on the right, as ours are.
    """
    embeddings, head = first_and_last(module)
    reads: list[Tensor] = []

    def at_answer(_: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
        # Contiguous, or torch multiplies row by row.
        return (args[0][torch.arange(len(args[0])), reads[0]][:, None].contiguous(),)

    read = head.register_forward_pre_hook(at_answer)
    leaf = embeddings.register_forward_hook(lambda _, __, out: out.detach().requires_grad_(torch.is_grad_enabled()))
    try:
        for rows, batch in divide(pairs, batch_size, torch.device("cpu")):
            reads[:] = [batch.positions[:, 0]]
            with torch.no_grad():
                module(input_ids=batch.corrupted, use_cache=False)
            logits = module(input_ids=batch.clean, use_cache=False).logits[:, 0]
            each = range(len(rows))
            right, wrong = ([getattr(pairs[row], side)[0] for row in rows] for side in ("answers", "wrong_answers"))
            (logits[each, right] - logits[each, wrong]).sum().backward()
    finally:
        read.remove()
        leaf.remove()


def first_and_last(module: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The token embedding and the unembedding."""
    if isinstance(module, LensTransformer):
        return module.embed, module.unembed
    return module.get_input_embeddings(), module.get_output_embeddings()


def sides(case: Case | RealCase) -> dict[str, Callable[[], object]]:
    """The work of either side on a case."""
    model, pairs = case.prepare()
    return {
        "bound": lambda: bound(model.module, pairs, case.batch_size),
        "ours": lambda: ours(model, pairs, case.batch_size),
    }


def ours(model: Model, pairs: Sequence[PromptPair], batch_size: int) -> object:
    """The scores of every edge."""
    return score_edges(model, pairs, conditions=Conditions(batch_size=batch_size), method="eap", metric="logit-diff")


def measure(name: str, repeats: int) -> dict[str, object]:
    """Time both sides, alternating: the medians, and the median and quartiles of the paired ratios."""
    seconds: dict[str, list[float]] = {"bound": [], "ours": []}
    both = sides(EVERY[name])
    for turn in range(repeats + 1):
        for side, work in both.items():
            began = time.perf_counter()
            work()
            if turn:
                seconds[side].append(time.perf_counter() - began)
    ratios = [mine / least for mine, least in zip(seconds["ours"], seconds["bound"], strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    peaks = {side: peak_of(name, side) for side in both}
    return {
        "case": name,
        "threads": torch.get_num_threads(),
        "ratio": round(ratio, 3),
        "quartiles": [round(low, 3), round(high, 3)],
        "ours_s": round(statistics.median(seconds["ours"]), 4),
        "bound_s": round(statistics.median(seconds["bound"]), 4),
        "peak_ratio": round(peaks["ours"] / peaks["bound"], 3),
        "ours_peak_mb": round(peaks["ours"]),
        "bound_peak_mb": round(peaks["bound"]),
    }


def peak_of(name: str, side: str) -> float:
    """Peak resident memory in MB of a fresh process that does one side's work once."""
    threads = str(torch.get_num_threads())
    command = [sys.executable, __file__, "--case", name, "--peak", side, "--threads", threads]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def run_once(name: str, side: str) -> None:
    """Do one side's work in this process and print the process's peak memory in MB."""
    sides(EVERY[name])[side]()
    # VmHWM begins anew with the process; getrusage would inherit the parent's peak.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def store(rows: Sequence[dict[str, Any]]) -> None:
    """Put measurements in the place of those of the same case and number of threads."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    known = {(row["case"], row["threads"]): row for row in [*kept, *rows]}
    ordered = sorted(known.values(), key=lambda row: (list(EVERY).index(row["case"]), row["threads"]))
    lines = ",\n".join(f" {json.dumps(row)}" for row in ordered)
    RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=EVERY, action="append")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--store", action="store_true", help=f"write {RESULTS.name}")
    parser.add_argument("--peak", choices=("ours", "bound"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        run_once(options.case[0], options.peak)
        return
    results = []
    for name in options.case or [*CASES, *(name for name, case in REAL_CASES.items() if case.is_here)]:
        results.append(measure(name, options.repeats))
        print(json.dumps(results[-1]), flush=True)
    if options.store:
        store(results)
    print(f"\n{'case':14} {'ratio':>6} {'quartiles':>14} {'ours s':>8} {'bound s':>8} {'peak ratio':>10}")
    for row in results:
        low, high = row["quartiles"]
        spread = f"{low:.3f} to {high:.3f}"
        seconds = f"{row['ours_s']:8} {row['bound_s']:8}"
        print(f"{row['case']:14} {row['ratio']:6} {spread:>14} {seconds} {row['peak_ratio']:10}")


if __name__ == "__main__":
    main()
