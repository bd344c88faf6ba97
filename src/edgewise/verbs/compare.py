"""`edgewise.compare`: several finished runs of one model beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedTokenizerBase

from edgewise.metrics import Metric, MetricFunction
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.comparison import compare as compare_runs
from edgewise.runs.contest.comparison_result import Comparison
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.folder import Run, load_run
from edgewise.settings.conditions import MemorySettings
from edgewise.settings.evaluation import Ablation, EvaluationRequest
from edgewise.verbs.asked import folders_of, given_of
from edgewise.verbs.carried_out import carried_out, tell
from edgewise.verbs.given_model import model_of_runs
from edgewise.verbs.pictures import draw_result, show_beside

_HOW = ("ablation", "random")


def compare(
    runs: Sequence[str | Path | Run],
    *,
    out: str | Path,
    circuit: str | Path | None = None,
    n: int | None = None,
    seed: int | None = None,
    metric: str | Metric | MetricFunction | None = None,
    ablation: Ablation = "resample",
    random: int = 3,
    model: str | Path | nn.Module | Model | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    trust_remote_code: bool = False,
    batch_size: int | None = None,
    max_memory: int | str | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Comparison:
    """Compare finished runs: overlap, rank correlation, faithfulness at equal sizes, cost; as `edgewise compare` does.

    All are evaluated on the same prompts, held out from the first run's task, by the same metric. The numbers are kept
    in ``out``, with a picture: the same call reads them again, and one that was stopped goes on where it was.

    Args:
        runs: finished runs of one model, or their folders.
        out: folder for the result; made if need be.
        circuit: what they are held against, and then one run will do: ``"known"``, ``"known:ioi/gpt2"``,
            ``"interpbench:11"``, or a file; by default what is known of the first run's task in its model, if anything.
        n: number of prompts; as in the first run by default.
        seed: of the prompts, likewise.
        metric: what is measured; that of the prompts by default.
        ablation: what patched edges carry.
        random: number of random rankings beside the runs.
        model: of runs whose model was in memory and is not here any more: the module again, or its name where it is
            stored too.
        tokenizer: that of a model in memory, where it has none with it.
        trust_remote_code: run code that the runs' model carries.
        batch_size: prompts at a time; what memory allows by default.
        max_memory: memory to use in all, bytes or words such as ``"8GB"``; what is free by default.
        overwrite: measure again, in place of what is stored.
        progress: show what is waited for.

    Raises:
        RunError: too few or too many runs, one of them twice or unfinished, or runs of several models; no such circuit.
        RunConflictError: ``out`` holds another comparison, or files have changed.
        EdgewiseError: anything wrong with the model, the prompts or the metric.

    Example:
        ``edgewise.compare([run, other], out="runs/compared").overlap``
    """
    given = given_of(locals(), RunConfig, EvaluationRequest, MemorySettings)
    with carried_out(given, overwrite=overwrite, progress=progress, tokenizer=tokenizer) as execution:
        asked = None if circuit is None else str(circuit)
        found = hold_together(folders_of(runs), Path(out), given, execution, asked).results
    tell(found.warnings)
    return found


def hold_together(
    folders: Sequence[Path],
    out: Path,
    given: Mapping[str, Any],
    execution: Execution,
    circuit: str | None = None,
) -> StoredResults[Comparison]:
    """Compare what was asked for, and draw it.

    Args:
        folders: of the runs.
        out: the folder of the result.
        given: settings by their fields.
        execution: how it is carried out.
        circuit: what they are held against; None for what is known.
    """
    from edgewise.report.contest.comparison import comparison_picture

    how = {name: value for name, value in given.items() if name in _HOW}
    asked = {name: value for name, value in given.items() if name not in _HOW}
    with model_of_runs(folders, asked):
        found = compare_runs(folders, out, circuit=circuit, given=asked, **how, execution=execution)
    draw_result(execution, out, "comparison", lambda: comparison_picture(found))
    show_beside(out / "comparison.json", [load_run(folder) for folder in folders], execution.report)
    return found
