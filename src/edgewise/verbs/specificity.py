"""`edgewise.specificity`: what a circuit keeps of other tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgewise.runs.specificity import Specificity, write_specificity
from edgewise.runs.specificity import specificity as measure
from edgewise.runs.store.folder import Run
from edgewise.settings.conditions import MemorySettings
from edgewise.verbs.asked import folders_of, given_of
from edgewise.verbs.carried_out import carried_out


def specificity(
    runs: str | Path | Run | Sequence[str | Path | Run],
    *,
    tasks: str | Sequence[str] | None = None,
    prompts: int = 50,
    circuits: int = 3,
    out: str | Path | None = None,
    batch_size: int | None = None,
    max_memory: int | str | None = None,
    progress: bool = True,
) -> Specificity:
    """Measure the circuits of runs on other tasks, beside random ones of their size, as `edgewise specificity` does.

    Faithfulness is 1 where a circuit keeps all of a task's metric, and 0 where it keeps no more than nothing. A circuit
    that keeps other tasks as well is not of its own task alone.

    Args:
        runs: a finished run, or several of one model, or their folders.
        tasks: names of tasks, or files of templates; by default all whose words the model's tokenizer has.
        prompts: held-out prompts of each task.
        circuits: random circuits of each size.
        out: JSON file for the numbers.
        batch_size: prompts at a time; what memory allows by default.
        max_memory: memory to use in all, bytes or words such as ``"8GB"``; what is free by default.
        progress: show what is waited for.

    Returns:
        One cell for each run and task: what its circuit keeps and what random ones do, or why there are no prompts.

    Raises:
        RunError: runs of several models, or none of the tasks can be made.
        EdgewiseError: no finished run there, unknown tasks.

    Example:
        ``edgewise.specificity(run, tasks=["ioi", "greater-than"]).cells``
    """
    given = given_of(locals(), MemorySettings)
    with carried_out(given, overwrite=False, progress=progress, stop="nothing is kept") as execution:
        found = measure(
            folders_of(runs),
            [tasks] if isinstance(tasks, str) else tasks,
            n=prompts,
            random=circuits,
            execution=execution,
            batch_size=batch_size,
        )
    if out is not None:
        write_specificity(found, Path(out))
    return found
