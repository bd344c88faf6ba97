"""The passes that a method makes on one micro-batch, all from the batch's first difference on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

from edgewise.engine.gradients.edge_sums import Tally, range_for
from edgewise.engine.gradients.points import mix_embedding
from edgewise.engine.gradients.run import DifferentiableRun
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import logits_at, repeated_cache
from edgewise.engine.run.hooks import Hooks, borrowed
from edgewise.engine.run.replacement import corrupted_run, shared_prefix
from edgewise.engine.run.sources import SourceChanges, SourceOutputs, source_changes
from edgewise.models import Model

# From a run's logits and the clean run's to ``dL/dlogits`` of each prompt's own L, all of one shape.
LogitGradient = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class BatchScores:
    """What one micro-batch gives.

    Args:
        edges: ``[batch, n_sources, n_destinations]``, zero where no edge exists; with ``n_places`` behind these where
            the tokens of the batch have places.
        clean_logits: ``[batch, n_positions, vocab]``.
        corrupted_logits: likewise.
    """

    edges: Float[Tensor, "batch source destination *place"]
    clean_logits: Float[Tensor, "batch n_positions vocab"]
    corrupted_logits: Float[Tensor, "batch n_positions vocab"]


class BatchPasses:
    """Runs of one micro-batch, with what they share.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        buffers: memory that several micro-batches use one after the other.
        reuse_prefix: whether more than one run follows the corrupted one.
    """

    def __init__(self, model: Model, batch: Batch, buffers: Buffers, *, reuse_prefix: bool = True) -> None:
        self.model, self.batch, self.buffers = model, batch, buffers
        self.answers: Answers = batch.answers.shifted(batch.start)
        self._reuse_prefix = reuse_prefix
        self._cache: DynamicCache | None = None

    def run_prefix(self) -> None:
        """Run the tokens that no pair of the batch changes, for when no `corrupted` run does."""
        self._cache = shared_prefix(self.model, self.batch)

    def corrupted(self) -> tuple[SourceOutputs, Tensor]:
        """What the sources write in the corrupted run, prefix included, and its logits."""
        outputs, logits, self._cache = corrupted_run(self.model, self.batch)
        return outputs, logits

    def plain(self, ids: Tensor) -> tuple[SourceOutputs, Tensor]:
        """The same of a run of any prompts, after the prefix."""
        outputs = SourceOutputs()
        with borrowed(self.model.module) as hooks:
            outputs.record(hooks, self.model.wiring, self.answers)
            logits = logits_at(self.model, hooks, ids[:, self.batch.start :], self.answers, self.prefix())
        return outputs, logits

    def differentiable(self, ids: Tensor, change: Callable[[Hooks], None] | None = None) -> DifferentiableRun:
        """A run that gradients can be taken of.

        Args:
            ids: the prompts.
            change: puts hooks on the model that change what the run computes, after the engine's own.
        """
        with borrowed(self.model.module) as hooks:
            run = DifferentiableRun(hooks, self.model.wiring, self.model.graph, self.answers, self.buffers)
            if change is not None:
                change(hooks)
            run.forward(ids[:, self.batch.start :], self.prefix())
        return run

    def mixed(self, corrupted: Tensor, clean: float) -> DifferentiableRun:
        """A run of the clean prompts whose embedding is a mixture with the corrupted one."""
        with borrowed(self.model.module) as hooks:
            mix_embedding(hooks, self.model.wiring, corrupted, clean)
            run = DifferentiableRun(hooks, self.model.wiring, self.model.graph, self.answers, self.buffers)
            run.forward(self.batch.clean[:, self.batch.start :], self.prefix())
        run.sources.clear()
        return run

    def changes(self, clean: SourceOutputs, corrupted: SourceOutputs) -> SourceChanges:
        """``o'_u - o_u``; what was recorded is let go: the backward pass is when memory is short."""
        wiring, graph, differs = self.model.wiring, self.model.graph, self.batch.differs
        changes = source_changes(
            wiring, graph, clean, corrupted, answers=self.answers, differs=differs, buffers=self.buffers
        )
        clean.clear()
        corrupted.clear()
        return changes

    def prefix(self) -> DynamicCache | None:
        """The keys and values of the prefix for a run, which adds to them."""
        return repeated_cache(self._cache, 1) if self._reuse_prefix else self._cache


def backward(
    run: DifferentiableRun, logit_gradient: LogitGradient, clean_logits: Tensor, weight: float, tally: Tally
) -> None:
    """Add a run's scores to a tally, times a weight.

    The gradient is brought into range on its way through the model.
    """
    logits = run.logits.detach()
    gradient = logit_gradient(logits, clean_logits)
    scale = range_for(gradient, logits.dtype)
    tally.factor = (weight / scale)[:, None, None]
    run.backward(gradient * scale[:, None, None], tally.consume)
    tally.settle()
