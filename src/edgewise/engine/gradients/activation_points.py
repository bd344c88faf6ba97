"""Gradient points between a module's corrupted and its own output, one module at a time (EAP-IG's "activations").

For each module w, which is the input embedding, a layer's attention as a whole, or an MLP, and each share ``a = k/m``
for k = 1 ... m, one run of the clean prompts in which ``o_w`` is replaced by ``a o_w + (1 - a) o'_w``, the rest free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from edgewise.engine.gradients.batch_passes import BatchPasses, BatchScores, LogitGradient, backward
from edgewise.engine.gradients.edge_sums import Tally
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.hooks import Hooks
from edgewise.engine.run.replacement import Replacement
from edgewise.models import Model, Wiring


@dataclass(frozen=True)
class Place:
    """A module whose output moves: ``input``, an attention or an MLP.

    Args:
        rows: its sources in the graph.
        layer: its layer; -1 for ``input``.
        is_mlp: whether it is the layer's MLP.
    """

    rows: slice
    layer: int
    is_mlp: bool = False


def places(model: Model) -> Iterator[Place]:
    """The modules of a model, first to last: 2 L + 1 where it has MLPs."""
    graph = model.graph
    yield Place(slice(graph.input_source, graph.input_source + 1), -1)
    for layer, block in enumerate(model.wiring.blocks):
        yield Place(graph.head_sources(layer), layer)
        if block.mlp is not None:
            row = graph.mlp_source(layer)
            yield Place(slice(row, row + 1), layer, is_mlp=True)


def activation_scores(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, *, steps: int, per_source: bool
) -> BatchScores:
    """Scores whose gradients are taken while one module after the other moves.

    Args:
        model: the model.
        batch: the prompts.
        logit_gradient: see `edgewise.engine.gradients.eap.edge_scores`.
        buffers: likewise.
        steps: points a module, m.
        per_source: an edge's gradient is the mean over the points of its own source's module; else the mean over the
            points of all modules.
    """
    passes = BatchPasses(model, batch, buffers)
    corrupted, corrupted_logits = passes.corrupted()
    clean, clean_logits = passes.plain(batch.clean)
    moved_to = Replacement.of(corrupted)
    tally = Tally(model.graph, passes.changes(clean, corrupted), buffers, batch.places)
    every = list(places(model))
    for place in every:
        for k in range(1, steps + 1):
            if place.layer < 0:
                run = passes.mixed(moved_to.embedding, k / steps)
            else:
                change = partial(
                    _move, wiring=model.wiring, place=place, to=moved_to, clean=k / steps, answers=passes.answers
                )
                run = passes.differentiable(batch.clean, change)
                run.sources.clear()
            tally.sources = place.rows if per_source else None
            weight = 1 / steps if per_source else 1 / steps / len(every)
            backward(run, logit_gradient, clean_logits, weight, tally)
    tally.require_all()
    return BatchScores(tally.scores, clean_logits, corrupted_logits)


def _move(hooks: Hooks, *, wiring: Wiring, place: Place, to: Replacement, clean: float, answers: Answers) -> None:
    """Let a module write a mixture."""
    block, is_last = wiring.blocks[place.layer], place.layer == len(wiring.blocks) - 1
    spread = answers if is_last else None
    if place.is_mlp:
        assert block.mlp is not None
        hooks.after(block.mlp.out, partial(_mixed, to=to.mlps[place.layer], clean=clean, spread=spread))
        return
    z, out = to.heads[place.layer], block.attention.out
    written, bias = z @ out.weight(z.dtype).flatten(0, 1), out.bias()
    written = written if bias is None else written + bias
    hooks.after(out.writer, partial(_mixed, to=written, clean=clean, spread=spread))


def _mixed(own: Tensor, to: Tensor, clean: float, spread: Answers | None = None) -> Tensor:
    there = to if spread is None else spread.spread(to, own.shape[1])
    return there.to(own.dtype).lerp(own, clean)
