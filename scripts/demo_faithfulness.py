"""How much of the behaviour the demo model's best IOI edges keep: the figure in the README.

    python scripts/demo_faithfulness.py

Edges are scored on discovery prompts. On held-out prompts, every edge outside the circuit is patched (resample
ablation), and the metric is compared with that of the clean run and of the run with every edge patched:
faithfulness = (m(circuit) - m(empty)) / (m(full) - m(empty)).
"""

from __future__ import annotations

import torch

from edgewise import Circuit, Model, PromptSet, get_metric, load_model, make_task, score_edges, top_n
from edgewise.engine.batches import Batch, arrange, take
from edgewise.engine.patch import patched_logits
from edgewise.engine.replacement import resample

SIZES = (20, 40, 60, 80, 100, 150)


def mean_metric(model: Model, prompts: PromptSet, circuit: Circuit) -> float:
    """The metric's mean over prompts with every edge outside the circuit patched."""
    metric, values = get_metric(prompts.metric), []
    mask = torch.tensor(model.graph.mask & ~circuit.mask)
    order = arrange(prompts.pairs)
    while len(values) < len(order):
        batch = Batch.of([prompts.pairs[i] for i in take(order, prompts.pairs, len(values), 50)], model.device)
        logits = patched_logits(model, resample(model, batch), mask[None])[0]
        values += metric(logits, batch.metric).tolist()
    return sum(values) / len(values)


def faithfulness(sizes: tuple[int, ...] = SIZES, n: int = 200) -> dict[int, float]:
    """Faithfulness of the circuits of the best edges, on held-out prompts."""
    model = load_model("demo")
    scores = score_edges(model, make_task("ioi", model, n=100))
    held_out = make_task("ioi", model, n=n, split="held-out")
    full, empty = (mean_metric(model, held_out, circuit(model.graph)) for circuit in (Circuit.full, Circuit.empty))
    found = {size: mean_metric(model, held_out, top_n(scores, size)) for size in sizes}
    return {size: (value - empty) / (full - empty) for size, value in found.items()}


if __name__ == "__main__":
    for size, share in faithfulness().items():
        print(f"top {size:3} edges: {share:.3f}")
