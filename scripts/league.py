"""How well each attribution method estimates exact effects on the demo model: a table for every task.

    python scripts/league.py [--prompts 50] [--tasks ioi docstring] [--methods eap secant]

Exact effects are those of every edge patched alone, on the same prompts. Printed: Pearson correlation with them,
Spearman correlation of absolute values, overlap of the 20 largest, and CPU time by EAP's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.stats import pearsonr, spearmanr

from edgewise import load_model, make_task, patch_edges, score_edges
from edgewise.attribution import METHODS

TASKS = ("ioi", "docstring", "greater-than", "induction")
TOP = 20


def quality(scores: np.ndarray, exact: np.ndarray) -> tuple[float, float, float]:
    """Pearson, Spearman of sizes, and the share of the largest exact effects among the largest scores."""
    mine, true = (set(np.argsort(-np.abs(values))[:TOP]) for values in (scores, exact))
    size = spearmanr(np.abs(scores), np.abs(exact)).statistic
    return float(pearsonr(scores, exact).statistic), float(size), len(mine & true) / TOP


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    options = parser.parse_args()
    model = load_model("demo")
    for task in options.tasks:
        prompts = make_task(task, model, n=options.prompts, seed=options.seed)
        exact = patch_edges(model, prompts)
        edges = model.graph.mask
        base = timed(model, prompts, "eap")[0]
        print(f"{task}: {options.prompts} prompts\n{'method':20} Pearson Spearman top-{TOP}  time")
        for method in options.methods:
            seconds, scores = timed(model, prompts, method)
            pearson, spearman, top = quality(scores[edges], exact.values[edges])
            print(f"{method:20} {pearson:7.3f} {spearman:8.3f} {top:6.2f} {seconds / base:5.2f}", flush=True)
        print()


def timed(model, prompts, method: str, times: int = 2) -> tuple[float, np.ndarray]:  # type: ignore[no-untyped-def]
    """The least seconds of some calls, and the scores."""
    best = float("inf")
    for _ in range(times if method != "eap-ig-activations" else 1):
        start = time.process_time()
        scores = score_edges(model, prompts, method=method)
        best = min(best, time.process_time() - start)
    return best, scores.values


if __name__ == "__main__":
    main()
