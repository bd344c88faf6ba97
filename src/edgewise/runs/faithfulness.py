"""How much of the behaviour the circuit of a run keeps, measured right after it was found.

On held-out prompts where the run's are of a task: those that the circuit was not fitted to say what it is worth. On the
run's own where there are none others: a data file's, or a task's whose words do not suffice for held-out ones. Which
they were is stored with the numbers, as ``faithfulness.json`` beside the run; the scores stand there already, so that
nothing of them is lost where this fails or is stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edgewise.errors import DataError, EdgewiseError, RunConflictError
from edgewise.runs.evaluate import evaluate
from edgewise.runs.evaluated_circuit import HELD_OUT, EvaluatedCircuit, circuit_of_run
from edgewise.runs.prompts import prompts_of
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.folder import FAITHFULNESS, Run, read_run
from edgewise.settings.evaluation import EvaluationRequest


def with_faithfulness(run: Run, setup: Setup | None, execution: Execution) -> Run:
    """Return the run with the faithfulness of its circuit, measured now if it was not yet.

    Args:
        run: finished and stored.
        setup: its model, where that is loaded already.
        execution: how it is carried out, `Execution`.

    Returns:
        The run; `unmeasured` says why where that failed.

    Raises:
        RunConflictError: the run's files have changed meanwhile.
    """
    if run.evaluated is not None:
        return run
    try:
        _measure(run, setup, replace(execution, overwrite=False))
    except RunConflictError:
        raise
    except EdgewiseError as error:
        return replace(run, unmeasured=str(error))
    return read_run(run.folder)


def _measure(run: Run, setup: Setup | None, execution: Execution) -> None:
    wanted = EvaluationRequest(curve=False, random=0, seed=run.config.seed)
    for subject, last in _subjects(run, setup):
        try:
            ready = _ready(subject, setup, Steps(execution.report))
        except DataError:
            if last:
                raise
            continue
        evaluate(subject, wanted, run.folder, execution, load=lambda *_, ready=ready: ready, name=FAITHFULNESS)
        return


def _subjects(run: Run, setup: Setup | None) -> Iterator[tuple[EvaluatedCircuit, bool]]:
    """The circuit with held-out prompts, and then with the run's own; whether it is the last."""
    files = None if setup is None else setup.identity
    # The run is what this command asked for, trust included: a run of another config is refused before.
    trust = {"trust_remote_code": run.config.trust_remote_code}
    splits = dict.fromkeys((HELD_OUT, run.config.split))
    for number, split in enumerate(splits, start=1):
        yield circuit_of_run(run.folder, trust, split=split, files=files), number == len(splits)


def _ready(subject: EvaluatedCircuit, setup: Setup | None, steps: Steps) -> Setup:
    if setup is None:
        return prepare(subject.config, subject.identity, steps)
    with steps.step("prompts", "preparing prompts to measure the circuit on"):
        return replace(setup, config=subject.config, prompts=prompts_of(subject.config, setup.model))
