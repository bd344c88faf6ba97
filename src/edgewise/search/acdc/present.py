"""One circuit on all prompts, a micro-batch at a time, changed from the output back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgewise.engine.partial.circuit_values import CircuitValues
from edgewise.engine.partial.incremental import RunningCircuit
from edgewise.engine.run.at_once import most_tokens
from edgewise.engine.run.batches import Batch, divide
from edgewise.engine.run.memory import shares
from edgewise.engine.run.metric_gradient import metric_values, require_finite
from edgewise.engine.run.references import with_references
from edgewise.engine.run.replacement import Baseline, corrupted_run, resample_from
from edgewise.engine.run.room import Allowances
from edgewise.graph.arrays import BoolArray
from edgewise.metrics import Metric, MetricBatch
from edgewise.models import Model
from edgewise.search.table.cells import Array
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair


@dataclass(frozen=True, eq=False)
class _Part:
    """One micro-batch."""

    running: RunningCircuit
    answers: MetricBatch


class PresentCircuit:
    """The circuit at hand, at first the whole model, and what its metric would be without some edges.

    Args:
        model: the model; untouched between calls.
        metric: the metric.
        pairs: the prompts; removed edges carry corrupted values.
        rows: prompts a run.
        conditions: how much memory may be used.

    Attributes:
        clean_metric: of every prompt on the clean run, ``[n_prompts]``.
        corrupted_metric: likewise on the corrupted run.
        most: how many variants are worth running together.
    """

    def __init__(
        self,
        model: Model,
        metric: Metric,
        pairs: Sequence[PromptPair],
        rows: int,
        conditions: Conditions,
    ) -> None:
        """Run the prompts clean and corrupted.

        Raises:
            MemoryLimitError: the runs of all prompts, which are kept, will not fit.
        """
        allowance, done = Allowances.now(shares(model), conditions), 0
        self._metric, self._parts = metric, list[_Part]()
        self.clean_metric = np.full(len(pairs), np.nan)
        self.corrupted_metric = np.full(len(pairs), np.nan)
        tokens = 1
        for taken, batch in divide(pairs, rows, model.device, causal=model.wiring.causal):
            batch = with_references(model, batch, metric)
            outputs, corrupted, cache = corrupted_run(model, batch)
            part = self._part(model, batch, resample_from(batch, outputs, cache))
            self._parts.append(part)
            values = self._values(part, part.running.logits)
            require_finite(metric, values)
            self.clean_metric[taken] = values.cpu().numpy()
            full = metric_values(metric, corrupted, batch.metric, part.running.clean_logits)
            self.corrupted_metric[taken] = full.cpu().numpy()
            tokens = max(tokens, batch.clean.numel())
            done += len(taken)
            allowance.require(done, len(pairs))
        self.most = max(1, most_tokens(model.device) // tokens)

    def begin(self, kept: BoolArray) -> float:
        """Make another circuit the present one, and return its mean metric."""
        total = 0.0
        for part in self._parts:
            part.running.begin(kept)
            total += float(self._values(part, part.running.logits).sum())
        return total / len(self.clean_metric)

    def snapshot(self) -> list[CircuitValues]:
        """The present circuit with its values, for `restore`."""
        return [part.running.snapshot() for part in self._parts]

    def restore(self, values: Sequence[CircuitValues]) -> None:
        """Make the circuit of a `snapshot` the present one again."""
        for part, its in zip(self._parts, values, strict=True):
            part.running.restore(its)

    def is_read(self, into: tuple[int, ...]) -> bool:
        """Whether any kept edge leads on from a destination's node, at its place if it has one, in any prompt."""
        return any(part.running.is_read(into) for part in self._parts)

    def without(self, into: tuple[int, ...], removed: Sequence[int], more: Sequence[int] = ()) -> Array:
        """The metric without some sources of a destination: with the first one, two, ... of ``more`` gone too."""
        total = np.zeros(max(1, len(more)))
        for part in self._parts:
            trial = part.running.trial(into, removed, more)
            total += torch.stack([self._values(part, logits).sum() for logits in trial.logits]).cpu().numpy()
        return total / len(self.clean_metric)

    def remove(self, into: tuple[int, ...], removed: Sequence[int]) -> None:
        """Remove edges into a destination for good."""
        for part in self._parts if removed else ():
            part.running.accept(part.running.trial(into, removed))

    def drop(self, into: tuple[int, ...]) -> None:
        """Remove all edges into a destination that nobody reads."""
        for part in self._parts:
            part.running.drop(into)

    def _part(self, model: Model, batch: Batch, baseline: Baseline) -> _Part:
        """A micro-batch, run clean; with the logits of the answers alone where the metric needs no more."""
        if self._metric.answers_alone:
            tokens, named = batch.metric.of_answers()
            running = RunningCircuit(model, baseline, tokens)
            return _Part(running, named if running.narrowed else batch.metric)
        running = RunningCircuit(model, baseline)
        answers = batch.metric
        return _Part(running, answers.with_clean_logits(running.logits) if self._metric.needs_clean_logits else answers)

    @torch.no_grad()
    def _values(self, part: _Part, logits: Tensor) -> Tensor:
        return self._metric(logits, part.answers).double()
