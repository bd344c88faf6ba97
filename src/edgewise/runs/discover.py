"""From a config to a run folder.

1. A finished run of the same config, model files and data is read and handed back; anything else in the
   folder is refused, unless the user overwrites it.
2. Load the model, make or read the prompts, check that the selection can be satisfied.
3. Score; the state goes to the disk now and then, and a run that was killed goes on from there.
4. Select the circuit from the scores as they are stored, and write everything in one step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgewise.attribution import METHODS, AttributionState, attribute
from edgewise.engine.memory import is_out_of_memory
from edgewise.errors import RunError, ScoreError
from edgewise.graph import Circuit
from edgewise.metrics import get_metric
from edgewise.models import Model, load_model
from edgewise.runs.checkpoint import Checkpoint, Saver, load_checkpoint, save_checkpoint
from edgewise.runs.config import RunConfig
from edgewise.runs.folder import Run, as_stored, read_record, read_run, refuse_other, require_free, write_run
from edgewise.runs.identity import identity, model_digest
from edgewise.runs.lock import writing
from edgewise.runs.prompts import prompts_of
from edgewise.runs.record import Counts, MetricSummary, PromptSummary, RunRecord, differences, versions
from edgewise.runs.selection import require_fits, select
from edgewise.runs.steps import Progress, Report, Steps, silent
from edgewise.tasks import TASKS, PromptSet


@dataclass(frozen=True, eq=False)
class _Setup:
    """What the scoring needs, loaded once."""

    config: RunConfig
    model: Model
    prompts: PromptSet
    identity: dict[str, str | None]

    @property
    def key(self) -> dict[str, Any]:
        """What an unfinished run must share to be continued."""
        return {
            "config": self.config.to_json(),
            "identity": dict(self.identity),
            "prompts": self.prompts.fingerprint(),
            "versions": versions(),
        }


def discover(
    config: RunConfig,
    folder: str | Path,
    *,
    overwrite: bool = False,
    max_memory: int | None = None,
    on_progress: Report | None = None,
) -> Run:
    """Score every edge, select a circuit and store the result.

    Args:
        config: what to do.
        folder: where the result goes; made if need be. One process at a time may write there.
        overwrite: replace another run, or compute the same one again; the old result stays until then.
        max_memory: bytes to use in all (see `score_edges`); it decides nothing but the micro-batch, so a run may be
            continued with another one.
        on_progress: called with the step and how far it is.

    Returns:
        The run; `reused` says that it was there already.

    Raises:
        RunConflictError: the folder holds another run, or another process is writing to it.
        EdgewiseError: anything wrong with the model, the prompts, the metric, the scores or the selection.
    """
    folder = Path(folder)
    _require_known(config)
    now = identity(config)
    with writing(folder):
        if not overwrite:
            require_free(folder, config)
            record = read_record(folder)
            if record is not None:
                refuse_other(folder, differences(record, config, now))
                return read_run(folder, reused=True)
        steps = Steps(on_progress or silent)
        setup = _prepare(config, now, steps)
        with steps.step("scoring", "scoring prompts"):
            state, earlier = _score(setup, folder, max_memory, steps.report)
        steps.seconds["scoring"] += earlier
        with steps.step("selection", "selecting the circuit"):
            scores = as_stored(state.scores(), config.dtype)
            circuit = select(scores, config.selection)
        write_run(folder, _record(setup, state, circuit, steps.seconds), scores, circuit)
        return read_run(folder)


def _require_known(config: RunConfig) -> None:
    """Refuse unknown names before anything slow begins."""
    METHODS.load(config.method)
    if config.metric is not None:
        get_metric(config.metric)
    if config.task is not None:
        TASKS.load(config.task)


def _prepare(config: RunConfig, known: dict[str, str | None], steps: Steps) -> _Setup:
    with steps.step("model", f"loading {config.model}"):
        model = load_model(
            config.model,
            config=config.config,
            dtype=config.dtype,
            device=config.device,
            ignore_config=config.ignore_config,
            trust_remote_code=config.trust_remote_code,
        )
    require_fits(config.selection, model.graph, config.level)
    with steps.step("prompts", "preparing prompts"):
        prompts = prompts_of(config, model)
    # A hub model that had to be fetched is in the local cache only now.
    found = known | {"model": known["model"] or model_digest(config.model)}
    return _Setup(config, model, prompts, found)


def _score(setup: _Setup, folder: Path, max_memory: int | None, report: Report) -> tuple[AttributionState, float]:
    """The finished state, and the seconds that an earlier process spent on it."""
    key = setup.key
    state, earlier = _resume(setup, folder, key)
    begun = time.monotonic()

    def save(at: AttributionState) -> None:
        spent = earlier + time.monotonic() - begun
        save_checkpoint(folder, Checkpoint(key, at.tensors(), spent))

    saver = Saver(save)
    report(Progress("scoring prompts", state.done if state else 0, len(setup.prompts)))
    states = _states(setup, state, max_memory)
    try:
        for state in states:
            report(Progress("scoring prompts", state.done, state.total))
            if not state.finished:
                saver.offer(state)
    except KeyboardInterrupt:
        if state is not None:
            save(state)
        raise
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise RunError(
            f"out of memory on {setup.config.device} with one prompt at a time; give shorter prompts or more memory"
        ) from error
    if state is None:
        raise RunError(f"method '{setup.config.method}' gave no scores; use another one")
    return state, earlier


def _states(setup: _Setup, state: AttributionState | None, max_memory: int | None) -> Iterator[AttributionState]:
    config = setup.config
    return attribute(
        setup.model,
        setup.prompts,
        method=config.method,
        metric=config.metric,
        level=config.level,
        batch_size=config.batch_size,
        per_prompt=config.per_prompt,
        max_memory=max_memory,
        state=state,
    )


def _resume(setup: _Setup, folder: Path, key: Mapping[str, Any]) -> tuple[AttributionState | None, float]:
    checkpoint = load_checkpoint(folder)
    if checkpoint is None or checkpoint.key != key:
        return None, 0.0
    state = AttributionState.from_tensors(
        checkpoint.tensors,
        setup.model.graph,
        level=setup.config.level,
        per_prompt=setup.config.per_prompt,
    )
    return state, checkpoint.seconds


def _record(setup: _Setup, state: AttributionState, circuit: Circuit, seconds: Mapping[str, float]) -> RunRecord:
    config, prompts, graph = setup.config, setup.prompts, setup.model.graph
    rounded = {step: round(spent, 3) for step, spent in seconds.items()}
    return RunRecord(
        config=config,
        identity=setup.identity,
        versions=versions(),
        model=_describe(setup.model),
        prompts=PromptSummary(
            prompts.name,
            len(prompts),
            prompts.dropped,
            prompts.bos,
            prompts.fingerprint(),
            dict(prompts.info),
        ),
        metric=_metric(get_metric(config.metric or prompts.metric).name, state),
        counts=Counts(graph.n_edges, graph.n_sources, graph.n_destinations, circuit.n_edges, len(circuit.nodes())),
        batch_size=state.batch_size,
        timing=rounded | {"total": round(sum(seconds.values()), 3)},
        warnings=(*prompts.warnings, *_memory_warning(state)),
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _memory_warning(state: AttributionState) -> tuple[str, ...]:
    if state.batch_size == state.planned_batch_size:
        return ()
    return (
        f"memory ran out with {state.planned_batch_size} prompts at a time, so {state.batch_size} were run at a time;"
        " no score changed",
    )


def _describe(model: Model) -> dict[str, Any]:
    return {
        "architecture": type(model.module).__name__,
        "graph": asdict(model.graph.spec),
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": str(model.device),
        "threads": torch.get_num_threads(),
    }


def _metric(name: str, state: AttributionState) -> MetricSummary:
    clean, clean_stderr = _mean(name, "clean", state.clean_metric)
    corrupted, corrupted_stderr = _mean(name, "corrupted", state.corrupted_metric)
    return MetricSummary(name, clean, clean_stderr, corrupted, corrupted_stderr)


def _mean(name: str, which: str, values: np.ndarray[Any, Any]) -> tuple[float, float | None]:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ScoreError(
            f"metric '{name}' of prompt {bad[0] + 1} is {values[bad[0]]} on the {which} run; "
            "check the model's weights, or use dtype float32"
        )
    stderr = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return float(values.mean()), stderr
