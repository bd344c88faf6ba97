"""Edge scores from runs under a rule set: one micro-batch of the secant, RelP and GIM methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from edgewise.engine.gradients.batch_passes import BatchPasses, BatchScores, LogitGradient
from edgewise.engine.gradients.edge_sums import Tally, range_for
from edgewise.engine.gradients.points import CORRUPTED, GradientPoint
from edgewise.engine.rules.destination import Destination, Geometry, Scorer, Weight
from edgewise.engine.rules.mode import Ruled
from edgewise.engine.rules.reference import reference
from edgewise.engine.rules.rule import Rules
from edgewise.engine.rules.run import RuledRun
from edgewise.engine.rules.secant import Secant
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.metric_path import MetricPath
from edgewise.engine.run.sources import SourceOutputs
from edgewise.models import Model

Embedding = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Paired:
    """A clean run with the corrupted one alongside, or the run from a share of the clean embedding.

    Args:
        run: the clean run, its reference with it.
        clean: what the sources wrote.
        corrupted: likewise in the corrupted run.
        corrupted_logits: the corrupted run's.
    """

    run: RuledRun
    clean: SourceOutputs
    corrupted: SourceOutputs
    corrupted_logits: Tensor


def modified_scores(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, *, rules: Rules, at: Destination
) -> BatchScores:
    """Scores of one clean run under rules that need no reference."""
    passes = BatchPasses(model, batch, buffers, reuse_prefix=False)
    corrupted, corrupted_logits = passes.corrupted()
    run, _ = _run(passes, rules)
    logits = run.logits.detach()
    changes = passes.changes(run.sources, corrupted)
    tally = Tally(model.graph, changes, buffers, batch.places)
    _backward(run, logit_gradient(logits, logits), tally, Scorer(at, Geometry(changes), tally, buffers))
    tally.require_all()
    return BatchScores(tally.scores, logits, corrupted_logits)


def secant_scores(
    model: Model,
    batch: Batch,
    metric: MetricPath,
    buffers: Buffers,
    *,
    references: Sequence[GradientPoint] = CORRUPTED,
    at: Destination = Destination.EXACT,
    profiled: bool = False,
) -> BatchScores:
    """Scores by finite differences between the clean run and reference runs.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        metric: the metric, whose own finite difference is taken too.
        buffers: memory that several micro-batches use one after the other.
        references: the reference runs, by their share of the clean embedding, and the weights of their scores.
        at: the destination rule.
        profiled: whether the metric's profile is applied to the scores, where it is not straight.
    """
    passes = BatchPasses(model, batch, buffers)
    tally: Tally | None = None
    for point in references:
        paired = _paired(passes, Secant(), point.clean)
        clean_logits, corrupted_logits = paired.run.logits.detach(), paired.corrupted_logits
        if tally is None:
            changes = passes.changes(paired.clean, paired.corrupted)
            tally, gradient = (
                Tally(model.graph, changes, buffers, batch.places),
                metric.mean_gradient(clean_logits, corrupted_logits),
            )
        _backward(paired.run, gradient, tally, Scorer(at, Geometry(changes), tally, buffers), point.weight)
    if tally is None:
        raise ValueError("no reference run")
    tally.require_all()
    profile = metric.profile(clean_logits, corrupted_logits, gradient) if profiled else None
    scores = tally.scores if profile is None else profile.apply(tally.scores, by_place=batch.places is not None)
    return BatchScores(scores, clean_logits, corrupted_logits)


def mixed_scores(
    model: Model, batch: Batch, metric: MetricPath, buffers: Buffers, *, to: float, factor: float, power: float
) -> BatchScores:
    """Clean derivatives where a source's change is small, finite differences where it is large.

    ``(1 - w) EAP + w secant``, both with the destination's norm exact, ``w`` as `engine.rules.destination.Weight`
    says and 1 at the logits. A patched edge leaves the other factors of attention alone, so these products have their
    derivatives. One clean forward pass serves both backward passes: that of the finite differences begins with the
    metric's own, and its scores follow the metric's profile; the other begins with the metric's derivative.
    """
    rules = Secant("eap-secant", between=False)
    passes = BatchPasses(model, batch, buffers)
    paired = _paired(passes, rules, to)
    logits = paired.run.logits.detach()
    changes = passes.changes(paired.clean, paired.corrupted)
    tally, geometry = Tally(model.graph, changes, buffers, batch.places), Geometry(changes)
    large, small = (
        Scorer(Destination.EXACT, geometry, tally, buffers, Weight(factor, power, model.graph.logits, of_small))
        for of_small in (False, True)
    )
    difference = metric.mean_gradient(logits, paired.corrupted_logits)
    _backward(paired.run, difference, tally, large, again=True)
    profile = metric.profile(logits, paired.corrupted_logits, difference)
    if profile is not None:
        tally.scores = profile.apply(tally.scores, by_place=batch.places is not None)
    rules.exact = False
    _backward(paired.run, metric(logits, logits), tally, small)
    tally.require_all()
    return BatchScores(tally.scores, logits, paired.corrupted_logits)


def _paired(passes: BatchPasses, rules: Secant, to: float) -> Paired:
    """The clean run with its reference, and what the sources write in the corrupted run.

    The corrupted run is the reference itself where ``to`` is 0. A router's choice is the clean run's in the reference:
    then, as for other references, the corrupted prompts are run on their own.
    """
    batch = passes.batch
    if to == 0.0:
        passes.run_prefix()
        run, mode = _run(passes, rules, reference_ids=batch.corrupted[:, batch.start :])
        if not mode.chose:
            return Paired(run, run.sources, _references(run.sources), reference(run.logits))
        corrupted, logits = passes.plain(batch.corrupted)
        return Paired(run, run.sources, corrupted, logits)
    corrupted, logits = passes.corrupted()
    run, _ = _run(passes, rules, embedding=partial(_between, corrupted=corrupted.embedding, clean=to))
    return Paired(run, run.sources, corrupted, logits)


def _run(
    passes: BatchPasses, rules: Rules, embedding: Embedding | None = None, reference_ids: Tensor | None = None
) -> tuple[RuledRun, Ruled]:
    model, batch, mode = passes.model, passes.batch, Ruled(rules)
    with borrowed(model.module) as hooks:
        run = RuledRun(hooks, model.wiring, model.graph, passes.answers, mode, embedding)
        run.forward(batch.clean[:, batch.start :], passes.prefix(), reference_ids)
    return run, mode


def _backward(
    run: RuledRun, gradient: Tensor, tally: Tally, scorer: Scorer, weight: float = 1.0, *, again: bool = False
) -> None:
    scale = range_for(gradient, run.logits.dtype)
    tally.factor = (weight / scale)[:, None, None]
    run.backward(gradient * scale[:, None, None], scorer.receive, again=again)


def _between(stream: Tensor, corrupted: Tensor, clean: float) -> Tensor:
    return corrupted.lerp(stream, clean)


def _references(outputs: SourceOutputs) -> SourceOutputs:
    """What the sources wrote in the reference run."""
    return SourceOutputs(
        outputs.start,
        reference(outputs.embedding),
        [reference(z) for z in outputs.heads],
        [reference(out) for out in outputs.mlps],
    )
