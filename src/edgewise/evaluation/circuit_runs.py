"""What a table of an evaluation is filled with: three numbers for every prompt and circuit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.metric_gradient import metric_values, require_finite
from edgewise.engine.run.replacement import Baseline
from edgewise.errors import ScoreError
from edgewise.graph.arrays import BoolArray
from edgewise.metrics import METRICS, Metric
from edgewise.models import Model

METRIC, KL, CORRECT = "metric", "kl", "correct"


class Kept(Protocol):
    """Circuits by number."""

    def __len__(self) -> int: ...
    def kept(self, number: int) -> BoolArray:
        """What a circuit keeps, in the shape of its graph's mask."""
        ...

    def words(self, number: int) -> str:
        """A circuit in words, for messages."""
        ...


class Measures:
    """What is measured of circuits: metric, KL and, where prompts have answers, whether they are right."""

    metric: Metric
    circuits: Sized
    with_accuracy: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What is measured of each circuit."""
        return (METRIC, KL, CORRECT) if self.with_accuracy else (METRIC, KL)

    @property
    def prompt_names(self) -> tuple[str, ...]:
        """What is measured of each prompt with nothing patched: the same."""
        return self.names

    @property
    def groups(self) -> Sequence[int]:
        """All circuits may be run together."""
        return (0,) * len(self.circuits)

    def values(
        self,
        logits: Float[Tensor, "batch n_positions vocab"],
        batch: Batch,
        clean: Float[Tensor, "batch n_positions vocab"],
    ) -> dict[str, Tensor]:
        """What is measured of one run, ``[batch]`` each."""
        return values_of(self.metric, self.names, logits, batch, clean)

    def of_prompts(self, clean: Float[Tensor, "batch n_positions vocab"], batch: Batch) -> dict[str, Tensor]:
        """The same of the run with nothing patched. Raises ScoreError where the metric is not finite."""
        values = self.values(clean, batch, clean)
        require_finite(self.metric, values[METRIC])
        return values

    def of_runs(
        self, runs: Iterable[tuple[str, Tensor]], batch: Batch, clean: Float[Tensor, "batch n_positions vocab"]
    ) -> dict[str, Tensor]:
        """The same of runs of circuits, each with what it keeps in words: ``[n_runs, batch]``. Raises as `finite`."""
        measured = [finite(self.metric, self.values(logits, batch, clean), kept) for kept, logits in runs]
        return {name: torch.stack([values[name] for values in measured]) for name in self.names}


@dataclass(frozen=True, eq=False)
class CircuitRuns(Measures):
    """What is measured.

    Args:
        model: the model.
        metric: the metric of the behaviour.
        circuits: what is kept, run after run.
        open_baseline: what patched edges carry, of a micro-batch.
        with_accuracy: whether the prompts have answers.
        buffers: memory that one run after the other uses.
    """

    model: Model
    metric: Metric
    circuits: Kept
    open_baseline: Callable[[Batch], Baseline]
    with_accuracy: bool
    buffers: Buffers = field(default_factory=Buffers)

    def open(self, batch: Batch) -> CircuitRunsOfBatch:
        """Make what patched edges carry, and run the prompts with nothing patched."""
        baseline = self.open_baseline(batch)
        exists = torch.tensor(self.model.graph.mask, device=self.model.device)
        clean = patched_logits(self.model, baseline, torch.zeros_like(exists)[None], self.buffers)[0]
        if baseline.places is not None:
            names = tuple(map(str, range(baseline.places.n)))
            exists = torch.tensor(self.model.graph.at_places(names, baseline.places.readers).mask, device=exists.device)
        return CircuitRunsOfBatch(self, batch, baseline, exists, clean, self.of_prompts(clean, batch))


@dataclass(frozen=True, eq=False)
class CircuitRunsOfBatch:
    """One micro-batch of prompts."""

    work: CircuitRuns
    batch: Batch
    baseline: Baseline
    exists: Tensor
    clean: Tensor
    of_prompts: Mapping[str, Tensor]

    def measure(self, targets: Sequence[int]) -> Mapping[str, Tensor]:
        """Run the prompts with every edge patched that is outside each of some circuits."""
        work = self.work
        kept = torch.stack([torch.tensor(work.circuits.kept(number)) for number in targets])
        masks = self.exists & ~kept.to(self.exists.device)
        runs = patched_logits(work.model, self.baseline, masks, work.buffers)
        words = (work.circuits.words(number) for number in targets)
        return work.of_runs(zip(words, runs, strict=True), self.batch, self.clean)


def values_of(
    metric: Metric,
    names: Sequence[str],
    logits: Float[Tensor, "batch n_positions vocab"],
    batch: Batch,
    clean: Float[Tensor, "batch n_positions vocab"],
) -> dict[str, Tensor]:
    """Some of metric, KL and correct answers of one run, ``[batch]`` each."""
    metrics = {METRIC: metric, KL: METRICS.load("kl"), CORRECT: METRICS.load("accuracy")}
    return {name: metric_values(metrics[name], logits, batch.metric, clean) for name in names}


def finite(metric: Metric, values: dict[str, Tensor], kept: str) -> dict[str, Tensor]:
    """The same values; refuses what is not finite.

    Args:
        metric: what stands under ``METRIC``.
        values: of one run.
        kept: what it kept, in words.

    Raises:
        ScoreError: naming both.
    """
    for name, of_prompts in values.items():
        if not torch.isfinite(of_prompts).all():
            what = metric.name if name == METRIC else name
            raise ScoreError(
                f"'{what}' of a prompt is not finite with {kept} kept; try --dtype float32, or another --ablation"
            )
    return values
