"""Hold every method that scores edges, on several models and tasks, against the exact effects of all edges.

1. Of each model and task, the exact effect of every edge: a run of activation patching like any other. Or stored
   effects of the same model and prompts, of all edges or a sample, where a folder of such is given.
2. Each method is one run folder beside it, on the same prompts; the curve of its best edges is evaluated on held-out
   prompts into the same folder. A method that refuses the model is kept with its reason.
3. From the runs alone, agreement with the exact effects, areas and costs go to ``league.json``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgewise.attribution import METHODS
from edgewise.errors import DataError, MetricError, RunError, UnsupportedModelError
from edgewise.evaluation.agreement import Agreement, agreement
from edgewise.evaluation.ranking import BACKWARD
from edgewise.evaluation.roc import score_roc
from edgewise.evaluation.sizes import FRACTIONS
from edgewise.graph import EdgeScores, Graph
from edgewise.methods import estimate_of
from edgewise.models import compiled, planted
from edgewise.models.built import BUILT, kind_of
from edgewise.models.reader import Reader
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.entrants import (
    NOTHING,
    REFERENCE,
    VARIANTS,
    Entrant,
    entrants,
    refuse_none_or_twice,
    scorers,
)
from edgewise.runs.contest.league_result import Cell, Entry, League
from edgewise.runs.contest.play import Ground, ground_of
from edgewise.runs.contest.stored import agreement_with, effects_for, stored_effects
from edgewise.runs.contest.truth import Truth, known_truth
from edgewise.runs.evaluate import Loaded, evaluate
from edgewise.runs.evaluated_circuit import circuit_of_run
from edgewise.runs.prompts import prompts_of
from edgewise.runs.setup import opened_model
from edgewise.runs.steps import Execution, Forecast, Progress
from edgewise.runs.store.effects import StoredEffects
from edgewise.runs.store.folder import RUN, Run
from edgewise.runs.store.results import write_result
from edgewise.settings import read_settings
from edgewise.settings.evaluation import EvaluationRequest
from edgewise.tasks import TASKS, load_task

DEFAULT_N, TOP = 50, 20
DEFAULT_MODELS = (
    "demo",
    *(f"{planted.PREFIX}:{seed}" for seed in range(5)),
    *(f"{compiled.PREFIX}:{name}" for name in compiled.PROGRAMS),
)
WANTED = EvaluationRequest(random=0)
# In forward passes: an evaluation, which runs four circuits and those of the curve, each at about 1.5; a method of
# which nobody has said what it takes; an exact patch, which begins where its edge ends.
_EVALUATION, _UNKNOWN, _A_PATCH = 1.5 * (4 + len(FRACTIONS)), 4.0, 1 / 3


def play(
    base: RunConfig,
    folder: str | Path,
    models: Sequence[str] = DEFAULT_MODELS,
    tasks: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    *,
    draws: int = 1,
    effects: str | Path | None = None,
    execution: Execution = Execution(),
) -> League:
    """Run all methods on all models and tasks, and store the result beside their runs.

    Args:
        base: of the prompts (`n`, `seed`) and the machine (`dtype`, `device`, `batch_size`); its model and task, and
            how edges are scored, do not count.
        folder: where it goes; the same call goes on where an earlier one was stopped. Methods, models and tasks can be
            added later.
        models: names.
        tasks: names; all that fit by default.
        methods: names, with settings behind colons; all that score edges, and `VARIANTS`, by default.
        draws: how many draws of prompts of each task, of the seeds from the base's on.
        effects: a folder of stored exact effects, which take the place of measured ones where they are of the same
            model, prompts and metric.
        execution: how it is carried out, `Execution`.

    Raises:
        UnknownNameError: no such task or method.
        RunError: names that are missing, given twice, or do not go together.
        RunConflictError: the folder holds runs of other prompts.
        EdgewiseError: anything wrong with a model, the prompts, the metric or a method's settings.
    """
    if base.level != "edge":
        raise RunError("methods are compared by scores of edges; leave the level out")
    playing = entrants((*scorers(), *VARIANTS) if methods is None else methods, base, rows=NOTHING)
    found, cells, ends = places(base, models, tasks, draws), list[Cell](), list[str]()
    stored = () if effects is None else stored_effects(effects)
    if tasks is None:
        found = that_fit(found)
    for number, place in enumerate(found, start=1):
        words = f"{place.model} on {place.task} ({number} of {len(found)})"
        ground, model = ground_of(place, Path(folder) / place_folder(place), execution.named(words))
        exact = effects_for(ground, stored) or ground.run(REFERENCE)
        runs = _runs(playing, ground, model.graph, exact)
        cells.append(_cell(runs, ground, model.graph, exact, known_truth(place, model)))
        ends += [run.record.finished for _, run in runs if isinstance(run, Run)]
    league = League(TOP, max(ends, default=""), tuple(cells))
    write_result(Path(folder), league)
    return league


def places(
    base: RunConfig, models: Sequence[str], tasks: Sequence[str] | None = None, draws: int = 1
) -> tuple[RunConfig, ...]:
    """Model and prompts of every model on every task that fits it, draw after draw.

    Models that are built by hand are asked the task of their name, others the rest. Args and raises as of `play`.
    """
    if draws < 1:
        raise RunError(f"--draws is {draws}; give at least 1")
    asked = tuple(TASKS) if tasks is None else tuple(tasks)
    refuse_none_or_twice("--models", models)
    refuse_none_or_twice("--tasks", asked)
    for task in asked:
        load_task(task)
    return tuple(
        replace(base, model=model, task=task, seed=base.seed + draw, n=base.n or DEFAULT_N)
        for model in models
        for task in _fitting(model, asked)
        for draw in range(draws)
    )


def _fitting(model: str, tasks: Sequence[str]) -> list[str]:
    kind = kind_of(model)
    fitting = [task for task in tasks if (task == kind if kind else task not in BUILT)]
    if not fitting:
        fits = f"only '{kind}'" if kind else f"any but {' and '.join(map(repr, BUILT))}"
        raise RunError(f"model '{model}' can be asked none of {', '.join(tasks)}; it takes {fits}")
    return fitting


def that_fit(found: Sequence[RunConfig]) -> tuple[RunConfig, ...]:
    """Those whose task the model's tokenizer has the words for.

    Raises:
        RunError: a model that has them for no task.
        ModelError: a model that cannot be opened.
    """
    opened = {model: opened_model(next(one for one in found if one.model == model)) for model in _models(found)}
    fitting = tuple(one for one in found if _has_words(one, opened[one.model].reader))
    without = [model for model in opened if model not in _models(fitting)]
    if without:
        raise RunError(f"model '{without[0]}' has not the words of any task; give --tasks, whose refusal says which")
    return fitting


def _models(found: Sequence[RunConfig]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.model for one in found))


def _has_words(place: RunConfig, reader: Reader) -> bool:
    try:
        prompts_of(place, reader)
    except DataError:
        return False
    return True


def place_folder(place: RunConfig) -> str:
    """Name of the folder of a place's runs."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", f"{place.model} {place.task} seed {place.seed}").strip("-.")


def _runs(
    methods: Sequence[Entrant], ground: Ground, graph: Graph, exact: Run | StoredEffects
) -> list[tuple[Entrant, Run | str]]:
    """The runs on one model and task, that of the exact effects last where there is one; of a refusal, why."""
    if isinstance(exact, StoredEffects):
        return [(one, _run_or_refusal(one, ground)) for one in methods]
    _say_what_is_left(methods, ground, exact, graph)
    return [*((one, _run_or_refusal(one, ground)) for one in methods), (REFERENCE, exact)]


def _run_or_refusal(entrant: Entrant, ground: Ground) -> Run | str:
    try:
        return ground.run(entrant)
    except (UnsupportedModelError, MetricError) as error:
        return str(error)


def _cell(
    runs: Sequence[tuple[Entrant, Run | str]],
    ground: Ground,
    graph: Graph,
    exact: Run | StoredEffects,
    truth: Truth | None,
) -> Cell:
    loaded, base = Loaded(), ground.base
    entries = [_entry(one, run, exact, truth, ground, loaded) for one, run in runs]
    if isinstance(exact, StoredEffects):
        entries.append(Entry(REFERENCE.name, "", True))
    return Cell(
        base.model,
        base.task or ground.task,
        base.seed,
        ground.metric,
        ground.n,
        graph.n_edges,
        None if truth is None else truth.words,
        None if truth is None else truth.circuit.n_edges,
        tuple(entries),
    )


def _entry(
    entrant: Entrant, run: Run | str, exact: Run | StoredEffects, truth: Truth | None, ground: Ground, loaded: Loaded
) -> Entry:
    name, place = entrant.name, f"{ground.folder.name}/{entrant.folder}"
    if isinstance(run, str):
        return Entry(name, place, False, refused=run)
    subject = circuit_of_run(run.folder, {"trust_remote_code": ground.base.trust_remote_code})
    evaluation = evaluate(subject, WANTED, run.folder, ground.execution.named(name), load=loaded.setup).results
    return Entry(
        name,
        place,
        entrant == REFERENCE,
        None,
        run.record.passes,
        run.record.timing["scoring"],
        _agreement(run.edge_scores, exact),
        evaluation.cpr,
        evaluation.cmd,
        None if truth is None else score_roc(run.edge_scores, truth.circuit).auc,
    )


def _agreement(scores: EdgeScores, exact: Run | StoredEffects) -> Agreement:
    if isinstance(exact, StoredEffects):
        return agreement_with(exact, scores, TOP)
    return agreement(scores, exact.edge_scores, k=TOP)


def _say_what_is_left(methods: Sequence[Entrant], ground: Ground, exact: Run, graph: Graph) -> None:
    """About how long the methods will take, by what exact patching took here."""
    record, anew = exact.record, ground.execution.overwrite
    left = [one for one in methods if anew or not (ground.folder / one.folder / RUN).is_file()]
    if left and record.passes is not None:
        passes = round(sum(_expected(one, graph) + _EVALUATION for one in left) * record.prompts.n)
        a_pass = record.timing["scoring"] / (record.passes.forward * record.prompts.n)
        ground.execution.report(Progress("methods", plan=Forecast(passes, passes * a_pass)))


def _expected(entrant: Entrant, graph: Graph) -> float:
    """What a method will take, in forward passes of all prompts."""
    name = estimate_of(entrant.method)
    if name not in METHODS:
        return _UNKNOWN
    method = METHODS.load(name)
    passes = method.cost(read_settings(method.settings, dict(entrant.settings), method.name), graph.spec)
    own = _UNKNOWN if passes is None else passes.forward + BACKWARD * passes.backward
    twice = own if name != entrant.method else 0.0
    return own + (_UNKNOWN + _A_PATCH * entrant.exact if entrant.exact else twice)
