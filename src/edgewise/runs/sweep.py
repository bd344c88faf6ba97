"""Several runs that differ in their method's settings alone: each a run folder of its own within one folder.

The model and the prompts are loaded once, and the method shares among the runs what is common. Every run ends as it
would alone. Runs that are there already are kept; a sweep that was killed goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from edgewise.errors import RunConflictError, RunError
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import known, record_of
from edgewise.runs.methods import get_method
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import prepare
from edgewise.runs.steps import SCORING, Execution, Steps
from edgewise.runs.store.atomic import content
from edgewise.runs.store.checkpoint import PROGRESS
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.commit import commit
from edgewise.runs.store.folder import (
    RUN,
    TRACE,
    Run,
    as_stored,
    read_record,
    read_run,
    refuse_other,
    require_free,
    require_same_files,
    write_run,
)
from edgewise.runs.store.lock import writing
from edgewise.runs.store.record import differences

SWEEP = "sweep.json"


def grid(config: RunConfig, values: Mapping[str, tuple[Any, ...]]) -> dict[str, RunConfig]:
    """Every combination of some settings' values, by the name of its folder, such as ``"tau-0.05"``.

    Raises:
        RunError: a value that is given twice.
    """
    for name, given in values.items():
        twice = next((value for value in given if given.count(value) > 1), None)
        if twice is not None:
            raise RunError(f"--{name.replace('_', '-')} {twice} is given twice; give it once")
    configs = {}
    for chosen in product(*values.values()):
        settings = dict(zip(values, chosen, strict=True))
        folder = "-".join(f"{name.replace('_', '-')}-{value}" for name, value in settings.items())
        configs[folder] = replace(config, settings={**config.settings, **settings})
    return configs


def sweep(
    configs: Mapping[str, RunConfig],
    folder: str | Path,
    execution: Execution = Execution(),
) -> tuple[Run, ...]:
    """Make all runs.

    Args:
        configs: what each is to do, by the name of its folder; they differ in their settings alone.
        folder: where these folders go, and a table of them, ``sweep.json``.
        execution: how it is carried out, `Execution`.

    Raises:
        RunConflictError: the folder holds a single run, or one of these folders another run.
        EdgewiseError: see `discover`.
    """
    folder, configs = Path(folder), {name: known(config) for name, config in configs.items()}
    first = next(iter(configs.values()))
    method = get_method(first.method)
    with writing(folder):
        if (folder / RUN).exists():
            raise RunConflictError(f"{folder}: holds a single run; choose another folder for a sweep")
        if not execution.overwrite:
            require_same_files(folder, first, "unfinished sweep")
        left = dict(configs)
        for name, config in () if execution.overwrite else configs.items():
            require_free(folder / name, config)
            record = read_record(folder / name)
            if record is not None:
                refuse_other(folder / name, differences(record, config))
                del left[name]
        if left:
            steps = Steps(execution.report)
            setup = prepare(first, None, steps)
            asked, pace = list(left.values()), method.pace(first, setup.model, setup.prompts)
            conditions = execution.conditions(first.batch_size)
            with steps.step("scoring", SCORING):
                state, earlier = run_to_end(
                    lambda stored: method.together(asked, setup.model, setup.prompts, conditions, stored),
                    folder,
                    setup.key | {"sweep": [to_json(config.deciding) for config in asked]},
                    steps.report,
                    SCORING,
                    pace=None if pace is None else lambda now: pace(now.states[0]),
                    unit=method.unit,
                )
            spent = (steps.seconds["scoring"] + earlier) / len(asked)
            for (name, config), its in zip(left.items(), state.states, strict=True):
                scores = as_stored(its.scores(), config.dtype)
                circuit = method.circuit(config, its, scores)
                # What is shared belongs to none of them, so each says an equal part of the whole.
                seconds = steps.seconds | {"scoring": spent}
                record = record_of(replace(setup, config=config), method, its, scores, circuit, seconds)
                with writing(folder / name):
                    write_run(folder / name, record, scores, circuit, method.trace(its))
        runs = tuple(read_run(folder / name, reused=name not in left) for name in configs)
        text = json.dumps(sweep_document(runs), indent=1) + "\n"
        commit(folder, {SWEEP: content(text.encode())}, gone=[PROGRESS])
        return runs


def sweep_document(runs: tuple[Run, ...]) -> dict[str, Any]:
    """What is to be compared of the runs of a sweep, as JSON values."""
    return {"format": "edgewise-sweep", "format_version": 1, "runs": [*map(_row, runs)]}


def _row(run: Run) -> dict[str, Any]:
    record = run.record
    tests = list(_tests(run.folder / TRACE))
    removed = [test for test in tests if not test["kept"]]
    metric = record.metric
    return {
        "folder": run.folder.name,
        "settings": dict(run.config.settings),
        "edges": record.counts.circuit_edges,
        "of": record.counts.edges,
        "tested": len(tests),
        "metric": metric.name,
        "clean": metric.clean,
        "circuit": removed[-1]["after"] if removed else tests[0]["before"] if tests else metric.clean,
        "corrupted": metric.corrupted,
    }


def _tests(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        yield json.loads(line)
