"""ACDC against plain forward passes, in one process.

The plain pass is the untouched model with the unembedding at the answer alone. ``ratio`` is the time of the whole
search, the clean and corrupted runs included, by tested edge and by the time of one plain pass of all prompts, timed in
between.

    python benchmarks/acdc.py
    python benchmarks/acdc.py --case gpt2 --seconds 120
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence

import torch
from cases import CASES
from patch import plain, timed
from torch import nn

from edgewise.engine.run.batches import Batch
from edgewise.models import Model
from edgewise.search.acdc.search import search
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair

# name -> case of eap.py, prompts; metric -> thresholds (each keeps another share of the edges)
SEARCHES = {
    "attn-only": ("attn-only", 40, {"kl": (1e-5, 3e-6), "logit-diff": (1e-3, 5e-4)}),
    "gpt2": ("batch8", 8, {"kl": (1e-5,), "logit-diff": (1e-3,)}),
}

# case -> seconds an edge that others take on two cores like these; figures of an earlier comparison, not run here
PEERS = {"gpt2": {"auto-circuit": 0.54, "original": 1.66}}


def main() -> None:
    """Run every search and print one JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=SEARCHES, action="append")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop each search after so long")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tau", type=float, action="append")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.case or SEARCHES:
        case, n_prompts, metrics = SEARCHES[name]
        model, pairs = CASES[case].prepare()
        module, pairs = model.module, pairs[:n_prompts]
        for metric, thresholds in metrics.items():
            for tau in options.tau or thresholds:
                row = searched(name, module, model, pairs, metric, tau, options.seconds)
                print(json.dumps({"case": name, "metric": metric, "tau": tau, **row}), flush=True)


def searched(
    case: str, module: nn.Module, model: Model, pairs: Sequence[PromptPair], metric: str, tau: float, most: float
) -> dict[str, object]:
    """Run one search, at most so many seconds, with plain passes in between."""
    ids = Batch.of(pairs, model.device).clean
    plain(module, ids)
    least = [timed(lambda: plain(module, ids)) for _ in range(3)]
    begun, pause = time.perf_counter(), 0.0
    state = None
    for number, now in enumerate(
        search(model, pairs, tau, metric=metric, conditions=Conditions(batch_size=len(pairs)))
    ):
        state = now
        if number % 40 == 0:
            least.append(timed(lambda: plain(module, ids)))
            pause += least[-1]
        if time.perf_counter() - begun > most:
            break
    assert state is not None
    seconds = time.perf_counter() - begun - pause
    tested, once = len(state.trace), statistics.median(least)
    once_an_edge = seconds / tested
    return {
        "finished": state.finished,
        "tested": tested,
        "edges": model.graph.n_edges,
        "kept_share": round(sum(step.kept for step in state.trace) / tested, 3),
        "runs": state.runs,
        "ratio": round(seconds / tested / once, 3),
        "seconds": round(seconds, 1),
        "seconds_an_edge": round(once_an_edge, 4),
        # Were every edge tested, as where all are kept; untested edges cost nothing.
        "at_most_s": round(once_an_edge * model.graph.n_edges),
        "peers_s": {peer: round(each * model.graph.n_edges) for peer, each in PEERS.get(case, {}).items()},
        "plain_s": round(once, 4),
    }


if __name__ == "__main__":
    main()
