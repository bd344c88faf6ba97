"""Runs with a set of edges patched against a plain forward pass, in one process, alternating.

The plain pass is the untouched model with the unembedding at the answer alone. The corrupted activations are cached, as
they are for whoever evaluates many circuits on one batch.

    python benchmarks/patch.py
    python benchmarks/patch.py --repeats 15
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from cases import CASES
from eap import first_and_last
from torch import Tensor, nn

from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample

# name -> share of the edges that are patched, number of circuits
SETS = {
    "half": (0.5, 1),
    "top 1 % kept": (0.99, 1),
    "1 % patched": (0.01, 1),
    "20 circuits, half": (0.5, 20),
    "20 circuits, top 1 % kept": (0.99, 20),
    "20 circuits, 1 % patched": (0.01, 20),
}


@torch.no_grad()
def plain(model: nn.Module, ids: Tensor) -> None:
    """One forward pass with the unembedding at the last position alone."""
    _, head = first_and_last(model)
    handle = head.register_forward_pre_hook(lambda _, args: (args[0][:, -1:].contiguous(),))
    try:
        model(input_ids=ids, use_cache=False)
    finally:
        handle.remove()


def timed(work: Callable[[], object]) -> float:
    """Seconds that a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Time every set of edges and print one JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model, pairs = CASES["batch32"].prepare()
    module = model.module
    batch = Batch.of(pairs, model.device)
    baseline = resample(model, batch)
    draw = torch.Generator().manual_seed(0)
    exists = torch.tensor(model.graph.mask)
    for name, (share, count) in SETS.items():
        masks = (torch.rand(count, *exists.shape, generator=draw) < share) & exists
        ratios = []
        for turn in range(options.repeats + 1):
            least = timed(lambda: plain(module, batch.clean))
            ours = timed(lambda masks=masks: patched_logits(model, baseline, masks)) / count
            ratios += [ours / least] if turn else []
        row = {"case": name, "ratio": round(statistics.median(ratios), 3), "plain_s": round(least, 4)}
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
