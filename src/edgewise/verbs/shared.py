"""`edgewise.shared`: what several sets of prompts have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewise.metrics import Metric, MetricFunction
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.shared import share
from edgewise.runs.contest.shared_result import Shared
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.folder import Run, load_run
from edgewise.settings.conditions import MemorySettings
from edgewise.settings.evaluation import EvaluationRequest
from edgewise.settings.selection import Selection
from edgewise.settings.together import Way
from edgewise.verbs.asked import RULE, folders_of, given_of
from edgewise.verbs.carried_out import carried_out, tell
from edgewise.verbs.pictures import draw_result, write_page_of


def shared(
    runs: Sequence[str | Path | Run],
    *,
    out: str | Path,
    together: Way = "min",
    top: int | None = None,
    threshold: float | None = None,
    fraction: float | None = None,
    greedy: bool = False,
    prune: bool = False,
    metric: str | Metric | MetricFunction | None = None,
    evaluate: bool = True,
    random: int = 3,
    trust_remote_code: bool = False,
    batch_size: int | None = None,
    max_memory: int | str | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Shared:
    """Make one circuit of the runs of several sets of prompts, as `edgewise shared` does, and say what each has alone.

    A score is taken as a part of its set's whole effect, ``score / |L(corrupted) - L(clean)|``, and of an edge's parts
    the shared score is the least where all agree in sign and 0 elsewhere (``"min"``), their mean, or the mean of their
    ranks. The shared circuit, each set's own and random ones are measured on every set's held-out prompts. ``out`` gets
    ``shared.json``, a picture, ``circuit.json`` for `read_circuit`, and a page; the same call reads them again.

    Args:
        runs: finished runs of one model, or their folders, each of a set of prompts.
        out: folder for the result; made if need be.
        together: ``"min"``, ``"mean"`` or ``"rank"``.
        top: edges in the shared circuit; likewise ``threshold`` and ``fraction``.
        greedy: grow the circuit from the logits back.
        prune: take out what is on no path from the input to the logits.
        metric: a metric of a file that the runs were made with, named again so that its code may run.
        evaluate: measure circuits on every set; without, no model is run.
        random: how many random circuits of the size of the shared one.
        trust_remote_code: run code that the runs' model carries.
        batch_size: prompts at a time; what memory allows by default.
        max_memory: memory to use in all, bytes or words such as ``"8GB"``; what is free by default.
        overwrite: measure again, in place of what is stored.
        progress: show what is waited for.

    Returns:
        The sets, the edges of the shared circuit with each set's part, those of one set alone, and what circuits keep.

    Raises:
        RunError: fewer than two runs, one of them twice, or runs of several models.
        RunConflictError: ``out`` holds another result, or files have changed.
        EdgewiseError: anything wrong with the model, the prompts or the selection.

    Example:
        ``edgewise.shared([run, other], out="runs/shared", top=100).top[0].parts``
    """
    given = given_of(locals(), RunConfig, Selection, EvaluationRequest, MemorySettings)
    with carried_out(given, overwrite=overwrite, progress=progress) as execution:
        folders = folders_of(runs)
        found = hold_in_common(folders, Path(out), together, evaluate, given, execution).results
    tell(found.warnings)
    return found


def hold_in_common(
    folders: Sequence[Path], out: Path, way: Way, evaluate: bool, given: Mapping[str, Any], execution: Execution
) -> StoredResults[Shared]:
    """Find what is shared, and draw it.

    Args:
        folders: of the runs.
        out: the folder of the result.
        way: scores become one.
        evaluate: measure circuits.
        given: settings by their fields.
        execution: how it is carried out.
    """
    found = share(
        folders,
        out,
        way=way,
        selection=Selection(**{name: value for name, value in given.items() if name in RULE}),
        evaluate=evaluate,
        random=given.get("random", EvaluationRequest().random),
        trust_remote_code=bool(given.get("trust_remote_code")),
        batch_size=given.get("batch_size"),
        execution=execution,
    )
    show_in_common(found.results, out, folders, execution)
    return found


def show_in_common(found: Shared, out: Path, folders: Sequence[Path], execution: Execution) -> None:
    """Draw what is shared, and make a page of the runs with it.

    Args:
        found: what is shared.
        out: its folder.
        folders: of the runs.
        execution: how it is carried out.
    """
    from edgewise.report.contest.shared import shared_picture

    draw_result(execution, out, "shared", lambda: shared_picture(found))
    write_page_of(out / "shared.json", [load_run(folder) for folder in folders], execution.report)
