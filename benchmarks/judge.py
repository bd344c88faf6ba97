"""Hold methods against the stored exact effects of real models, on the very prompts that these were measured on.

    python benchmarks/judge.py --model models/gemma-3-270m-q4_k_m.gguf --methods eap secant-mid eap:exact=24
    python benchmarks/judge.py --model A.gguf B.gguf --set settle --methods eap --cmd --json results.json

Columns: Pearson's correlation with the exact effects, Spearman's of sizes, the share of right signs among the 100
largest scores, the share of the 100 largest effects among them, and the time by EAP's. Of effects of a sample they are
estimates for all edges. Time is CPU time of all threads, the median ratio of runs of EAP and the method in turn, after
one that warms up. --cmd adds the area between the faithfulness of the
best edges and 1 on as many held-out prompts.

Which pairs are for settling a method's settings and which for reporting it: README.md in this folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from effects_files import EFFECTS, SETTLED, files_of

from edgewise import Conditions, EdgewiseError, RunConfig, evaluate_circuit, load_model, make_task, top_fraction
from edgewise.evaluation.stored_sample import agreement_with_sample
from edgewise.graph import EdgeScores
from edgewise.models import Model
from edgewise.runs.contest.entrants import NOTHING, Entrant, entrants
from edgewise.runs.discover import known
from edgewise.runs.identity import model_identity
from edgewise.runs.methods import method_of
from edgewise.runs.store.effects import About, StoredEffects, read_effects
from edgewise.tasks import PromptSet

TOP = 100
COLUMNS = ("pearson", "spearman_of_sizes", "sign_agreement_of_top", "recall")
SHOWN = ("Pearson", "Spearman |.|", f"sign {TOP}", f"top {TOP}", "CMD", "time")


def main() -> None:
    """Judge every method on every pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--methods", nargs="+", required=True, help="as `edgewise league` takes them")
    parser.add_argument("--tasks", nargs="+", help="by default all that are stored")
    parser.add_argument("--set", choices=("settle", "report", "all"), default="all")
    parser.add_argument("--effects", type=Path, default=EFFECTS)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cmd", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows: list[dict[str, Any]] = []
    for path in options.model:
        files = [file for file in files_of(path, options.effects) if _asked(file, options.tasks, options.set)]
        for row in judged(path, files, options.methods, options.repeats, options.cmd):
            rows.append(row)
            show(row)
    summarise(rows, options.methods)
    if options.json is not None:
        merged(options.json, rows)


def merged(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows into a file that may hold others; those of the same method and pair are replaced."""
    there = json.loads(path.read_text())["rows"] if path.is_file() else []
    every = {(row["model"], row["task"], row["method"]): row for row in (*there, *rows)}
    path.write_text(json.dumps({"rows": [every[key] for key in sorted(every)]}, indent=1) + "\n")


def _asked(file: Path, tasks: Sequence[str] | None, which: str) -> bool:
    settled = file.stem in SETTLED
    return (which == "all" or settled == (which == "settle")) and (
        tasks is None or read_effects(file).about.task in tasks
    )


def judged(
    path: str, files: Sequence[Path], methods: Sequence[str], repeats: int, with_cmd: bool
) -> Iterator[dict[str, Any]]:
    """One row for each pair and method."""
    if not files:
        return
    model, digest = load_model(path), model_identity(RunConfig(path, task="ioi"))["model"]
    for file in files:
        effects = read_effects(file)
        if effects.about.digest != digest:
            sys.exit(f"{file}: of another model file than {path}")
        prompts = prompts_of(effects.about, model, file)
        base = RunConfig(path, task=effects.about.task, n=effects.about.n, seed=effects.about.seed)
        timed(replace(base, method="eap"), model, prompts)  # warms up
        for one in entrants(methods, base, rows=NOTHING):
            try:
                row = row_of(one, base, model, prompts, effects, repeats)
                if with_cmd:
                    row["cmd"] = cmd_of(row["scores"], model, effects.about)
            except EdgewiseError as error:
                row = {"refused": str(error)}
            row.pop("scores", None)
            yield {"model": effects.about.model, "task": effects.about.task, "method": one.name, **row}


def prompts_of(about: About, model: Model, file: Path, split: str | None = None) -> PromptSet:
    """The prompts that the effects were measured on, or as many of the other split."""
    prompts = make_task(
        about.task, model, n=about.n, seed=about.seed, split=split or about.split, options=about.options
    )
    if split is None and prompts.fingerprint() != about.prompts:
        sys.exit(f"{file}: its prompts are not those that the task makes now; measure the effects anew")
    return prompts


def row_of(
    one: Entrant, base: RunConfig, model: Model, prompts: PromptSet, effects: StoredEffects, repeats: int
) -> dict[str, Any]:
    """Numbers of one method on one pair."""
    (config,) = one.configs(base, base.metric or prompts.metric).values()
    ratios, seconds = [], []
    for _ in range(repeats):
        _, of_eap = timed(replace(base, method="eap"), model, prompts)
        scores, taken = timed(config, model, prompts)
        ratios.append(taken / of_eap)
        seconds.append(taken)
    found = agreement_with_sample(
        scores.values[effects.graph.mask], effects.effect, effects.edge, effects.probability, TOP
    )
    numbers = {name: getattr(found, name).value for name in COLUMNS}
    return {
        **numbers,
        "time": round(statistics.median(ratios), 3),
        "seconds": round(statistics.median(seconds), 3),
        "measured": len(effects.edge),
        "edges": effects.graph.n_edges,
        "scores": scores,
    }


def timed(config: RunConfig, model: Model, prompts: PromptSet) -> tuple[EdgeScores, float]:
    """Scores as `edgewise discover` makes them, and CPU seconds."""
    config = known(config)
    method = method_of(config)
    start = time.process_time()
    *_, state = method.states(config, model, prompts, Conditions(), None)
    scores = state.scores()
    assert isinstance(scores, EdgeScores)
    return scores, time.process_time() - start


def cmd_of(scores: EdgeScores, model: Model, about: About) -> float | None:
    """CMD on held-out prompts."""
    held_out = prompts_of(about, model, Path(), "held-out")
    found = evaluate_circuit(model, held_out, top_fraction(scores, 0.1), scores=scores, random=0)
    return None if found.curve is None else found.curve.cmd


def show(row: dict[str, Any]) -> None:
    """Print one row."""
    name = f"{row['model'][:14]:14} {row['task']:12} {row['method']:24}"
    if "refused" in row:
        print(f"{name} {row['refused']}", flush=True)
        return
    values = [*(row[column] for column in COLUMNS), row.get("cmd")]
    print(
        name,
        *(f"{value:8.3f}" if value is not None else " " * 8 for value in values),
        f"{row['time']:7.2f}x",
        flush=True,
    )


def summarise(rows: Sequence[dict[str, Any]], methods: Sequence[str]) -> None:
    """Print the worst of every method over all pairs."""
    for method in methods:
        mine = [row for row in rows if row["method"] == method and "refused" not in row]
        if not mine:
            continue
        worst = [min((row[column] for row in mine if row[column] is not None), default=None) for column in COLUMNS]
        words = ", ".join(f"{name} {value:.3f}" for name, value in zip(SHOWN, worst, strict=False) if value is not None)
        print(f"worst of {len(mine)} pairs, {method}: {words}; time at most {max(row['time'] for row in mine):.2f}x")


if __name__ == "__main__":
    main()
