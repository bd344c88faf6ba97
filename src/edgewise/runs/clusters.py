"""Do the prompts of runs use one circuit? From per-prompt scores as they are stored; no model is run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgewise.errors import DataError, RunError
from edgewise.evaluation.clusters import Grouping, directions, grouped, purity
from edgewise.graph import EdgeScores
from edgewise.graph.arrays import FloatArray
from edgewise.runs.contest.comparison import refuse_another_model
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.atomic import write_bytes
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import Run, load_run
from edgewise.settings.read import require_whole

PERMUTING = "comparing with permuted scores"
N_EDGES, N_TELLING = 200, 10


@dataclass(frozen=True)
class TellingEdge:
    """An edge (or node) that one group of prompts uses and the others do not, or otherwise.

    Args:
        name: its name.
        here: its mean score on the group's prompts.
        elsewhere: on all others.
    """

    name: str
    here: float
    elsewhere: float


@dataclass(frozen=True)
class PromptGroup:
    """Prompts that use the same edges.

    Args:
        n: how many.
        of_runs: how many of each run.
        prompts: their numbers in each run, from 1.
        alike: mean cosine of two of them.
        telling: edges whose mean score differs most from that of all other prompts.
    """

    n: int
    of_runs: tuple[int, ...]
    prompts: tuple[tuple[int, ...], ...]
    alike: float
    telling: tuple[TellingEdge, ...]


@dataclass(frozen=True)
class Clusters:
    """The prompts of runs in groups.

    Args:
        model: whose scores.
        runs: the folders.
        level: what is scored.
        n: prompts in all.
        edges: how many edges (or nodes) were looked at.
        alike: mean cosine of two prompts.
        several: whether they are of several kinds, as far as this tells.
        silhouette: of the groups below.
        silhouettes: number of groups -> its silhouette.
        p: how probable as large a one is by chance; None where nobody asked.
        chance: the largest by chance.
        purity: of the groups by run; None of a single run.
        groups: the largest first.
    """

    model: str
    runs: tuple[str, ...]
    level: str
    n: int
    edges: int
    alike: float
    several: bool
    silhouette: float
    silhouettes: dict[str, float]
    p: float | None
    chance: float | None
    purity: float | None
    groups: tuple[PromptGroup, ...]

    def __repr__(self) -> str:
        """Show how many kinds there are, of how many prompts."""
        kinds = f"{len(self.groups)} kinds" if self.several else "one kind"
        return f"Clusters({kinds} of {self.n} prompts of {self.model}, silhouette {self.silhouette:.2f})"


def clusters(
    folders: Sequence[str | Path],
    *,
    n_edges: int = N_EDGES,
    n_groups: int | None = None,
    most: int = 6,
    permutations: int = 99,
    seed: int = 0,
    execution: Execution = Execution(),
) -> Clusters:
    """Put the prompts of finished runs into groups by the edges that they use.

    Args:
        folders: of runs with per-prompt scores, of one model.
        n_edges: how many edges (or nodes) are looked at: those whose mean |score| over prompts is largest.
        n_groups: how many groups; by default as many as the silhouette says.
        most: the largest number that is tried.
        permutations: how often scores are permuted, to tell what comes by chance.
        seed: of starts and permutations.
        execution: told how far it is.

    Raises:
        RunError: no finished run, one without per-prompt scores, or runs of several models.
        SettingError: a number that it cannot be.
        DataError: too few prompts, or one that uses none of the edges.
    """
    for name, value, least in (
        ("considered", n_edges, 2),
        ("clusters", 2 if n_groups is None else n_groups, 2),
        ("most", most, 2),
        ("permutations", permutations, 0),
    ):
        require_whole(name, value, least)
    runs = [load_run(folder, instead="leave --level neuron out, and give --per-prompt") for folder in folders]
    for run in runs[1:]:
        refuse_another_model(runs[0], run)
        if run.circuit.graph != runs[0].circuit.graph:
            raise RunError(f"{run.folder}: edges at other places than in {runs[0].folder}; give runs of the same spans")
    every = [_per_prompt(run) for run in runs]
    if len({scores.shape[1] for scores in every}) > 1:
        raise RunError(f"{runs[1].folder}: scores of another --level than {runs[0].folder}; give runs of one")
    scores = np.concatenate(every)
    known = ~np.isnan(scores).any(0)
    size = np.where(known, np.abs(np.nan_to_num(scores)).mean(0), -1.0)
    chosen = np.argsort(-size, kind="stable")[: min(n_edges, int(known.sum()))]
    kinds = np.repeat(np.arange(len(runs)), [len(one) for one in every])

    def report(done: int) -> None:
        execution.report(Progress(PERMUTING, done, permutations))

    try:
        found = grouped(
            scores[:, chosen], n_groups=n_groups, most=most, permutations=permutations, seed=seed, report=report
        )
    except DataError as error:
        raise DataError(f"{', '.join(str(run.folder) for run in runs)}: {error}") from error
    units = directions(scores[:, chosen])
    return Clusters(
        model=runs[0].config.model,
        runs=tuple(str(run.folder) for run in runs),
        level=runs[0].config.level,
        n=len(scores),
        edges=len(chosen),
        alike=_alike(units),
        several=found.several,
        silhouette=found.silhouette,
        silhouettes={str(number): value for number, value in found.silhouettes.items()},
        p=found.p,
        chance=found.chance,
        purity=purity(found.labels, kinds.tolist()) if len(runs) > 1 else None,
        groups=tuple(
            _group(group, found, kinds, scores[:, chosen], units, _names(runs[0], chosen.tolist()), every)
            for group in range(found.n_groups)
        ),
    )


def write_clusters(found: Clusters, out: Path) -> None:
    """Write it as JSON; raises OSError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out, (json.dumps(to_json(found), indent=2) + "\n").encode())


def _per_prompt(run: Run) -> FloatArray:
    """``[n_prompts, edges of the graph]``, or nodes."""
    scores = run.scores.per_prompt
    if scores is None:
        raise RunError(f"{run.folder}: has no scores of single prompts; run it again with --per-prompt")
    if isinstance(run.scores, EdgeScores):
        return scores[:, run.scores.graph.mask].astype(np.float64)
    return scores.astype(np.float64)


def _names(run: Run, places: Sequence[int]) -> list[str]:
    graph = run.scores.graph
    if not isinstance(run.scores, EdgeScores):
        return [graph.sources[place] for place in places]
    at = np.argwhere(graph.mask)
    return [graph.edge_name(*at[place].tolist()) for place in places]


def _group(
    group: int,
    found: Grouping,
    kinds: np.ndarray[tuple[int], np.dtype[np.int64]],
    scores: FloatArray,
    units: FloatArray,
    names: Sequence[str],
    every: Sequence[FloatArray],
) -> PromptGroup:
    inside = found.labels == group
    here, elsewhere = scores[inside].mean(0), scores[~inside].mean(0)
    telling = np.argsort(-np.abs(here - elsewhere), kind="stable")[:N_TELLING]
    first = np.cumsum([0, *(len(one) for one in every)])
    numbers = tuple(
        tuple((np.flatnonzero(inside & (kinds == run)) - first[run] + 1).tolist()) for run in range(len(every))
    )
    return PromptGroup(
        n=int(inside.sum()),
        of_runs=tuple(len(one) for one in numbers),
        prompts=numbers,
        alike=_alike(units[inside]),
        telling=tuple(TellingEdge(names[at], float(here[at]), float(elsewhere[at])) for at in telling),
    )


def _alike(units: FloatArray) -> float:
    """Mean cosine of two different rows; 1 of a single one."""
    n = len(units)
    if n < 2:
        return 1.0
    return float((np.square(units.sum(0)).sum() - n) / (n * (n - 1)))
