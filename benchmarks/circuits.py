"""KL against size: circuits of several methods at four sizes, on held-out prompts that chose nothing.

python benchmarks/circuits.py --model demo --tasks ioi greater-than --out benchmarks/circuits.json
python benchmarks/circuits.py --model model.gguf --tasks ioi --methods eap eap-ig-inputs:kl fading:kl

Every row (model, task, method) is written as soon as it is there, and rows that the file has are not made again. Beside
the table goes its picture, one a model and task.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgewise import EdgeScores, Model, load_model, make_task, score_edges
from edgewise.evaluation.ablation import baselines
from edgewise.evaluation.circuit_runs import KL, METRIC, CircuitRuns
from edgewise.evaluation.measures import faithfulness
from edgewise.evaluation.smallest.search import KeptAtSizes
from edgewise.graph.selection import top_n
from edgewise.metrics import get_metric
from edgewise.report.charts.sizes import Curve, sizes_chart
from edgewise.report.files import picture_files
from edgewise.report.picture.circuit import Heading
from edgewise.search.fading import fade
from edgewise.search.table.fill import fill, start
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptSet

FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2)
METHODS = ("eap", "eap-secant", "secant-mid:kl", "eap-ig-inputs:kl", "fading:kl")


def main() -> None:
    """Fill the table, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--tasks", nargs="+", default=["ioi"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="NAME or NAME:METRIC")
    parser.add_argument("--n", type=int, default=32, help="prompts that choose")
    parser.add_argument("--held-out", type=int, default=100, help="prompts that are measured on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/circuits.json"))
    parser.add_argument("--pictures", type=Path, help="folder for a picture a task")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = json.loads(options.out.read_text()) if options.out.exists() else []
    name, model = Path(options.model).stem, None
    for task in options.tasks:
        for method in options.methods:
            if any((row["model"], row["task"], row["method"]) == (name, task, method) for row in rows):
                continue
            model = model or load_model(options.model)
            rows.append({"model": name, "task": task, "method": method} | measured(model, task, method, options))
            options.out.write_text("[\n" + ",\n".join(f" {json.dumps(row)}" for row in rows) + "\n]\n")
            print(json.dumps(rows[-1]), flush=True)
        if options.pictures:
            draw([row for row in rows if (row["model"], row["task"]) == (name, task)], options.pictures)


def measured(model: Model, task: str, method: str, options: argparse.Namespace) -> dict[str, Any]:
    """Rank all edges, and measure the best of them at every size."""
    chooses = make_task(task, model, n=options.n)
    begun = time.process_time()
    scores = ranked(model, chooses, method)
    seconds = time.process_time() - begun
    sizes = [0, *(round(fraction * model.graph.n_edges) for fraction in FRACTIONS)]
    points = curve(model, scores, sizes, make_task(task, model, n=options.held_out, split="held-out"))
    facts = {"edges": model.graph.n_edges, "n": options.n, "held_out": options.held_out}
    return {**facts, "cpu_seconds": round(seconds, 1), "empty_kl": points[0]["kl"], "points": points[1:]}


def ranked(model: Model, prompts: PromptSet, method: str) -> EdgeScores:
    """The scores of a method, ``name`` or ``name:metric``."""
    name, _, metric = method.partition(":")
    if name == "fading":
        return fade(model, prompts, metric=metric or "kl")
    found = score_edges(model, prompts, method=name, metric=metric or None)
    assert isinstance(found, EdgeScores)
    return found


def curve(model: Model, scores: EdgeScores, sizes: list[int], prompts: PromptSet) -> list[dict[str, Any]]:
    """KL and faithfulness of the best edges at each size; the first size is 0."""
    empty = np.zeros_like(model.graph.mask)
    masks = tuple(top_n(scores, size).mask if size else empty for size in sizes)
    kept = KeptAtSizes("edges", tuple(sizes), masks)
    opened = baselines(model, prompts.pairs, "resample", 1)
    work = CircuitRuns(model, get_metric(prompts.metric), kept, opened, with_accuracy=False)
    table = start(model, prompts.pairs, work, Conditions())
    for filled in fill(model, prompts.pairs, work, table):
        table = filled
    metric, kl, full = table.values[METRIC], table.values[KL], table.of_prompts[METRIC]
    found = []
    for number, size in enumerate(sizes):
        share, spread = faithfulness(metric[:, number], full, metric[:, 0])
        numbers = {"kl": kl[:, number].mean(), "kl_stderr": kl[:, number].std(ddof=1) / np.sqrt(len(kl))}
        rounded = {key: round(float(value), 5) for key, value in numbers.items()}
        shares = {"faithfulness": round(share or 0.0, 4), "stderr": round(spread or 0.0, 4)}
        found.append({"size": size, **rounded, **shares})
    return found


def draw(rows: list[dict[str, Any]], folder: Path) -> None:
    """The picture of one model and task."""
    folder.mkdir(parents=True, exist_ok=True)
    first = rows[0]
    lines = (f"{first['n']} prompts chose, {first['held_out']} held-out ones measured · {first['edges']:,} edges",)
    curves = [Curve(row["method"], tuple((one["size"], one["kl"]) for one in row["points"])) for row in rows]
    heading = Heading(f"KL against size: {first['model']} on {first['task']}", lines, "nats")
    for file, content in picture_files(f"sizes-{first['model']}-{first['task']}", sizes_chart(curves, heading)).items():
        if file.endswith(".svg"):
            (folder / file).write_bytes(content)


if __name__ == "__main__":
    main()
