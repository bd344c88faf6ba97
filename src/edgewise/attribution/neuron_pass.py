"""The one loop behind the scores of neurons and of their edges, and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgewise import processes
from edgewise.attribution.loop import refuse_flat, say_halved
from edgewise.attribution.moments import Array, Moments
from edgewise.engine.gradients.neuron_edges import NeuronEdgeBatch
from edgewise.engine.gradients.neurons import NeuronBatchScores
from edgewise.engine.run.batches import Batch, arrange, share
from edgewise.engine.run.metric_gradient import metric_values
from edgewise.engine.run.metric_path import MetricPath
from edgewise.engine.run.room import release
from edgewise.errors import DataError, ScoreError
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.graph.neurons import NeuronScores
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.out_of_memory import is_out_of_memory
from edgewise.tasks import PromptPair

ScoreNeurons = Callable[[Model, Batch, MetricPath], NeuronBatchScores | NeuronEdgeBatch]


@dataclass(frozen=True)
class NeuronState:
    """The sums over the micro-batches done so far.

    Args:
        graph: the heads and neurons.
        batch_size: prompts a micro-batch; a resumed pass uses it again.
        planned_batch_size: the same as it was at the start; more than ``batch_size`` where memory ran out.
        moments: of the per-prompt scores.
        clean_metric: the metric of every prompt on the clean run, ``[total]``, NaN where not yet done.
        corrupted_metric: likewise on the corrupted run; NaN of edges, whose pass does not know it.
        steepest: the largest ``|dL/dlogits|`` seen.
    """

    graph: NeuronGraph
    batch_size: int
    planned_batch_size: int
    moments: Moments
    clean_metric: Array
    corrupted_metric: Array
    steepest: float = 0.0

    @classmethod
    def start(cls, graph: NeuronGraph, batch_size: int, total: int, shape: tuple[int, ...]) -> NeuronState:
        """Before the first micro-batch, of scores of a shape."""
        unknown = np.full(total, np.nan)
        return cls(graph, batch_size, batch_size, Moments.none(shape), unknown, unknown)

    @property
    def done(self) -> int:
        """Prompts done."""
        return self.moments.count

    @property
    def total(self) -> int:
        """Prompts in all."""
        return len(self.clean_metric)

    @property
    def finished(self) -> bool:
        """Whether every prompt is done."""
        return self.done == self.total

    def after(
        self, rows: list[int], scores: npt.NDArray[Any], clean: Array, corrupted: Array, steepest: float
    ) -> NeuronState:
        """The state after one more micro-batch: ``scores`` are ``[batch, n_nodes]``."""
        metrics = [values.copy() for values in (self.clean_metric, self.corrupted_metric)]
        metrics[0][rows], metrics[1][rows] = clean, corrupted
        return replace(
            self,
            moments=self.moments.add(scores),
            clean_metric=metrics[0],
            corrupted_metric=metrics[1],
            steepest=max(self.steepest, steepest),
        )

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        return {
            "progress": np.array([self.batch_size, self.planned_batch_size, self.done], dtype=np.int64),
            "steepest": np.array([self.steepest]),
            "mean": self.moments.mean,
            "squares": self.moments.squares,
            "mean_abs": self.moments.mean_abs,
            "clean_metric": self.clean_metric,
            "corrupted_metric": self.corrupted_metric,
        }

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, npt.NDArray[Any]], graph: NeuronGraph) -> NeuronState:
        """The state that `tensors` described."""
        batch_size, planned, done = (int(number) for number in arrays["progress"])
        moments = Moments(done, arrays["mean"], arrays["squares"], arrays["mean_abs"])
        metrics = arrays["clean_metric"], arrays["corrupted_metric"]
        return cls(graph, batch_size, planned, moments, *metrics, float(arrays["steepest"][0]))

    def scores(self) -> NeuronScores:
        """The scores of a finished pass: mean over prompts, standard error, mean of absolutes.

        Raises:
            ScoreError: the pass is not finished.
        """
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} prompts are scored; finish the pass first")
        moments = self.moments
        return NeuronScores(
            self.graph, moments.mean, stderr=moments.stderr(), mean_abs=moments.mean_abs, n_prompts=self.total
        )


def over_prompts(
    model: Model, pairs: Sequence[PromptPair], metric: Metric, score: ScoreNeurons, state: NeuronState
) -> Iterator[NeuronState]:
    """The one loop: a state after every micro-batch; a finished one is yielded again."""
    if state.total != len(pairs):
        raise DataError(f"the stored state is of {state.total} prompts, but {len(pairs)} were given; begin again")
    causal = model.wiring.causal
    order = arrange(pairs, causal=causal)
    if state.finished:
        yield state
    while not state.finished:
        parts = share(order, pairs, state.done, state.batch_size, processes.size(), causal=causal)
        own = parts[processes.rank()] if processes.rank() < len(parts) else []
        most = max(map(len, parts))
        try:
            with torch.inference_mode(False), torch.autocast(model.device.type, enabled=False):
                scored = processes.each(partial(_step, model, pairs, own, score, metric))
        except (RuntimeError, MemoryError) as error:
            if most == 1 or not is_out_of_memory(error):
                raise
            state = replace(state, batch_size=(most + 1) // 2)
        else:
            for part in filter(None, scored):
                state = state.after(*part)
            if state.finished:
                refuse_flat(metric, state.steepest)
            yield state
            continue
        # Only here, where the exception and what it holds are gone, can the memory be given back.
        release(model.device)
        say_halved(most, state.batch_size)


Part = tuple[list[int], npt.NDArray[np.floating[Any]], Array, Array, float]


def _step(
    model: Model, pairs: Sequence[PromptPair], rows: list[int], score: ScoreNeurons, metric: Metric
) -> Part | None:
    """What `NeuronState.after` takes of one micro-batch; None of none."""
    if not rows:
        return None
    batch = Batch.of([pairs[i] for i in rows], model.device, causal=model.wiring.causal)
    path = MetricPath(metric, batch.metric)
    scored = score(model, batch, path)

    def of(logits: Tensor) -> Array:
        values: Array = metric_values(metric, logits, batch.metric, scored.clean_logits).double().cpu().numpy()
        return values

    clean = of(scored.clean_logits)
    if isinstance(scored, NeuronBatchScores):
        return rows, scored.nodes.cpu().numpy(), clean, of(scored.corrupted_logits), path.steepest
    both = torch.cat([scored.into, scored.out_of], -1)
    return rows, both.cpu().numpy(), clean, np.full_like(clean, np.nan), path.steepest
