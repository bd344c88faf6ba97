"""Heads and neurons of real models: time by EAP's, estimates against exact effects, circuits of growing size.

python benchmarks/neurons.py --model models/gemma-3-270m-q4_k_m.gguf --tasks ioi agreement
python benchmarks/neurons.py --show

Every row (model, task, method) is written as soon as it is there, and rows that the file has are not made again. Times
are CPU seconds of one thread, of one process in which EAP of all edges, the scores and the edges of ten neurons take
turns; each round has a ratio of its own, and the table has their median. `--show` prints the tables of
`docs/neurons.md`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from edgewise import (
    Model,
    evaluate_neurons,
    load_model,
    make_task,
    patch_neurons,
    score_edges,
    score_neuron_edges,
    score_neurons,
)
from edgewise.evaluation.agreement import agreement
from edgewise.evaluation.neuron_result import NeuronCurve

METHODS = ("eap", "relp")
MEASURED, FOLLOWED = 20, 10
"""Neurons that are measured, and neurons whose edges are scored."""
SHOWN = (0.002, 0.01, 0.1, 0.5)
NAMED = 3
"""Neurons that are named of each model and task."""
HEADER = (
    "model, task",
    "method",
    "by EAP's time",
    "with edges",
    "r of 20",
    "heads alone",
    *(f"{what} {100 * share:g}%" for what in ("nodes", "neurons") for share in SHOWN),
)


def main() -> None:
    """Fill the file, or print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--tasks", nargs="+", default=["ioi"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--show", action="store_true", help="print the tables that the file holds")
    parser.add_argument("--n", type=int, default=24, help="prompts that choose")
    parser.add_argument("--held-out", type=int, default=32, help="prompts that are measured on")
    parser.add_argument("--rounds", type=int, default=3, help="how often times are taken")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/neurons.json"))
    options = parser.parse_args()
    rows = json.loads(options.out.read_text()) if options.out.exists() else []
    if options.show:
        print(f"{table(rows)}\n\n{largest(rows)}")
        return
    torch.set_num_threads(1)
    name, model = Path(options.model).stem, None
    for task in options.tasks:
        for method in options.methods:
            if any((row["model"], row["task"], row["method"]) == (name, task, method) for row in rows):
                continue
            model = model or load_model(options.model)
            rows.append({"model": name, "task": task, "method": method} | measured(model, task, method, options))
            options.out.write_text("[\n" + ",\n".join(f" {json.dumps(row)}" for row in rows) + "\n]\n")
            print(json.dumps(rows[-1]), flush=True)


def measured(model: Model, task: str, method: str, options: argparse.Namespace) -> dict[str, Any]:
    """One row."""
    prompts = make_task(task, model, n=options.n)
    score_edges(model, prompts.pairs[:2], method="eap")  # what the first run of a process takes is nobody's
    scores = score_neurons(model, prompts, method=method)
    best = scores.top_neurons(MEASURED).names
    rounds = [
        (
            timed(lambda: score_edges(model, prompts, method="eap")),
            timed(lambda: score_neurons(model, prompts, method=method)),
            timed(lambda: score_neuron_edges(model, prompts, best[:FOLLOWED])),
        )
        for _ in range(options.rounds)
    ]
    exact = patch_neurons(model, prompts, best)
    found = agreement([scores[name] for name in best], [exact[name] for name in best])
    held_out = make_task(task, model, n=options.held_out, split="held-out")
    size = max(100, scores.graph.n_nodes // 100)
    said = evaluate_neurons(model, held_out, scores.best(size), scores=scores, random=1)
    return {
        "heads": scores.graph.n_heads,
        "neurons": scores.graph.n_neurons,
        "n": len(prompts),
        "held_out": len(held_out),
        "eap_cpu_seconds": [round(eap, 2) for eap, _, _ in rounds],
        "cpu_seconds": [round(seconds, 2) for _, seconds, _ in rounds],
        "edges_cpu_seconds": [round(edges, 2) for _, _, edges in rounds],
        "largest": {name: [round(float(one[name]), 5) for one in (scores, exact)] for name in best},
        "r": found.pearson.value,
        "same_sign": found.sign_agreement.value,
        "full": said.full.metric,
        "empty": said.empty.metric,
        "every_head": said.heads.faithfulness,
        "curves": {curve.what: points(curve) for curve in said.curves},
    }


def timed(make: Callable[[], object]) -> float:
    """The CPU seconds that it takes."""
    begun = time.process_time()
    make()
    return time.process_time() - begun


def points(curve: NeuronCurve) -> list[dict[str, Any]]:
    """The numbers of a curve."""
    return [
        {
            "size": point.size,
            "heads": point.kept.heads,
            "f": point.kept.faithfulness,
            "stderr": point.kept.stderr,
            "kl": point.kept.measured.kl,
            "random": None if point.random is None else point.random.mean,
        }
        for point in curve.points
    ]


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a table of Markdown."""
    lines = [HEADER, ("---",) * len(HEADER), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def largest(rows: list[dict[str, Any]]) -> str:
    """The neurons of largest estimate by EAP, with their exact effects, as a table of Markdown."""
    lines = [("model, task", "metric", "the largest: exact effect (estimate)"), ("---",) * 3]
    for row in rows:
        if row["method"] == "eap":
            named = list(row["largest"].items())[:NAMED]
            said = ", ".join(f"`{name}` {exact:.2f} ({estimate:.2f})" for name, (estimate, exact) in named)
            lines.append((f"{row['model']}, {row['task']}", f"{row['full']:.2f}", said))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['model']}, {row['task']}",
        f"`{row['method']}`",
        f"{median(ratios(row, 'cpu_seconds')):.2f}",
        f"{median(ratios(row, 'cpu_seconds', 'edges_cpu_seconds')):.2f}",
        f"{row['r']:.2f}",
        f"{row['every_head']:.2f}",
        *(_at(row, "nodes", share) for share in SHOWN),
        *(_at(row, "neurons", share) for share in SHOWN),
    )


def ratios(row: dict[str, Any], *parts: str) -> list[float]:
    """Of each round, how many times EAP's time some parts took together."""
    return [sum(times) / eap for eap, *times in zip(row["eap_cpu_seconds"], *map(row.get, parts), strict=True)]


def _at(row: dict[str, Any], what: str, share: float) -> str:
    total = row["neurons"] + (row["heads"] if what == "nodes" else 0)
    point = next(one for one in row["curves"][what] if one["size"] == int(share * total + 1e-9))
    return f"{point['f']:.2f}"


if __name__ == "__main__":
    main()
