"""Hold several finished runs of one model beside each other: how alike they are, how good, and what they cost.

1. Read the runs; refuse those of another model, say where prompts, metric or level differ.
2. Evaluate each on the same held-out prompts by the same metric, in a folder of its own under the comparison's: found
   again, resumed and refused as evaluations are.
3. Compare circuits and scores, hold both against a circuit that is known beforehand, and store all of it in
   ``comparison.json``, without times of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgewise.errors import RunError
from edgewise.evaluation.comparison import Likeness, likeness
from edgewise.evaluation.sizes import Ladder
from edgewise.graph import EdgeScores
from edgewise.graph.place_names import where_in_words
from edgewise.metrics import get_metric
from edgewise.runs.contest.against import against
from edgewise.runs.contest.asked_circuit import asked_of, known_of
from edgewise.runs.contest.comparison_result import ComparedRun, Comparison, FoundOn, RandomPoint, RandomRankings
from edgewise.runs.contest.published import AskedCircuit
from edgewise.runs.evaluate import Loaded, evaluate
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.evaluated_circuit import EvaluatedCircuit, circuit_of_run
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import Analysis, StoredResults, measured
from edgewise.runs.store.folder import RUN, Run, load_run
from edgewise.settings import described
from edgewise.settings.evaluation import Ablation, EvaluationRequest
from edgewise.settings.prompts import PromptSettings

MOST = 12
_INSTEAD = "hold its numbers against others with `edgewise evaluate` of each, or `edgewise export --format csv`"
# What the first run decides for all: the prompts, and how the model is run on them.
_SHARED = (
    *(one.name for one in described(PromptSettings) if one.name != "split"),
    *("dtype", "device", "device_map", "batch_size"),
)


def compare(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    circuit: str | None = None,
    given: Mapping[str, Any] | None = None,
    ablation: Ablation = "resample",
    random: int = 3,
    execution: Execution = Execution(),
) -> StoredResults[Comparison]:
    """Compare finished runs, or read what an earlier comparison found.

    Args:
        folders: of two to twelve runs of one model; of one, where a circuit is asked for.
        out: folder for the result, made if need be.
        circuit: what they are held against, see `edgewise.runs.contest.asked_circuit`; by default what is known of the
            first run's task in its model, if anything is.
        given: ``n``, ``seed``, ``metric``, ``batch_size`` and the like for the evaluations, in place of the first
            run's; the metric is that of the prompts unless given.
        ablation: what patched edges carry in the evaluations.
        random: number of random rankings to evaluate too.
        execution: how it is carried out, `Execution`.

    Raises:
        RunError: too few or too many runs, one of them twice or unfinished, or runs of several models.
        RunConflictError: ``out`` holds another comparison, another process is writing to it, or files have changed.
        EdgewiseError: anything wrong with the model, the prompts or the metric.
    """
    names, out = [Path(folder) for folder in folders], Path(out)
    runs = _runs(names, out, circuit)
    known = known_of(runs[0]) if circuit is None else asked_of(runs[0], circuit)
    subjects = _subjects(names, runs, dict(given or {}))
    wanted = [EvaluationRequest(ablation, random=n) for n in _random_of_each(runs, random)]
    asked = {"runs": [str(name) for name in names], "ablation": ablation, "random": random} | _asked(subjects)
    if circuit is not None and known is not None:
        asked |= {"held against": circuit, "held against file": known.digest and known.digest[:12]}

    def measure() -> Comparison:
        loaded, found = Loaded(), list[Evaluated]()
        for number, (name, subject, want) in enumerate(zip(names, subjects, wanted, strict=True), start=1):
            place = out / f"{number}-{name.resolve().name}"
            saying = execution.named(f"{number} of {len(names)}, {name}")
            found.append(evaluate(subject, want, place, saying, load=loaded.setup).results)
        return _compared(names, runs, found, known)

    return measured(Analysis(out, "comparison"), asked, Comparison, measure, overwrite=execution.overwrite)


def _runs(names: Sequence[Path], out: Path, circuit: str | None) -> list[Run]:
    if not (1 if circuit else 2) <= len(names) <= MOST:
        hint = ", or --circuit to hold one against" if len(names) == 1 else ""
        raise RunError(f"{len(names)} run folder{'' if len(names) == 1 else 's'} given; give 2 to {MOST}{hint}")
    return runs_of_one_model(names, out, "the comparison")


def runs_of_one_model(names: Sequence[Path], out: Path, what: str) -> list[Run]:
    """Read runs that something is made of together.

    Args:
        names: their folders.
        out: where the result goes, which is none of them.
        what: the result, in words.

    Raises:
        RunError: a folder given twice, a run folder for the result, or runs of two models.
    """
    places = [name.resolve() for name in names]
    twice = [name for name, place in zip(names, places, strict=True) if places.count(place) > 1]
    if twice:
        raise RunError(f"{twice[0]} is given twice; give each run once")
    if out.resolve() in places or (out / RUN).exists():
        raise RunError(f"--out {out} is a run folder; give a folder of its own for {what}")
    runs = [load_run(name, instead=_INSTEAD) for name in names]
    for run in runs[1:]:
        refuse_another_model(runs[0], run)
    return runs


def refuse_another_model(first: Run, run: Run) -> None:
    """Refuse runs of two models. Raises RunError."""
    there, here = first.circuit.graph.spec, run.circuit.graph.spec
    if there != here:
        raise RunError(
            f"{run.folder}: a run of {run.config.model}, whose graph has {run.circuit.graph.n_edges:,} edges;"
            f" {first.folder} is of {first.config.model}, with {first.circuit.graph.n_edges:,}; compare runs of one"
            " model"
        )
    digests = [one.record.identity.get("model") for one in (first, run)]
    same = digests[0] == digests[1] if None not in digests else first.config.model == run.config.model
    if not same:
        other = f"'{run.config.model}'" if run.config.model != first.config.model else "other files of it"
        raise RunError(
            f"{run.folder}: its model is {other}, that of {first.folder} is '{first.config.model}';"
            " compare runs of one model"
        )


def refuse_places(run: Run) -> None:
    """Refuse a run by place where its circuit meets other prompts. Raises RunError."""
    if run.circuit.graph.places:
        raise RunError(
            f"{run.folder}: its edges are kept apart by place, and other prompts have other places; give a run without"
            " --positions"
        )


def _subjects(names: Sequence[Path], runs: Sequence[Run], given: dict[str, Any]) -> list[EvaluatedCircuit]:
    """Every run's circuit, with one set of prompts for all."""
    if given.get("metric") is not None:
        get_metric(given["metric"])
    shared = {name: getattr(runs[0].config, name) for name in _SHARED} | {"metric": None}
    return [circuit_of_run(name, shared | given) for name in names]


def _asked(subjects: Sequence[EvaluatedCircuit]) -> dict[str, Any]:
    """What decides the numbers beside the runs' names: the prompts, once, and of each run its files and its ranking."""
    each = [dict(subject.asked) for subject in subjects]
    own = {name: [one.pop(name) for one in each] for name in ("by", "circuit", "scores")}
    # Digests, cut to what tells them apart, for messages that people can read.
    short = {f"{name} files": [digest[:12] for digest in own[name]] for name in ("circuit", "scores")}
    return each[0] | {"by": own["by"]} | short


def _random_of_each(runs: Sequence[Run], random: int) -> list[int]:
    """Random rankings of edges are the same for all runs, so they go to the first that ranks all edges."""
    ladders = [Ladder(replace(run.scores, allow_unscored=True), run.config.selection.by) for run in runs]
    ranking = [number for number, one in enumerate(ladders) if one.what == "edges" and not one.unscored]
    return [random if [number] == ranking[:1] else 0 for number in range(len(runs))]


def _compared(
    names: Sequence[Path], runs: Sequence[Run], found: Sequence[Evaluated], known: AskedCircuit | None
) -> Comparison:
    alike = _likeness(runs)
    return Comparison(
        runs[0].config.model,
        runs[0].circuit.graph.n_edges,
        found[0].metric,
        found[0].prompts,
        tuple(map(_run, names, runs, found)),
        alike.overlap,
        alike.rank_correlation,
        alike.rank_correlation_of_sizes,
        alike.both_scored,
        next((chance for one in found if (chance := _random(one)) is not None), None),
        None if known is None else against(runs, known),
        tuple(_notes(runs)),
        tuple(dict.fromkeys(words for one in found for words in one.warnings)),
    )


def _likeness(runs: Sequence[Run]) -> Likeness:
    """Of circuits and scores; of edges over all positions where not all runs have the same places."""
    circuits, scores = [run.circuit for run in runs], [run.scores for run in runs]
    if len({circuit.graph for circuit in circuits}) > 1:
        circuits = [circuit.plain for circuit in circuits]
        scores = [one.plain if isinstance(one, EdgeScores) else one for one in scores]
    return likeness(circuits, scores)


def _run(name: Path, run: Run, found: Evaluated) -> ComparedRun:
    record = run.record
    same = ("faithfulness", "faithfulness_stderr", "cpr", "cmd", "no_curve")
    return ComparedRun(
        folder=str(name),
        method=record.config.method,
        settings=record.config.settings,
        level=record.config.level,
        metric=record.metric.name,
        prompts=FoundOn(record.prompts.name, record.prompts.n, record.prompts.fingerprint),
        rule=record.rule,
        circuit_edges=record.counts.circuit_edges,
        passes=record.passes,
        seconds=record.timing.get("scoring"),
        **{key: getattr(found, key) for key in same},
        kl=found.circuit.kl,
        note=found.prompts.note,
        curve=None if found.curve is None else tuple(replace(point, random=None) for point in found.curve),
    )


def _random(found: Evaluated) -> RandomRankings | None:
    if found.random is None or found.curve is None:
        return None
    points = tuple(RandomPoint(point.fraction, point.size, point.edges, point.random) for point in found.curve)
    return RandomRankings(found.random.cpr, found.random.cmd, points)


def _notes(runs: Sequence[Run]) -> Iterator[str]:
    """In what the runs differ beside their method."""
    prompts = [run.record.prompts for run in runs]
    levels = [f"{run.config.level}s" for run in runs]
    dtypes, metrics = [run.config.dtype for run in runs], [run.record.metric.name for run in runs]
    places = [where_in_words(run.circuit.graph.places, run.circuit.graph.readers) for run in runs]
    told_apart: tuple[tuple[str, Sequence[str], Sequence[str]], ...] = (
        (
            "found on different prompts",
            [of.fingerprint for of in prompts],
            [f"{of.n:,} of {of.name}" for of in prompts],
        ),
        ("found by different metrics", metrics, metrics),
        ("scores of edges and of nodes, which have no common rank correlation", levels, levels),
        ("found in different precision", dtypes, dtypes),
        ("of edges at different places, which are compared by their sums over positions", places, places),
    )
    for words, values, said in told_apart:
        if len(set(values)) > 1:
            yield f"{words} ({'; '.join(f'{number}: {value}' for number, value in enumerate(said, start=1))})"
