"""Exact effects of single edges against plain forward passes, in one process, alternating.

The plain pass is the untouched model with the unembedding at the answer alone. Edges are drawn from every place at
which a run begins (a layer's attention, its MLP, the logits), at least five each, and weighted by how many the place
has: the ratio is the time of one edge and prompt, averaged over all edges of the model, by that of one plain forward
pass of a prompt.

    python benchmarks/exact.py
    python benchmarks/exact.py --edges 2000
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict

import numpy as np
import torch
from cases import CASES
from patch import plain, timed

from edgewise import get_metric
from edgewise.engine.run.batches import Batch
from edgewise.search.exact.patching import Measure
from edgewise.search.exact.targets import Targets

LEAST = 5


def main() -> None:
    """Time a stratified sample of edges and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model, pairs = CASES["batch32"].prepare()
    module = model.module
    batch = Batch.of(pairs, model.device)
    targets = Targets.edges(model.graph)
    strata: dict[int, list[int]] = defaultdict(list)
    for target, group in enumerate(targets.groups):
        strata[group].append(target)
    draw = np.random.default_rng(0)
    measure = Measure(model, get_metric("logit-diff"), targets, "edge")
    opened = measure.open(batch)
    opening = timed(lambda: measure.open(batch))
    plain(module, batch.clean)
    queue = []
    for group, members in strata.items():
        count = max(LEAST, round(options.edges * len(members) / len(targets)))
        queue += [(group, int(target)) for target in draw.choice(members, min(count, len(members)), replace=False)]
    draw.shuffle(queue)
    ratios: dict[int, list[float]] = defaultdict(list)
    seconds, least = 0.0, []
    for number, (group, target) in enumerate(queue):
        if number % 5 == 0:
            least.append(timed(lambda: plain(module, batch.clean)))
        ours = timed(lambda target=target: opened.measure([target]))
        ratios[group].append(ours / statistics.median(least[-5:]))
        seconds += ours
    weights = {group: len(strata[group]) / len(targets) for group in strata}
    mean = sum(weights[group] * statistics.mean(ratios[group]) for group in strata)
    middle = sum(weights[group] * statistics.median(ratios[group]) for group in strata)
    row = {
        "case": "exact patching",
        "edges": len(queue),
        "ratio": round(mean + opening / statistics.median(least) / len(targets), 3),
        "ratio_of_medians": round(middle, 3),
        "plain_s": round(statistics.median(least), 4),
        "opening_s": round(opening, 3),
    }
    print(json.dumps(row), flush=True)
    by_layer = {str(group): round(statistics.median(ratios[group]), 3) for group in sorted(strata)}
    print(json.dumps({"case": "by place", **by_layer}), flush=True)


if __name__ == "__main__":
    main()
