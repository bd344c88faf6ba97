"""Several runs that differ in their method's settings alone: each a run folder of its own within one folder.

1. Runs that are there already are kept, whatever was killed in the middle of writing them being brought to its end.
2. The model and the prompts are loaded once, and the method shares among the runs that are left what is common; every
   run ends as it would alone. A state on the disk is gone on from, also where some of its runs are finished since.
3. Each run is written in one step, and a table of all goes to ``sweep.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

from edgewise.errors import EdgewiseError, RunConflictError, RunError
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import known, record_of
from edgewise.runs.methods import get_method
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import SCORING, Execution, Steps
from edgewise.runs.store.atomic import content
from edgewise.runs.store.checkpoint import PROGRESS, load_checkpoint
from edgewise.runs.store.codec import from_json, to_json
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
# In the key of an unfinished sweep: the configs of its runs.
_RUNS = "sweep"


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
    with writing(folder):
        if (folder / RUN).exists():
            raise RunConflictError(f"{folder}: holds a single run; choose another folder for a sweep")
        left = configs
        if not execution.overwrite:
            require_same_files(folder, first, "unfinished sweep")
            left = {name: config for name, config in configs.items() if not _is_there(folder / name, config)}
        if left:
            steps = Steps(execution.report)
            setup = prepare(first, None, steps)
            _make(left, _together(left, configs, folder, setup), setup, folder, execution, steps)
        runs = tuple(read_run(folder / name, reused=name not in left) for name in configs)
        text = json.dumps(to_json(sweep_table(runs)), indent=1) + "\n"
        commit(folder, {SWEEP: content(text.encode())}, gone=[PROGRESS])
        return runs


def _is_there(folder: Path, config: RunConfig) -> bool:
    """Whether a run is finished; refuses another one. Holding the folder ends a write that was stopped within it."""
    with writing(folder):
        require_free(folder, config)
        record = read_record(folder)
        if record is not None:
            refuse_other(folder, differences(record, config))
        return record is not None


def _make(
    left: Mapping[str, RunConfig],
    together: Sequence[RunConfig],
    setup: Setup,
    folder: Path,
    execution: Execution,
    steps: Steps,
) -> None:
    """Make the runs that are left, in one go with those that share their state, and write each into its folder."""
    first = setup.config
    method = get_method(first.method)
    pace, conditions = method.pace(first, setup.model, setup.prompts), execution.conditions(first.batch_size)
    with steps.step("scoring", SCORING):
        state, earlier = run_to_end(
            lambda stored: method.together(together, setup.model, setup.prompts, conditions, stored),
            folder,
            setup.key | {_RUNS: [to_json(config.deciding) for config in together]},
            steps.report,
            SCORING,
            pace=None if pace is None else lambda now: pace(now.states[0]),
            unit=method.unit,
        )
    # What is shared belongs to none of them, so each says an equal part of the whole.
    seconds = steps.seconds | {"scoring": (steps.seconds["scoring"] + earlier) / len(together)}
    for name, config in left.items():
        its = state.states[together.index(config)]
        scores = as_stored(its.scores(), config.dtype)
        circuit = method.circuit(config, its, scores)
        record = record_of(replace(setup, config=config), method, its, scores, circuit, seconds)
        with writing(folder / name):
            write_run(folder / name, record, scores, circuit, method.trace(its))


def _together(
    left: Mapping[str, RunConfig], configs: Mapping[str, RunConfig], folder: Path, setup: Setup
) -> list[RunConfig]:
    """The runs of the state on the disk, where it is one of these prompts and some of the runs are finished since."""
    checkpoint, alone = load_checkpoint(folder), list(left.values())
    if checkpoint is None or {**checkpoint.key, _RUNS: None} != {**setup.key, _RUNS: None}:
        return alone
    try:
        begun = [from_json(RunConfig, values, PROGRESS) for values in checkpoint.key[_RUNS]]
    except (EdgewiseError, TypeError, KeyError):
        return alone
    asked = list(configs.values())
    known = all(config in asked for config in begun) and all(config in begun for config in alone)
    return begun if known else alone


@dataclass(frozen=True)
class SweptRun:
    """One run of a sweep, as its table says it.

    Args:
        folder: its name.
        settings: of its method.
        edges: how many its circuit keeps.
        of: of how many.
        tested: how many were tested.
        metric: its name.
        clean: its mean on the clean prompts.
        circuit: with what the circuit lacks patched.
        corrupted: on the corrupted prompts.
    """

    folder: str
    settings: Mapping[str, Any] = field(hash=False)
    edges: int
    of: int
    tested: int
    metric: str
    clean: float
    circuit: float
    corrupted: float


@dataclass(frozen=True)
class SweepTable:
    """What is to be compared of the runs of a sweep."""

    format: ClassVar[str] = "edgewise-sweep"
    format_version: ClassVar[int] = 1

    runs: tuple[SweptRun, ...]


def sweep_table(runs: tuple[Run, ...]) -> SweepTable:
    """Return the table of a sweep's runs."""
    return SweepTable(tuple(map(_swept, runs)))


def _swept(run: Run) -> SweptRun:
    counts, metric, trace = run.record.counts, run.record.metric, run.folder / TRACE
    lines = trace.read_text(encoding="utf-8").splitlines() if trace.is_file() else ()
    tests = [json.loads(line) for line in lines]
    removed = [test for test in tests if not test["kept"]]
    ends = removed[-1]["after"] if removed else tests[0]["before"] if tests else metric.clean
    return SweptRun(
        run.folder.name,
        dict(run.config.settings),
        counts.circuit_edges,
        counts.edges,
        len(tests),
        metric.name,
        metric.clean,
        ends,
        metric.corrupted,
    )
