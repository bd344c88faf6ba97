"""KL against size: circuits of several methods at five sizes, on held-out prompts that chose nothing.

python benchmarks/circuits.py --model demo --tasks ioi greater-than --out benchmarks/circuits.json
python benchmarks/circuits.py --model model.gguf --tasks ioi --methods eap eap-ig-inputs:kl fading:kl
python benchmarks/circuits.py --model planted:4 --tasks planted --methods fading:kl --ends acdc:0.1 masks:1
python benchmarks/circuits.py --show

`--methods` are rankings. `--ends` are methods that give one circuit each, `acdc:TAU`, `eap-acdc:TAU` (on the best
quarter by EAP) and `masks:LAMBDA` (edge masks of subnetwork probing, 1,000 steps): each is measured at its own size,
and fading's circuit of that size, a rung of its own,
beside it. Every row (model, task, method) is written as soon as it is there, and rows
that the file has are not made again. `--show` prints the tables of `docs/circuits.md`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgewise import Circuit, EdgeScores, Model, load_model, make_task, score_edges
from edgewise.evaluation.ablation import baselines
from edgewise.evaluation.circuit_runs import KL, METRIC, CircuitRuns
from edgewise.evaluation.measures import faithfulness
from edgewise.evaluation.smallest.search import KeptAtSizes
from edgewise.graph.arrays import BoolArray
from edgewise.graph.selection import top_n
from edgewise.metrics import get_metric
from edgewise.report.charts.sizes import Curve, sizes_chart
from edgewise.report.files import picture_files
from edgewise.report.picture.circuit import Heading
from edgewise.search.acdc.eap_acdc import first_scores
from edgewise.search.acdc.search import acdc
from edgewise.search.fading import Fading, fade
from edgewise.search.probing import Training, probe
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
    parser.add_argument("--methods", nargs="*", default=list(METHODS), help="NAME or NAME:METRIC")
    parser.add_argument("--ends", nargs="*", default=[], help="acdc:TAU, eap-acdc:TAU or masks:LAMBDA")
    parser.add_argument("--show", action="store_true", help="print the table that the file holds")
    parser.add_argument("--n", type=int, default=32, help="prompts that choose")
    parser.add_argument("--held-out", type=int, default=100, help="prompts that are measured on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/circuits.json"))
    parser.add_argument("--pictures", type=Path, help="folder for a picture a task")
    options = parser.parse_args()
    rows = json.loads(options.out.read_text()) if options.out.exists() else []
    if options.show:
        print(table(rows))
        return
    torch.set_num_threads(options.threads)
    name, model = Path(options.model).stem, None
    for task in options.tasks:
        for method in (*options.methods, *options.ends):
            if any((row["model"], row["task"], row["method"]) == (name, task, method) for row in rows):
                continue
            model = model or load_model(options.model)
            rows.append({"model": name, "task": task, "method": method} | measured(model, task, method, options))
            options.out.write_text("[\n" + ",\n".join(f" {json.dumps(row)}" for row in rows) + "\n]\n")
            print(json.dumps(rows[-1]), flush=True)
        if options.pictures:
            curves = [row for row in rows if (row["model"], row["task"]) == (name, task) and not ends(row["method"])]
            draw(curves, options.pictures)


def measured(model: Model, task: str, method: str, options: argparse.Namespace) -> dict[str, Any]:
    """Rank all edges, and measure the best of them at every size; or find one circuit, and measure it."""
    chooses = make_task(task, model, n=options.n)
    held_out = make_task(task, model, n=options.held_out, split="held-out")
    found = end(model, chooses, held_out, method) if ends(method) else ranking(model, chooses, held_out, method)
    return {"edges": model.graph.n_edges, "n": options.n, "held_out": options.held_out, **found}


def ranking(model: Model, chooses: PromptSet, held_out: PromptSet, method: str) -> dict[str, Any]:
    """The row of a ranking."""
    begun = time.process_time()
    scores = ranked(model, chooses, method)
    found: dict[str, Any] = {"cpu_seconds": round(time.process_time() - begun, 1)}
    if model.circuit is not None:
        size = model.circuit.n_edges
        found |= {"known_size": size, "known": n_known(model, top_n(scores, size))}
    sizes = [max(1, round(fraction * model.graph.n_edges)) for fraction in FRACTIONS]
    none, *points = curve(model, [empty(model), *(top_n(scores, size).mask for size in sizes)], held_out)
    return {**found, "empty_kl": none["kl"], "points": points}


def end(model: Model, chooses: PromptSet, held_out: PromptSet, method: str) -> dict[str, Any]:
    """The row of a method that gives one circuit."""
    begun = time.process_time()
    circuit = ended(model, chooses, method)
    done = time.process_time()
    other = top_n(fade(model, chooses, Fading(rung=circuit.n_edges)), circuit.n_edges)
    seconds = {"cpu_seconds": done - begun, "fading_cpu_seconds": time.process_time() - done}
    found: dict[str, Any] = {key: round(value, 1) for key, value in seconds.items()}
    if model.circuit is not None:
        found |= {"known_size": model.circuit.n_edges, "known": n_known(model, circuit)}
        found |= {"fading_known": n_known(model, other)}
    none, own, beside = curve(model, [empty(model), circuit.mask, other.mask], held_out)
    return {**found, "empty_kl": none["kl"], "points": [own], "fading": [beside]}


def ends(method: str) -> bool:
    """Whether a method gives one circuit and no ranking."""
    return method.split(":")[0] in ("acdc", "eap-acdc", "masks")


def ended(model: Model, prompts: PromptSet, method: str) -> Circuit:
    """The circuit at which a method ends, ``name:number``."""
    name, _, number = method.partition(":")
    if name == "masks":
        return probe(model, prompts, Training(float(number), "edge", steps=1000, rate=0.05)).circuit()
    start = None
    if name == "eap-acdc":
        start = top_n(first_scores(model, prompts, "kl"), round(0.25 * model.graph.n_edges))
    return acdc(model, prompts, float(number), start=start).circuit()


def n_known(model: Model, circuit: Circuit) -> int:
    """How many edges of the known circuit a circuit has."""
    assert model.circuit is not None
    return int((circuit.mask & model.circuit.mask).sum())


def empty(model: Model) -> BoolArray:
    """No edge kept."""
    return np.zeros_like(model.graph.mask)


def ranked(model: Model, prompts: PromptSet, method: str) -> EdgeScores:
    """The scores of a method, ``name`` or ``name:metric``."""
    name, _, metric = method.partition(":")
    if name == "fading":
        return fade(model, prompts, metric=metric or "kl")
    found = score_edges(model, prompts, method=name, metric=metric or None)
    assert isinstance(found, EdgeScores)
    return found


def curve(model: Model, masks: list[BoolArray], prompts: PromptSet) -> list[dict[str, Any]]:
    """KL and faithfulness of some circuits; the first is the empty one."""
    kept = KeptAtSizes("edges", tuple(int(mask.sum()) for mask in masks), tuple(masks))
    opened = baselines(model, prompts.pairs, "resample", 1)
    work = CircuitRuns(model, get_metric(prompts.metric), kept, opened, with_accuracy=False)
    done = start(model, prompts.pairs, work, Conditions())
    for filled in fill(model, prompts.pairs, work, done):
        done = filled
    metric, kl, full = done.values[METRIC], done.values[KL], done.of_prompts[METRIC]
    found = []
    for number, size in enumerate(kept.keys):
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


def table(rows: list[dict[str, Any]]) -> str:
    """The tables of rankings and of ends, as Markdown."""
    lines = ["| model, task | method | by EAP's time | " + " | ".join(f"{f:.0%}" for f in FRACTIONS) + " |"]
    lines.append("|" + " --- |" * (len(FRACTIONS) + 3))
    for model, task in dict.fromkeys((row["model"], row["task"]) for row in rows if not ends(row["method"])):
        of_pair = [row for row in rows if (row["model"], row["task"]) == (model, task) and not ends(row["method"])]
        rankings = [row for row in of_pair if not row["method"].startswith("fading")]
        eap = next((row["cpu_seconds"] for row in rankings if row["method"] == "eap"), None)
        for row in of_pair:
            times = f"{row['cpu_seconds'] / eap:.0f}" if eap else "-"
            cells = [f"{one['kl']:.3g} / {one['faithfulness']:.2f}" for one in row["points"]]
            lines.append("| " + " | ".join([f"{model}, {task}", f"`{row['method']}`", times, *cells]) + " |")
        fading = next((row for row in of_pair if row["method"].startswith("fading")), None)
        if fading and rankings:
            best = [min(row["points"][k]["kl"] for row in rankings) for k in range(len(fading["points"]))]
            shares = [
                f"{one['kl'] / least:.2f}" if least > 0 else "-"
                for one, least in zip(fading["points"], best, strict=True)
            ]
            lines.append("| " + " | ".join([f"{model}, {task}", "fading by the best ranking", "", *shares]) + " |")
    lines += ["", "| model, task | method | edges | KL | fading's KL at that size | time by fading's |"]
    lines.append("|" + " --- |" * 6)
    for row in rows:
        if ends(row["method"]):
            own, beside = row["points"][0], row["fading"][0]
            numbers = [str(own["size"]), f"{own['kl']:.3g}", f"{beside['kl']:.3g}"]
            times = f"{row['cpu_seconds'] / row['fading_cpu_seconds']:.1f}"
            lines.append(
                "| " + " | ".join([f"{row['model']}, {row['task']}", f"`{row['method']}`", *numbers, times]) + " |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
