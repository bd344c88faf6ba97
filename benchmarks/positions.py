"""Circuits with and without places in the prompt, at equal size: how much of the behaviour they keep.

python benchmarks/positions.py --model model.gguf --name gemma-3-270m --task ioi --out benchmarks/positions.json

Scores are of one pass over the discovery prompts, kept apart by span. A circuit with places is the first n edges at
places of that ranking; one without is the first edges by the same method's plain scores (the sums over places, but
where some are measured), each of which counts as many times as there are places at which it has a score that is not
zero, up to n. Both are measured on held-out prompts, with every edge outside patched by the corrupted prompt's value:
faithfulness of the logit difference, and the KL divergence from the whole model. Written anew for some methods of one
model, the file keeps the others. The table and the picture of docs/positions.md
are `table` and `picture` of that file.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import divide
from edgewise.engine.run.metric_gradient import metric_values
from edgewise.engine.run.replacement import resample
from edgewise.graph import EdgeScores
from edgewise.metrics import METRICS
from edgewise.models import Model, load_model
from edgewise.report.charts.sizes import Curve, sizes_chart
from edgewise.report.files import picture_svg
from edgewise.report.picture.circuit import Heading
from edgewise.runs.prompts import make_task
from edgewise.search import score_edges
from edgewise.tasks import PromptSet
from edgewise.tasks.places import by_place

SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
METHODS: dict[str, dict[str, Any]] = {"eap": {}, "eap-ig-inputs": {"settings": {"steps": 5}}, "eap+exact": {}}


def masks_of(scores: EdgeScores, plainly: EdgeScores) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Circuits with and without places by turns, and their sizes: edges at places, and pairs of ends of both."""
    values = np.nan_to_num(scores.values)
    real = values != 0
    with_places, sums = np.abs(values), np.abs(np.nan_to_num(plainly.values))
    order = np.argsort(-with_places, axis=None, kind="stable")
    plain = np.argsort(-sums, axis=None, kind="stable")
    counts = real.sum(-1).reshape(-1)[plain].cumsum()
    found, sizes = [], []
    for share in SHARES:
        n = int(share * real.sum())
        apart = np.zeros(values.size, dtype=bool)
        apart[order[:n]] = True
        whole = np.zeros(sums.size, dtype=bool)
        kept = int(np.searchsorted(counts, n, side="right"))
        whole[plain[:kept]] = True
        pair = apart.reshape(values.shape), np.repeat(whole.reshape(sums.shape)[..., None], values.shape[-1], -1)
        found += pair
        sizes.append((n, int(pair[0].any(-1).sum()), kept))
    return np.stack(found), sizes


def measured(model: Model, prompts: PromptSet, kept: np.ndarray, batch_size: int) -> dict[str, np.ndarray]:
    """Metric and KL of the whole model, of none of its edges and of every circuit, ``[2 + n, prompts]``."""
    exists = torch.tensor(np.repeat(model.graph.mask[..., None], kept.shape[-1], -1))
    ends = torch.stack([torch.zeros_like(exists), exists])
    patched = torch.cat([ends, exists & ~torch.tensor(kept)])
    metric, kl = METRICS.load("logit-diff"), METRICS.load("kl")
    parts: dict[str, list[torch.Tensor]] = {"metric": [], "kl": []}
    for _, batch in divide(prompts.pairs, batch_size, model.device):
        baseline = resample(model, batch)
        logits = [patched_logits(model, baseline, mask[None])[0] for mask in patched]
        for name, one in (("metric", metric), ("kl", kl)):
            parts[name].append(torch.stack([metric_values(one, each, batch.metric, logits[0]) for each in logits]))
    return {name: torch.cat(some, 1).double().numpy() for name, some in parts.items()}


def rows_of(found: dict[str, np.ndarray], sizes: list[tuple[int, int, int]]) -> list[dict[str, Any]]:
    """What is written: one row a size."""
    full, none, *circuits = found["metric"].mean(1)
    kept = [(one - none) / (full - none) for one in circuits]
    kls = found["kl"].mean(1)[2:]
    rows = []
    for number, (share, (n, ends, plain)) in enumerate(zip(SHARES, sizes, strict=True)):
        at, whole = 2 * number, 2 * number + 1
        rows.append(
            {
                "share": share,
                "edges_at_places": n,
                "with_places": {"edges": ends, "faithfulness": round(kept[at], 4), "kl": round(float(kls[at]), 4)},
                "without": {"edges": plain, "faithfulness": round(kept[whole], 4), "kl": round(float(kls[whole]), 4)},
            }
        )
    return rows


def table(every: dict[str, Any]) -> str:
    """The table of docs/positions.md."""
    lines = [
        "| model, ranking | edges at places | faithfulness with places | without | KL with | without |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, of_model in every.items():
        for method, rows in of_model["methods"].items():
            for row in rows:
                apart, whole = row["with_places"], row["without"]
                cells = [f"{name.partition(' ')[0]}, {method}", f"{row['edges_at_places']:,}"]
                cells += [f"{one['faithfulness']:.2f}" for one in (apart, whole)]
                cells += [f"{one['kl']:.2f}" for one in (apart, whole)]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def picture(of_model: dict[str, Any], title: str) -> str:
    """KL by size with and without places, as SVG."""
    curves = [
        Curve(f"{method}, {words}", tuple((row["edges_at_places"], row[side]["kl"]) for row in rows))
        for method, rows in of_model["methods"].items()
        for side, words in (("with_places", "edges at places"), ("without", "edges over all positions"))
    ]
    return picture_svg(sizes_chart(curves, Heading(title, ("equal numbers of edges at places; held-out prompts",))))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--model", required=True)
    asked.add_argument("--name", required=True)
    asked.add_argument("--task", default="ioi")
    asked.add_argument("--out", default="benchmarks/positions.json")
    asked.add_argument("--n", type=int, default=24)
    asked.add_argument("--batch-size", type=int, default=8)
    asked.add_argument("--methods", nargs="*", default=list(METHODS))
    given = asked.parse_args()
    model = load_model(given.model)
    plain, held = (make_task(given.task, model, n=given.n, split=split) for split in ("discovery", "held-out"))
    found, held = by_place(plain, "spans"), by_place(held, "spans")
    path, name = Path(given.out), f"{given.name} {given.task}"
    every = json.loads(path.read_text()) if path.is_file() else {}
    by_method = every.get(name, {}).get("methods", {})
    begun = time.time()
    for method in given.methods:
        scores = score_edges(model, found, method=method, **METHODS[method])
        assert isinstance(scores, EdgeScores)
        plainly = score_edges(model, plain, method=method, **METHODS[method]) if "+" in method else scores.plain
        assert isinstance(plainly, EdgeScores)
        masks, sizes = masks_of(scores, plainly)
        by_method[method] = rows_of(measured(model, held, masks, given.batch_size), sizes)
        print(method, f"{time.time() - begun:.0f} s", json.dumps(by_method[method], indent=1))
        every[name] = {"prompts": given.n, "places": len(scores.graph.places), "methods": by_method}
        path.write_text(json.dumps(every, indent=1) + "\n")


if __name__ == "__main__":
    main()
