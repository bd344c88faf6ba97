"""How cost grows with prompts, length, layers, heads and edges: processor seconds of one thread, and fitted exponents.

A Llama shape with random weights (6 layers of width 256, 8 heads, MLP of width 688; 16 prompts of 32 tokens that
differ from the first on, 8 at a time), one number changed at a time. The least of some repeats counts; an
exponent is the slope of a line through the logarithms. Heads are changed at one width, so that the weights stay; the
edges that follow from layers and heads are told too, and a number of edges is asked for where they are patched one by
one.

    python benchmarks/cost_curves.py                 # and cost_curves.json anew
    python benchmarks/cost_curves.py --by heads
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import Case, prompts
from transformers import LlamaConfig, LlamaForCausalLM

from edgewise import EdgeScores, Model, load_model, patch_edges, score_edges, top_n
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair

RESULTS = Path(__file__).with_suffix(".json")
REPEATS, VOCABULARY = 2, 2000


@dataclass(frozen=True)
class Size:
    """One point of a curve."""

    prompts: int = 16
    length: int = 32
    layers: int = 6
    heads: int = 8
    edges: int = 32

    def model(self) -> Model:
        """Of this size."""
        torch.manual_seed(0)
        config = LlamaConfig(
            num_hidden_layers=self.layers,
            hidden_size=256,
            num_attention_heads=self.heads,
            intermediate_size=688,
            vocab_size=VOCABULARY,
        )
        return load_model(LlamaForCausalLM(config).eval().requires_grad_(False))


# What is changed, through which values, and of what it is told.
CURVES = {
    "prompts": (8, 16, 32),
    "length": (16, 32, 64),
    "layers": (3, 6, 12),
    "heads": (4, 8, 16, 32),
    "edges": (16, 32, 64),
}
Work = Callable[[Model, list[PromptPair], Size], object]
HOW = Conditions(batch_size=8)


def _estimate(method: str) -> Work:
    return lambda model, pairs, size: score_edges(model, pairs, method=method, conditions=HOW)


def _patched(model: Model, pairs: list[PromptPair], size: Size) -> None:
    """One circuit of a tenth of the edges, all others patched."""
    draw = np.random.default_rng(0).normal(size=model.graph.mask.shape)
    kept = top_n(EdgeScores(model.graph, draw), model.graph.n_edges // 10)
    mask = torch.tensor(model.graph.mask & ~kept.mask)[None]
    for first in range(0, len(pairs), 8):
        batch = Batch.of(pairs[first : first + 8], model.device)
        patched_logits(model, resample(model, batch), mask)


def _exact(model: Model, pairs: list[PromptPair], size: Size) -> None:
    """Some edges, drawn by lot, patched one by one."""
    places = np.argwhere(model.graph.mask)
    chosen = np.random.default_rng(0).choice(len(places), size.edges, replace=False)
    names = [model.graph.edge_name(int(i), int(j)) for i, j in places[np.sort(chosen)]]
    patch_edges(model, pairs, only=names, conditions=HOW)


WORK: dict[str, Work] = {
    "eap": _estimate("eap"),
    "eap-secant": _estimate("eap-secant"),
    "a circuit patched": _patched,
    "exact effects": _exact,
}
# What a curve says something of.
OF = {"edges": ("exact effects",)}


def seconds(work: Work, size: Size) -> tuple[float, int]:
    """The least processor time of some repeats, and the edges of the graph."""
    model = size.model()
    case = Case(lambda: model.module, size.prompts, size.length, 0, 8)
    pairs, taken = prompts(case, VOCABULARY), list[float]()
    for _ in range(REPEATS):
        began = time.process_time()
        work(model, pairs, size)
        taken.append(time.process_time() - began)
    return min(taken), model.graph.n_edges


def curve(name: str, what: str) -> dict[str, Any]:
    """One thing measured along one axis."""
    points = []
    for value in CURVES[name]:
        size = replace(Size(), **{name: value})
        spent, n_edges = seconds(WORK[what], size)
        points.append({name: value, "graph_edges": n_edges, "s": round(spent, 4)})
    x, y = (np.log([point[field] for point in points]) for field in (name, "s"))
    found = {"of": what, "by": name, "exponent": round(float(np.polyfit(x, y, 1)[0]), 2), "points": points}
    if name in ("layers", "heads"):
        edges = np.log([point["graph_edges"] for point in points])
        found["exponent_of_graph_edges"] = round(float(np.polyfit(edges, y, 1)[0]), 2)
    return found


def main() -> None:
    """Measure all curves, or those along one axis, and keep what was found of the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--by", choices=CURVES, action="append", help="of all by default")
    axes = parser.parse_args().by or list(CURVES)
    torch.set_num_threads(1)
    found = [curve(name, what) for name in axes for what in OF.get(name, tuple(WORK))]
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    rows = [*(row for row in kept if row["by"] not in axes), *found]
    rows.sort(key=lambda row: (list(CURVES).index(row["by"]), list(WORK).index(row["of"])))
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
