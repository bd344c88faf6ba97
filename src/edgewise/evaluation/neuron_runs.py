"""What a table of an evaluation of heads and neurons is filled with: all others carry their corrupted activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from edgewise.engine.patching.activations import kept_logits
from edgewise.engine.run.activations import CorruptedActivations, Site, corrupted_activations, sites
from edgewise.engine.run.batches import Batch
from edgewise.evaluation.circuit_runs import Kept, Measures
from edgewise.metrics import Metric
from edgewise.models import Model


@dataclass(frozen=True, eq=False)
class NeuronRuns(Measures):
    """Metric, KL and correct answers of every prompt and circuit.

    Args:
        model: the model.
        metric: the metric of the behaviour.
        circuits: masks ``[n_nodes]`` of what is kept, run after run.
        with_accuracy: whether the prompts have answers.
    """

    model: Model
    metric: Metric
    circuits: Kept
    with_accuracy: bool

    @cached_property
    def places(self) -> tuple[Site, ...]:
        """Where heads and neurons stand."""
        return sites(self.model)

    def open(self, batch: Batch) -> _NeuronRunsOfBatch:
        """Run the corrupted prompts, and the clean ones with nothing patched."""
        corrupted = corrupted_activations(self.model, self.places, batch)
        every = torch.ones(1, self.places[-1].nodes.stop, dtype=torch.bool, device=self.model.device)
        clean = kept_logits(self.model, self.places, corrupted, every)[0]
        return _NeuronRunsOfBatch(self, batch, corrupted, clean, self.of_prompts(clean, batch))


@dataclass(frozen=True, eq=False)
class _NeuronRunsOfBatch:
    """One micro-batch of prompts."""

    work: NeuronRuns
    batch: Batch
    corrupted: CorruptedActivations
    clean: Tensor
    of_prompts: Mapping[str, Tensor]

    def measure(self, targets: Sequence[int]) -> Mapping[str, Tensor]:
        """Run the prompts with everything patched that is outside each of some circuits."""
        work, circuits = self.work, self.work.circuits
        kept = torch.tensor(np.stack([circuits.kept(number) for number in targets]), device=work.model.device)
        runs = kept_logits(work.model, work.places, self.corrupted, kept)
        return work.of_runs(zip(map(circuits.words, targets), runs, strict=True), self.batch, self.clean)
