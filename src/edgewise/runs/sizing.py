"""The size of a circuit, where the rule asks for the smallest that is good enough: measured once scores are there.

On held-out prompts, which chose no score; on the run's own where there are none others, and then the result says so.
The scores and a circuit of the default size stand in the folder before this begins, so that nothing of them is lost
where it fails or is stopped. The curve that was measured on the way is stored beside the circuit, as ``sizes.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgewise.errors import EdgewiseError, RunConflictError
from edgewise.evaluation.smallest.search import Sizes, SmallestSearch
from edgewise.evaluation.smallest.target import Target, target_of
from edgewise.graph import EdgeScores
from edgewise.runs.evaluate import evaluated_prompts
from edgewise.runs.evaluated import EvaluatedPrompts
from edgewise.runs.evaluated_circuit import EvaluatedCircuit
from edgewise.runs.reselect import with_circuit
from edgewise.runs.resume import run_to_end
from edgewise.runs.selection import most, select
from edgewise.runs.setup import Setup
from edgewise.runs.sized import Sized, sized
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import ASKED, FORMAT, Analysis, measured
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import SIZES, Run, read_run
from edgewise.runs.store.lock import writing
from edgewise.runs.store.record import versions
from edgewise.runs.unseen import on_unseen
from edgewise.settings.selection import Selection
from edgewise.settings.words import words

SIZING = "measuring circuits of several sizes"
UNIT = "sizes"


def with_size(run: Run, setup: Setup | None, execution: Execution) -> Run:
    """Return the run with the circuit of the size that its rule asks for, measured now if it was not yet.

    Args:
        run: finished and stored.
        setup: its model, where that is loaded already.
        execution: how it is carried out, `Execution`.

    Returns:
        The run; `unsized` says why where that failed, and then its circuit is of the default size.

    Raises:
        RunConflictError: the run's files have changed meanwhile.
    """
    if run.sized is not None or not run.config.selection.measured:
        return run
    try:
        # The run is what this command asked for, trust included: a run of another config is refused before.
        subject, ready = on_unseen(run, setup, execution, trust=True)
        with writing(run.folder):
            _replace(run, _search(run, run.config.selection, subject, ready, Analysis(run.folder, SIZES), execution))
    except RunConflictError:
        raise
    except EdgewiseError as error:
        return replace(run, unsized=str(error))
    return replace(read_run(run.folder), selected_anew=run.selected_anew)


def measure_size(run: Run, selection: Selection, execution: Execution, *, trust: bool) -> Sized:
    """Measure the size that another rule asks for of a run's scores, or read what was measured; the run stays as it is.

    Args:
        run: finished and stored.
        selection: the rule, one that asks for the smallest circuit.
        execution: how it is carried out, `Execution`.
        trust: whether code that the model carries may be run.

    Raises:
        RunConflictError: the run's files have changed, or another process is writing to its folder.
        EdgewiseError: anything wrong with the prompts, or a metric that no edge changes.
    """
    subject, ready = on_unseen(run, None, execution, trust=trust)
    analysis = Analysis(run.folder, "-".join((SIZES, *map(_plain, words(selection)))))
    found = measured(
        analysis,
        _asked(selection, subject),
        Sized,
        lambda: _search(run, selection, subject, ready, analysis, execution),
    )
    return found.results


def _search(
    run: Run, selection: Selection, subject: EvaluatedCircuit, setup: Setup, analysis: Analysis, execution: Execution
) -> Sized:
    """Find the size; the caller holds the folder's lock."""
    counted = "edges" if isinstance(run.scores, EdgeScores) else "nodes"
    sizes = Sizes(lambda n: select(run.scores, selection.of_size(n)).mask, max(1, most(run.scores, selection)), counted)
    target = target_of(selection)
    search = SmallestSearch(setup.model, setup.prompts, sizes, target, metric=setup.config.metric)
    asked, about = _asked(selection, subject), evaluated_prompts(subject, setup)
    return searched(search, setup, target, counted, asked, about, analysis, execution)


def searched(
    search: SmallestSearch,
    setup: Setup,
    target: Target,
    counted: str,
    asked: Mapping[str, Any],
    about: EvaluatedPrompts,
    analysis: Analysis,
    execution: Execution,
) -> Sized:
    """Carry a search to its end, from where it was stopped; the caller holds the folder's lock.

    Args:
        search: of circuits of edges, of nodes, or of neurons and heads.
        setup: its model and prompts.
        target: what is good enough.
        counted: what sizes count.
        asked: all that decides the size, as JSON values.
        about: what is stored of the prompts.
        analysis: where the state is kept.
        execution: how it is carried out, `Execution`.
    """
    state, _ = run_to_end(
        lambda stored: search.states(conditions=execution.conditions(setup.config.batch_size), stored=stored),
        analysis.folder,
        {ASKED: dict(asked), "prompts": setup.prompts.fingerprint(), "versions": versions()},
        execution.report,
        SIZING,
        name=analysis.progress,
        unit=UNIT,
    )
    return sized(
        target,
        *search.result(state),
        state.points,
        metric=search.metric.name,
        counted=counted,
        prompts=about,
        versions=versions(),
    )


def size_file(selection: Selection, found: Sized) -> bytes:
    """What is stored beside a circuit of its size: the rule that asked for it, and the curve."""
    values = {"format": FORMAT, ASKED: to_json(selection), **to_json(found)}
    return f"{json.dumps(values, indent=2, allow_nan=False)}\n".encode()


def _replace(run: Run, found: Sized) -> None:
    config, selection = run.config, run.config.selection
    rule = f"{selection.describe(config.level)}: {found.size:,}"
    with_circuit(run, config, selection.of_size(found.size), rule, {f"{SIZES}.json": size_file(selection, found)})


def _asked(selection: Selection, subject: EvaluatedCircuit) -> dict[str, Any]:
    """All that decides the size, as JSON values: the circuit that stands there is not."""
    asked = subject.asked | {"selection": to_json(selection)}
    return {name: value for name, value in asked.items() if name not in ("circuit", "by")}


def _plain(word: str) -> str:
    return word.removeprefix("--")
