"""The prompts that a run's circuit is measured on: held-out ones where there are any, or else the run's own.

Those that the circuit was not fitted to say what it is worth. There are none others of a data file of which no row was
held out, nor of a task whose words do not suffice for held-out prompts.
"""

from __future__ import annotations

from dataclasses import replace

from edgewise.errors import DataError
from edgewise.runs.evaluated_circuit import HELD_OUT, EvaluatedCircuit, circuit_of_run
from edgewise.runs.model_answers import selected
from edgewise.runs.prompts import prompts_of
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.folder import Run


def on_unseen(run: Run, setup: Setup | None, execution: Execution, *, trust: bool) -> tuple[EvaluatedCircuit, Setup]:
    """The circuit of a run, and its model with the prompts to measure it on.

    Args:
        run: finished and stored.
        setup: its model, where that is loaded already.
        execution: how it is carried out, `Execution`.
        trust: whether code that the model carries may be run.

    Raises:
        DataError: neither kind of prompts can be made.
        RunConflictError: the run's files have changed meanwhile.
    """
    try:
        return _on(run, setup, execution, trust, HELD_OUT)
    except DataError:
        return _on(run, setup, execution, trust, run.config.split)


def _on(run: Run, setup: Setup | None, execution: Execution, trust: bool, split: str) -> tuple[EvaluatedCircuit, Setup]:
    given = {"trust_remote_code": trust} if run.config.trust_remote_code else {}
    subject = circuit_of_run(run.folder, given, split=split, files=None if setup is None else setup.identity)
    steps = Steps(execution.report)
    if setup is None:
        return subject, prepare(subject.config, subject.identity, steps)
    with steps.step("prompts", "preparing prompts to measure the circuit on"):
        prompts = selected(subject.config, setup.model, prompts_of(subject.config, setup.model))
        return subject, replace(setup, config=subject.config, prompts=prompts)
