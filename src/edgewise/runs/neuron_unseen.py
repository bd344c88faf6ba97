"""The prompts that the circuit of a run of neurons is measured on: held-out ones, or its own where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgewise.errors import DataError, RunConflictError
from edgewise.runs.config import RunConfig
from edgewise.runs.evaluated import EvaluatedPrompts
from edgewise.runs.evaluated_circuit import DECIDING, HELD_OUT, config_after
from edgewise.runs.identity import changed, identity
from edgewise.runs.model_answers import selected
from edgewise.runs.prompts import prompts_of
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import Steps
from edgewise.runs.store.analysis import FILES
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.neurons import NeuronRun

ON_ITS_OWN = "the circuit was found on these prompts, so the numbers say how well it fits them, no more"


@dataclass(frozen=True, eq=False)
class Measuring:
    """A run, and what its circuit is measured with.

    Args:
        run: the run.
        setup: its model, where that is loaded already.
        config: the model and the prompts.
        files: fingerprints of their files.
    """

    run: NeuronRun
    setup: Setup | None
    config: RunConfig
    files: Mapping[str, str | None]

    @classmethod
    def of(cls, run: NeuronRun, setup: Setup | None = None, given: Mapping[str, Any] | None = None) -> Measuring:
        """Measure on held-out prompts, with what is given in place of the run's own.

        Raises:
            RunConflictError: files have changed since the run.
        """
        config = config_after(run.config, given or {}, HELD_OUT)
        now = identity(config) if setup is None else dict(setup.identity)
        _refuse_changed(run, config, now)
        return cls(run, setup, config, now)

    @property
    def asked(self) -> dict[str, Any]:
        """All of it that decides the numbers, as JSON values."""
        config = to_json(self.config)
        return {name: config[name] for name in DECIDING} | {FILES: dict(self.files)}

    @property
    def metric(self) -> str:
        """The metric's name."""
        return self.config.metric or self.run.record.metric.name

    def ready(self, steps: Steps) -> Setup:
        """The model and held-out prompts, or the run's own where there are none others."""
        try:
            return self._ready(self.config, steps)
        except DataError:
            return self._ready(replace(self.config, split=self.run.config.split), steps)

    def _ready(self, config: RunConfig, steps: Steps) -> Setup:
        if self.setup is None:
            return prepare(config, self.run.record.identity, steps)
        with steps.step("prompts", "preparing prompts to measure the circuit on"):
            prompts = selected(config, self.setup.model, prompts_of(config, self.setup.model))
            return replace(self.setup, config=config, prompts=prompts)

    def about(self, ready: Setup) -> EvaluatedPrompts:
        """What is stored of the prompts."""
        prompts, found = ready.prompts, self.run.record.prompts
        note = ON_ITS_OWN if prompts.fingerprint() == found.fingerprint else None
        of = ready.config.divided
        return EvaluatedPrompts(prompts.name, len(prompts), of, prompts.dropped, prompts.fingerprint(), note)


def _refuse_changed(run: NeuronRun, config: RunConfig, now: Mapping[str, str | None]) -> None:
    same = [
        part for part in ("model", "config", "data", "metric") if getattr(config, part) == getattr(run.config, part)
    ]
    other = changed(run.record.identity, {part: now.get(part) for part in same})
    if other:
        raise RunConflictError(
            f"{run.folder}: since the circuit was found, {'; '.join(other)}; put them back, or run"
            " `edgewise discover` again with --overwrite"
        )
