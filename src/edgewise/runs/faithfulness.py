"""How much of the behaviour the circuit of a run keeps, measured right after it was found, on prompts of `unseen`.

Which prompts they were is stored with the numbers, as ``faithfulness.json`` beside the run; the scores stand there
already, so that nothing of them is lost where this fails or is stopped.
"""

from __future__ import annotations

from dataclasses import replace

from edgewise.errors import EdgewiseError, RunConflictError
from edgewise.runs.evaluate import evaluate
from edgewise.runs.setup import Setup
from edgewise.runs.steps import Execution
from edgewise.runs.store.folder import FAITHFULNESS, Run, read_run
from edgewise.runs.unseen import on_unseen
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
    return replace(read_run(run.folder), selected_anew=run.selected_anew, unsized=run.unsized)


def _measure(run: Run, setup: Setup | None, execution: Execution) -> None:
    wanted = EvaluationRequest(curve=False, random=0, seed=run.config.seed)
    # The run is what this command asked for, trust included: a run of another config is refused before.
    subject, ready = on_unseen(run, setup, execution, trust=True)
    evaluate(subject, wanted, run.folder, execution, load=lambda *_: ready, name=FAITHFULNESS)
