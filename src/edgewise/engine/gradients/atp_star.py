"""AtP* on one micro-batch: exact queries and keys, and gradients with one layer after the other dropped.

With ``z_h`` what head h gathers in front of its slice of the output projection, and ``g`` the gradient at a pass:

    edges into q, k     sum over pos of g(z) . (z' - z),   z' with the head's queries, or all its keys, of in_v + d_u
    all other edges     sum over pos of d_u . g(in_v),     as EAP

A pass whose gradient drops layer l blocks what attention and MLP of l write, so that nothing cancels through them
(GradDrop). One clean forward pass serves all backward passes, and one run of a layer's attention all their scores.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.gradients.batch_passes import BatchPasses, BatchScores, LogitGradient
from edgewise.engine.gradients.edge_sums import Tally, range_for
from edgewise.engine.partial.attention_patches import PatchedAttention
from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.hooks import Hooks
from edgewise.engine.run.replacement import Baseline, Replacement
from edgewise.models import Model, Wiring

# No layer is dropped.
NONE = -1


@dataclass
class Dropping:
    """Which layer's contributions the gradient does not pass, and the gradients at what the heads gather.

    Attributes:
        layer: the layer that is dropped; ``NONE`` for none.
        z: by layer, what the heads gathered.
        gradients: by layer, the gradient there in the last backward pass.
    """

    layer: int = NONE
    z: dict[int, Tensor] = field(default_factory=dict)
    gradients: dict[int, Tensor] = field(default_factory=dict)

    def watch(self, hooks: Hooks, wiring: Wiring) -> None:
        """Put hooks on the model for a run that gradients are taken of."""
        for layer, block in enumerate(wiring.blocks):
            hooks.before(block.attention.out.module, partial(self._note, layer))
            hooks.after(block.attention.out.writer, partial(self._gate, layer))
            if block.mlp is not None:
                hooks.after(block.mlp.out, partial(self._gate, layer))

    def _note(self, layer: int, z: Tensor) -> Tensor:
        self.z[layer] = z.detach()
        own = z.view_as(z)
        own.register_hook(partial(self.gradients.__setitem__, layer))
        return own

    def _gate(self, layer: int, out: Tensor) -> Tensor:
        # A copy: Falcon's block adds to the very same tensor, and a view that is written to loses its hooks.
        own = out.clone()
        own.register_hook(partial(self._dropped, layer))
        return own

    def _dropped(self, layer: int, gradient: Tensor) -> Tensor | None:
        return torch.zeros_like(gradient) if layer == self.layer else None


def star_scores(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, *, drop: bool
) -> BatchScores:
    """Scores of one micro-batch.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        logit_gradient: see `edgewise.engine.gradients.eap.edge_scores`.
        buffers: memory that several micro-batches use one after the other.
        drop: whether sizes are means over gradients with a layer dropped.
    """
    passes, dropping = BatchPasses(model, batch, buffers), Dropping()
    corrupted, corrupted_logits = passes.corrupted()
    ids, replacement = batch.clean[:, batch.start :], Replacement.of(corrupted)
    clean = CleanRun(model, Baseline(ids, passes.answers, replacement, passes.prefix()))
    run = passes.differentiable(batch.clean, partial(dropping.watch, wiring=model.wiring))
    logits = run.logits.detach()
    gradient, changes = logit_gradient(logits, logits), passes.changes(run.sources, corrupted)
    scale = range_for(gradient, logits.dtype)
    layers = range(model.graph.spec.n_layers)
    dropped = (NONE, *layers) if drop and len(layers) > 1 else (NONE,)
    scores, at_heads = [], []
    for layer in dropped:
        dropping.layer, tally = layer, Tally(model.graph, changes, buffers)
        tally.factor = (1 / scale)[:, None, None]
        run.backward(gradient * scale[:, None, None], tally.consume, again=layer != dropped[-1])
        tally.settle()
        tally.require_all()
        scores.append(tally.scores)
        at_heads.append([dropping.gradients[at] for at in layers])
    each = torch.stack(scores)
    for layer in layers:
        _fix(each, clean, layer, dropping.z[layer], torch.stack([passed[layer] for passed in at_heads]), 1 / scale)
    edges = each[0] if len(each) == 1 else _sized(model, each)
    return BatchScores(edges, logits, corrupted_logits)


def _fix(
    scores: Float[Tensor, "passes batch source destination"],
    clean: CleanRun,
    layer: int,
    z: Float[Tensor, "batch pos width"],
    gradients: Float[Tensor, "passes batch pos width"],
    factor: Float[Tensor, " batch"],
) -> None:
    """Put the scores of a layer's queries and keys in the place of EAP's."""
    graph, attention = clean.model.graph, clean.model.wiring.blocks[layer].attention
    patched, dtype = PatchedAttention(clean, layer), scores.dtype
    by_head = attention.out.heads(gradients.to(dtype))
    for part, columns in ((attention.q, graph.q(layer)), (attention.k, graph.k(layer))):
        n = columns.stop - columns.start
        # A norm over all heads' queries or keys lets one head's change reach the others: then they go one by one.
        together = [[head] for head in range(n)] if attention.joint else [list(range(n))]
        for heads in together:
            for sources, gathered in patched.gathered(part, heads):
                moved = attention.out.heads(gathered.to(dtype) - z.to(dtype))
                effect = torch.einsum("sbphd,nbphd->nbsh", moved, by_head)
                found = (effect * factor.to(effect.device)[:, None, None]).unflatten(-1, (len(heads), -1)).sum(-1)
                scores[:, :, sources, columns.start + heads[0] : columns.start + heads[-1] + 1] = found


def _sized(model: Model, each: Float[Tensor, "passes batch source destination"]) -> Tensor:
    """The mean size over passes that drop another layer than the destination's own, with the sign of the first pass."""
    graph, sizes = model.graph, each[1:].abs().sum(0)
    counts = sizes.new_full((graph.n_destinations,), graph.spec.n_layers - 1)
    counts[graph.logits] = graph.spec.n_layers
    return torch.where(each[0] < 0, -sizes, sizes) / counts
