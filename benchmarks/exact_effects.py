"""Measure exact effects of a real model's edges on a task, and store them as a small file to hold methods against.

Of a model of at most 10,000 edges all are measured (or a finished `edgewise discover --method activation-patching` in
the work folder is taken as it is). Of a larger one a sample is: the 1,000 of largest f = max(|eap|, |secant-mid|) for
certain, and 2,000 of the rest drawn without replacement with probabilities half even and half in proportion to f,
which are stored.

    python benchmarks/exact_effects.py --model models/gemma-3-270m-q4_k_m.gguf --task ioi agreement
    python benchmarks/exact_effects.py --model models/SmolLM2-135M-Instruct.Q4_1.gguf --task capitals

What was stopped goes on where it was. Files go to benchmarks/effects, unfinished work to runs/effects.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from effects_files import EFFECTS, file_of

from edgewise import RunConfig, score_edges
from edgewise.errors import ScoreError
from edgewise.graph import EdgeScores
from edgewise.graph.arrays import FloatArray
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import Execution, Progress, Steps
from edgewise.runs.store.effects import About, StoredEffects, write_effects
from edgewise.runs.store.folder import RUN, load_run
from edgewise.runs.store.lock import writing
from edgewise.runs.store.record import MetricSummary, versions
from edgewise.search.exact.patching import CLEAN, CORRUPTED, PatchingState, patching

ALL_UP_TO, CERTAIN, DRAWN, EVEN = 10_000, 1_000, 2_000, 0.5
BY = ("eap", "secant-mid")


def main() -> None:
    """Measure each task in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--task", nargs="+", required=True)
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=EFFECTS)
    parser.add_argument("--work", type=Path, default=Path("runs/effects"))
    options = parser.parse_args()
    for task in options.task:
        config = RunConfig(options.model, task=task, n=options.n, seed=options.seed)
        path = options.out / file_of(options.model, task)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_effects(path, measured(config, options.work / path.stem, Execution(report=Said())))
        print(path, flush=True)


class Said:
    """Says how far a step is, at every twentieth of it."""

    def __init__(self) -> None:
        """Nothing is said yet."""
        self._last: tuple[str, int] = ("", 0)

    def __call__(self, progress: Progress) -> None:
        """Print a line where there is news."""
        now = (progress.step, 20 * progress.done // progress.total if progress.total else 0)
        if now != self._last:
            self._last = now
            print(f"{progress.step} {progress.done:,}/{progress.total or '?'}", file=sys.stderr, flush=True)


def measured(config: RunConfig, work: Path, execution: Execution) -> StoredEffects:
    """The effects of a model's edges on a task's prompts."""
    if (work / RUN).is_file():
        return of_run(work)
    return of_edges(prepare(config, None, Steps(execution.report)), work, execution)


def of_run(folder: Path) -> StoredEffects:
    """Those that a run of activation patching found."""
    run = load_run(folder)
    record, scores = run.record, run.edge_scores
    about = About(
        Path(record.config.model).name,
        record.identity.get("model"),
        record.config.task or record.prompts.name,
        record.config.options,
        record.prompts.n,
        record.config.seed,
        record.config.split,
        record.prompts.fingerprint,
        record.metric,
        "all edges",
        record.versions,
    )
    return StoredEffects.of_scores(scores, np.ones(scores.graph.n_edges), about)


def of_edges(setup: Setup, folder: Path, execution: Execution) -> StoredEffects:
    """Those of all edges, or of a sample."""
    config, model, prompts = setup.config, setup.model, setup.prompts
    folder.mkdir(parents=True, exist_ok=True)
    with writing(folder):
        sample = drawn(folder, setup)
        mask = np.zeros(model.graph.mask.shape, dtype=np.bool_)
        mask[model.graph.mask] = sample.chosen
        state, _ = run_to_end(
            lambda stored: patching(model, prompts, only=mask, stored=stored),
            folder,
            {**setup.key, "sample": sample.words},
            execution.report,
            f"measuring {sample.chosen.sum():,} edges",
        )
    scores = state.scores()
    assert isinstance(scores, EdgeScores)
    about = About(
        Path(config.model).name,
        setup.identity.get("model"),
        config.task or prompts.name,
        config.options,
        len(prompts),
        config.seed,
        config.split,
        prompts.fingerprint(),
        summary(prompts.metric, state),
        sample.words,
        versions(),
    )
    return StoredEffects.of_scores(scores, sample.probability, about)


def summary(metric: str, state: PatchingState) -> MetricSummary:
    """Means and standard errors of the metric."""
    clean, corrupted = (state.table.of_prompts[name] for name in (CLEAN, CORRUPTED))
    errors = [float(values.std(ddof=1) / np.sqrt(len(values))) for values in (clean, corrupted)]
    return MetricSummary(metric, float(clean.mean()), errors[0], float(corrupted.mean()), errors[1])


@dataclass(frozen=True, eq=False)
class Drawn:
    """A sample of edges in the graph's order: probability ``[n_edges]``, chosen bool ``[n_edges]``, and in words."""

    probability: FloatArray
    chosen: np.ndarray[Any, np.dtype[np.bool_]]
    words: str


def drawn(folder: Path, setup: Setup) -> Drawn:
    """All, or a sample by sizes that are kept in the folder, for estimates vary in their last digits."""
    n = setup.model.graph.n_edges
    if n <= ALL_UP_TO:
        return Drawn(np.ones(n), np.ones(n, dtype=np.bool_), "all edges")
    path = folder / "sizes.npy"
    if not path.is_file():
        values = [score_edges(setup.model, setup.prompts, method=name).values[setup.model.graph.mask] for name in BY]
        np.save(path, np.abs(values).max(0))
    return draw(np.load(path).astype(np.float64), setup.config.seed)


def draw(sizes: FloatArray, seed: int) -> Drawn:
    """The largest for certain, and of the rest by systematic sampling in random order, whose probabilities are exact.

    Args:
        sizes: f of every edge, ``[n_edges]``.
        seed: of the lot.
    """
    order = np.argsort(-sizes, kind="stable")
    probability = np.ones(len(sizes))
    rest = np.random.default_rng(seed).permutation(order[CERTAIN:])
    probability[rest] = inclusion(sizes[rest], DRAWN)
    chosen = probability == 1.0
    up = np.concatenate([[0.0], np.cumsum(probability[rest])]) + np.random.default_rng(seed + 1).random()
    chosen[rest] |= np.floor(up[1:]) > np.floor(up[:-1])
    words = (
        f"the {CERTAIN:,} edges of largest max({', '.join(f'|{name}|' for name in BY)}) and {DRAWN:,} of the rest,"
        f" drawn with probabilities {EVEN:.0%} even, {1 - EVEN:.0%} by that size"
    )
    return Drawn(probability, chosen, words)


def inclusion(sizes: FloatArray, n: int) -> FloatArray:
    """Probabilities that sum to n, even and by size mixed; what would pass 1 is 1, and the others share the rest."""
    if n >= len(sizes) or not sizes.sum() > 0:
        raise ScoreError(f"{n} of {len(sizes)} edges cannot be drawn by size")
    certain = np.zeros(len(sizes), dtype=np.bool_)
    while True:
        left = n - certain.sum()
        mixed = EVEN / (~certain).sum() + (1 - EVEN) * sizes / sizes[~certain].sum()
        probability = np.where(certain, 1.0, left * mixed)
        over = (probability > 1.0) & ~certain
        if not over.any():
            return probability
        certain |= over


if __name__ == "__main__":
    main()
