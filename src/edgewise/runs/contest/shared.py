"""What several sets of prompts share: from finished runs of one model, one a set, to scores and a circuit of them all.

1. Read the runs; refuse those of several models, or scores of edges beside scores of nodes.
2. Make their scores into one (`edgewise.evaluation.shared`), and select a circuit from it: ``circuit.json``.
3. Say what each set has for itself: the edges of its own circuit that the shared one lacks.
4. Measure the shared circuit, each set's own, and random ones on every set's held-out prompts; the state goes to the
   disk after each set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.errors import RunError, ScoreError
from edgewise.evaluation.comparison import likeness
from edgewise.evaluation.shared import elsewhere, parts, shared
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.arrays import FloatArray
from edgewise.runs.contest.comparison import refuse_places, runs_of_one_model
from edgewise.runs.contest.shared_kept import kept_of_sets
from edgewise.runs.contest.shared_result import Shared, SharedEdge, SharingSet, SpecificEdge
from edgewise.runs.identity import content_digest
from edgewise.runs.selection import require_fits, select
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import FILES, Analysis, StoredResults, measured
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.files import write_circuit
from edgewise.runs.store.folder import CIRCUIT, SCORES, Run
from edgewise.runs.trust import require_trust
from edgewise.settings.selection import Selection
from edgewise.settings.together import Way, require_way

NAME = "shared"
N_TOP, N_SPECIFIC = 20, 20
_SHORT = 12
DEFAULT = Selection()


def set_folders(sets: Sequence[Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """Each set by the name of its folder: that of its task or file.

    Raises:
        RunError: a set that is given twice.
    """
    found: dict[str, Mapping[str, str]] = {}
    for one in sets:
        (value,) = one.values()
        if one in found.values():
            raise RunError(f"{value} is given twice; give each set of prompts once")
        plain = re.sub(r"[^\w.-]+", "-", Path(value).stem).strip("-.") or "set"
        taken = sum(1 for name in found if name == plain or re.fullmatch(rf"{re.escape(plain)}-\d+", name))
        found[f"{plain}-{taken + 1}" if taken else plain] = one
    return found


def share(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    way: Way = "min",
    selection: Selection = DEFAULT,
    evaluate: bool = True,
    random: int = 3,
    trust_remote_code: bool = False,
    batch_size: int | None = None,
    execution: Execution = Execution(),
) -> StoredResults[Shared]:
    """Make the scores of several runs into one and select a circuit from it, or read what was found earlier.

    Args:
        folders: of finished runs of one model, each of a set of prompts.
        out: folder for the result, made if need be.
        way: ``"min"``, ``"mean"`` or ``"rank"``; see `edgewise.evaluation.shared`.
        selection: which edges (or nodes) make the circuit; a rule that is measured takes as many as the sets' own
            circuits have on average.
        evaluate: measure circuits on every set.
        random: how many random circuits of the size of the shared one.
        trust_remote_code: run code that the runs' model carries.
        batch_size: prompts at a time; as many as memory allows by default.
        execution: how it is carried out, `Execution`.

    Raises:
        RunError: fewer than two runs, one of them twice, runs of several models or levels, or a run without an effect.
        RunConflictError: ``out`` holds another result, another process is writing to it, or files have changed.
        EdgewiseError: anything wrong with the model, the prompts, the metric or the selection.
    """
    require_way(way)
    names, out = [Path(folder) for folder in folders], Path(out)
    runs = _runs(names, out)
    for run in runs if evaluate else ():
        require_trust(str(run.folder), run.config, trust_remote_code)
    asked = _asked(runs, way, selection, evaluate, random)
    analysis = Analysis(out, NAME)

    def measure() -> Shared:
        found, circuit, scores = _found(runs, way, _sized(selection, runs))
        write_circuit(out / CIRCUIT, circuit, scores)
        if not evaluate:
            return found
        return replace(found, kept=kept_of_sets(runs, circuit, random, batch_size, analysis, asked, execution))

    return measured(analysis, asked, Shared, measure, overwrite=execution.overwrite)


def _runs(names: Sequence[Path], out: Path) -> list[Run]:
    if len(names) < 2:
        raise RunError(f"{len(names)} run folder{'' if len(names) == 1 else 's'} given; give two or more")
    runs = runs_of_one_model(names, out, "what they share")
    for run in runs:
        refuse_places(run)
    for run in runs[1:]:
        if run.config.level != runs[0].config.level:
            raise RunError(
                f"{run.folder}: scores of {run.config.level}s, and {runs[0].folder} of {runs[0].config.level}s;"
                " give runs of one --level"
            )
    return runs


def _asked(runs: Sequence[Run], way: Way, selection: Selection, evaluate: bool, random: int) -> dict[str, Any]:
    digests = {
        f"{name} files": [content_digest(run.folder / name)[:_SHORT] for run in runs] for name in (SCORES, CIRCUIT)
    }
    measured_by = {"evaluate": evaluate, "random": random if evaluate else 0}
    files = {FILES: {"model": runs[0].record.identity.get("model")}}
    return {
        "runs": [str(run.folder) for run in runs],
        "way": way,
        **to_json(selection),
        **measured_by,
        **digests,
        **files,
    }


def _sized(selection: Selection, runs: Sequence[Run]) -> Selection:
    """A rule for scores of which neither the best size, nor a spread, nor a mean of sizes is known."""
    plain = replace(selection, stable=False, by="abs" if selection.by == "mean-abs" else selection.by)
    if not plain.measured:
        return plain
    return plain.of_size(round(sum(_n_kept(run) for run in runs) / len(runs)))


def _n_kept(run: Run) -> int:
    """Edges of a run's circuit, or nodes chosen."""
    if isinstance(run.scores, EdgeScores):
        return run.circuit.n_edges
    return int(run.circuit.mask.any(axis=1).sum())


def _found(runs: Sequence[Run], way: Way, selection: Selection) -> tuple[Shared, Circuit, EdgeScores | NodeScores]:
    of_sets = [_parts(run) for run in runs]
    kind, graph = type(runs[0].scores), runs[0].scores.graph
    values = shared(of_sets, way)
    scores = kind(graph, values, allow_unscored=True)
    scored = ~np.isnan(scores.values)
    require_fits(selection, graph, scored)
    circuit = select(scores, selection)
    alike = likeness([run.circuit for run in runs], [run.scores for run in runs])
    signs = np.sign(np.stack(of_sets))
    sets = tuple(_set(number, run, of_sets, circuit) for number, run in enumerate(runs))
    found = Shared(
        model=runs[0].config.model,
        level=runs[0].config.level,
        way=way,
        rule=selection.describe(runs[0].config.level),
        edges=graph.n_edges,
        circuit_edges=circuit.n_edges,
        all_scored=int(scored.sum()),
        same_sign=int((scored & (signs == signs[:1]).all(0)).sum()),
        sets=sets,
        overlap=alike.overlap,
        rank_correlation=alike.rank_correlation,
        top=_top(scores, circuit, of_sets),
        kept=(),
        warnings=tuple(dict.fromkeys(f"{run.folder}: {line}" for run in runs for line in run.record.warnings)),
    )
    return found, circuit, scores


def _parts(run: Run) -> FloatArray:
    metric = run.record.metric
    try:
        return parts(run.scores, metric.clean, metric.corrupted)
    except ScoreError as error:
        raise RunError(f"{run.folder}: {error}; leave it out, or see `edgewise prompts`") from error


def _members(circuit: Circuit, scores: EdgeScores | NodeScores) -> npt.NDArray[np.bool_]:
    """What of the scores is in a circuit, in their shape."""
    return circuit.mask if isinstance(scores, EdgeScores) else np.asarray(circuit.mask.any(axis=1))


def _name(scores: EdgeScores | NodeScores, at: tuple[int, ...]) -> str:
    graph = scores.graph
    if isinstance(scores, NodeScores):
        return graph.sources[at[0]]
    return f"{graph.sources[at[0]]}->{graph.destinations[at[1]]}"


def _largest(values: FloatArray, among: npt.NDArray[np.bool_], n: int) -> list[tuple[int, ...]]:
    """Where the largest of some values are, the largest first."""
    places = np.argwhere(among)
    order = np.argsort(-values[among], kind="stable")[:n]
    return [tuple(place) for place in places[order].tolist()]


def _top(scores: EdgeScores | NodeScores, circuit: Circuit, of_sets: Sequence[FloatArray]) -> tuple[SharedEdge, ...]:
    among = _members(circuit, scores) & ~np.isnan(scores.values)
    return tuple(
        SharedEdge(_name(scores, at), float(scores.values[at]), tuple(float(one[at]) for one in of_sets))
        for at in _largest(np.abs(scores.values), among, N_TOP)
    )


def _set(number: int, run: Run, of_sets: Sequence[FloatArray], circuit: Circuit) -> SharingSet:
    own, common = _members(run.circuit, run.scores), _members(circuit, run.scores)
    other = elsewhere(of_sets, number)
    margin = np.abs(of_sets[number]) - other
    among = own & ~common & ~np.isnan(margin)
    record = run.record
    return SharingSet(
        folder=str(run.folder),
        name=record.prompts.name,
        n=record.prompts.n,
        metric=record.metric.name,
        effect=record.metric.corrupted - record.metric.clean,
        circuit_edges=run.circuit.n_edges,
        in_shared=int((run.circuit.mask & circuit.mask).sum()),
        specific=tuple(
            SpecificEdge(
                _name(run.scores, at),
                float(of_sets[number][at]),
                float(other[at]),
                tuple(float(one[at]) for one in of_sets),
            )
            for at in _largest(margin, among, N_SPECIFIC)
        ),
    )
