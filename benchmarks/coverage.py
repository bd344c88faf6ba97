"""Count how often the stated error of `eap+exact` holds on the stored exact effects of real models.

    python benchmarks/coverage.py --model models/gemma-3-270m-q4_k_m.gguf models/SmolLM2-135M-Instruct.Q4_1.gguf

For each pair and budget the lot is drawn anew 500 times; what it draws, and what is certain, are read from the stored
effects. Of effects of a sample the measured edges are taken for all there are. Columns: edges measured for certain and
drawn; R2 of all scores and its limit (medians); the share of draws in which R2 is the limit or more, which should be
.85 or more; Pearson's correlation of all scores; the share of the 100 largest exact effects that is among the 100
largest scores, and its estimate (means), where enough is drawn for one.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from effects_files import EFFECTS, SETTLED, files_of

from edgewise import load_model, make_task
from edgewise.models import Model
from edgewise.runs.store.effects import StoredEffects, read_effects
from edgewise.search.exact.choice import Doubt
from edgewise.search.exact.refining import refining
from edgewise.search.exact.refining_state import RefiningState
from edgewise.search.exact.spending import EAP, Spending
from edgewise.search.exact.stated import recall, stated

BUDGETS: tuple[float | None, ...] = (None, 5.0, 10.0, 20.0)
# Three forward passes, a backward one and the products, of a part of the prompts.
SECOND = 6.5
TOP = 100
NAMES = ("certain", "drawn", "r2", "limit", "holds", "pearson", "recall", "recall_estimate")


def main() -> None:
    """Print a row for each pair and budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [row for path in options.model for row in covered(path, options.draws)]
    if options.json is not None:
        options.json.write_text(json.dumps({"draws": options.draws, "rows": rows}, indent=1) + "\n")


def covered(path: str, draws: int) -> list[dict[str, Any]]:
    """The rows of one model."""
    model, rows = load_model(path), []
    for file in files_of(path, EFFECTS):
        effects = read_effects(file)
        state, exact = estimated(model, effects), effects.scores().values
        for budget in BUDGETS:
            row = {"pair": file.stem, "settled": file.stem in SETTLED, "budget": budget}
            row |= drawn_anew(state, exact, budget, draws)
            rows.append(row)
            print("{pair:22} {budget!s:>5} certain {certain:>4} drawn {drawn:>4}".format(**row), end="  ")
            print("R2 {r2:.3f} limit {limit:.3f} holds {holds:.2f}  r {pearson:.3f}".format(**row), end="  ")
            estimate = "" if row["recall_estimate"] is None else f", estimated {row['recall_estimate']:.2f}"
            print(f"top {TOP} {row['recall']:.2f}{estimate}", flush=True)
    return rows


def estimated(model: Model, effects: StoredEffects) -> RefiningState:
    """Both estimates on the very prompts of the effects, one edge measured."""
    about = effects.about
    prompts = make_task(about.task, model, n=about.n, seed=about.seed, options=about.options)
    if prompts.fingerprint() != about.prompts:
        sys.exit(f"{about.model}, {about.task}: the task makes other prompts now; measure the effects anew")
    *_, last = refining(model, prompts, Spending(1))
    return last


def drawn_anew(state: RefiningState, exact: np.ndarray, budget: float | None, draws: int) -> dict[str, Any]:
    """Medians over draws, and how often the limit holds."""
    unsure, estimates = state.unsure, state.estimates.scores().values
    assert unsure is not None
    assert state.second is not None
    sizes = np.where(np.isnan(exact), np.nan, unsure.sizes)
    second = SECOND * state.second.total / state.first.total
    (spend,) = Spending(budget=budget).rounds(EAP, second, state.first.graph.n_edges)
    found = []
    for seed in range(draws):
        choice = spend.choose(Doubt(sizes, unsure.costs, seed))
        said = stated(choice, sizes, estimates, exact)
        scores = np.where(choice.measured, exact, estimates)[choice.known]
        true = exact[choice.known]
        r2 = 1 - ((true - scores) ** 2).sum() / ((true - true.mean()) ** 2).sum()
        limit, pearson = np.nan if said is None else said.r2_low, np.corrcoef(scores, true)[0, 1]
        numbers = (choice.certain.sum(), choice.drawn.sum(), r2, limit, r2 >= limit, pearson)
        first = [set(np.argsort(-np.abs(values), kind="stable")[:TOP].tolist()) for values in (scores, true)]
        estimated = recall(choice, estimates, exact, TOP)
        found.append((*numbers, len(first[0] & first[1]) / TOP, np.nan if estimated is None else estimated))
    table = np.array(found, dtype=float)
    medians = dict(zip(NAMES, np.median(table, axis=0).tolist(), strict=True))
    means = dict(zip(NAMES, table.mean(axis=0).tolist(), strict=True))
    whole = {name: int(medians[name]) for name in ("certain", "drawn")}
    said_of = {name: None if np.isnan(means[name]) else means[name] for name in ("recall", "recall_estimate")}
    return medians | whole | {"holds": means["holds"]} | said_of


if __name__ == "__main__":
    main()
