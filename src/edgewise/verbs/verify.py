"""`edgewise.verify`: how far the scores of a finished run can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from torch import nn
from transformers import PreTrainedTokenizerBase

from edgewise import processes
from edgewise.metrics import Metric, MetricFunction
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.either import AnyRun, load_any
from edgewise.runs.store.names import VERIFICATION_PICTURES
from edgewise.runs.store.shown import are_shown, write_shown
from edgewise.runs.verification import Verification
from edgewise.runs.verify import verify as verify_run
from edgewise.settings.conditions import MemorySettings
from edgewise.settings.texts import read_count
from edgewise.verbs.asked import folder_of, given_of
from edgewise.verbs.carried_out import carried_out
from edgewise.verbs.given_model import model_of_runs
from edgewise.verbs.pictures import DRAWING, show_on_page


def verify(
    run: str | Path | AnyRun,
    *,
    edges: int | Literal["all"] = 500,
    largest: int | None = None,
    top_k: int | None = None,
    seed: int = 0,
    model: str | Path | nn.Module | Model | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    metric: str | Metric | MetricFunction | None = None,
    trust_remote_code: bool = False,
    batch_size: int | None = None,
    max_memory: int | str | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Verification:
    """Measure what patching some edges of a finished run really does, as `edgewise verify` does.

    The edges most in doubt are measured, and some of the others drawn at random, on the run's own prompts; from
    these the agreement over all edges is estimated. The numbers are kept in the run's folder, with a picture: the same
    call reads them again, and one that was stopped goes on where it was.

    Args:
        run: a finished run, or its folder.
        edges: how many edges (or nodes, or heads and neurons) to measure, or ``"all"``.
        largest: how many of these are the most in doubt; half of them by default.
        top_k: how many of the largest are to be found; as the circuit by default.
        seed: of the draw.
        model: of a run whose model was in memory and is not here any more: the module again, or its name where it is
            stored too.
        tokenizer: that of a model in memory, where it has none with it.
        metric: the run's, named again where it is code of a file or a function of yours.
        trust_remote_code: run code that the run's model carries.
        batch_size: prompts at a time; as in the run by default.
        max_memory: memory to use in all, bytes or words such as ``"8GB"``; what is free by default.
        overwrite: measure again, in place of what is stored.
        progress: show what is waited for.

    Raises:
        RunError: no finished run, or one whose scores are exact already.
        RunConflictError: another verification is stored there, or the files behind the run have changed.
        EdgewiseError: anything wrong with the numbers, the model or the prompts.

    Example:
        ``edgewise.verify(run, edges=200).verdict``
    """
    given = given_of(locals(), RunConfig, MemorySettings)
    number = read_count("edges", str(edges))
    with carried_out(given, overwrite=overwrite, progress=progress, tokenizer=tokenizer) as execution:
        return check(folder_of(run), number, largest, top_k, given, execution)[1]


def check(
    folder: Path,
    edges: int | None,
    largest: int | None,
    top_k: int | None,
    given: Mapping[str, Any],
    execution: Execution,
) -> tuple[AnyRun, Verification]:
    """Measure what was asked for, draw it, and put it onto the page of the run.

    Args:
        folder: of the run.
        edges: how many; None for all.
        largest: as of `verify`.
        top_k: as of `verify`.
        given: settings by their fields.
        execution: how it is carried out.
    """
    rest = dict(given)
    with model_of_runs([folder], rest):
        found = verify_run(folder, edges=edges, top=largest, top_k=top_k, **rest, execution=execution)
    run = load_any(folder)
    processes.in_first(lambda: _draw(run, found, execution))
    show_on_page(run, execution.report)
    return run, found


def _draw(run: AnyRun, found: Verification, execution: Execution) -> None:
    """Draw a verification, unless it is drawn."""
    if found.reused and are_shown(run.folder, VERIFICATION_PICTURES):
        return
    from edgewise.report.files import picture_files
    from edgewise.report.scenes import run_verification

    execution.report(Progress(DRAWING))
    write_shown(run, picture_files("verification", run_verification(run, found)))
