"""EAP kept apart by reader: what a source's change at one place does to a head's output at another.

Attention alone moves information from a position to a later one. With ``z_t`` what a head gathers at the positions of
place t, and ``g_t`` the clean gradient there, the score of source u's edge at place s into the head's key (or value),
read at t, is (PEAP, Haklay et al. 2025, arXiv:2502.04577, with the derivative of the softmax in the place of a new one)

    sum over pos in s of d_u . d(g_t . z_t)/d(in_k)        d_u = o'_u - o_u

the derivative of L along the patch of u into the key at s for the queries at t alone. For each place t one more
backward pass of each layer's attention from ``g_t`` to its keys and values; sums over t are the scores by place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.gradients.batch_passes import BatchPasses, BatchScores, LogitGradient
from edgewise.engine.gradients.edge_sums import Tally, range_for
from edgewise.engine.gradients.heads import Upstream, head_gradients
from edgewise.engine.gradients.products import token_products
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.hooks import Hooks
from edgewise.engine.run.places import TokenPlaces
from edgewise.engine.run.sources import SourceChanges
from edgewise.models import Model, Wiring


@dataclass
class _Attentions:
    """What is noted of every layer's attention in a run that gradients are taken of.

    Attributes:
        streams: by layer, what its norm was given.
        projected: by module of queries, keys and values, what it returned.
        z: by layer, what the heads gathered (in the last layer where logits are read).
        gradients: by layer, the gradient there.
    """

    streams: dict[int, Tensor] = field(default_factory=dict)
    projected: dict[nn.Module, Tensor] = field(default_factory=dict)
    z: dict[int, Tensor] = field(default_factory=dict)
    gradients: dict[int, Tensor] = field(default_factory=dict)

    def watch(self, hooks: Hooks, wiring: Wiring) -> None:
        """Put hooks on the model."""
        for layer, block in enumerate(wiring.blocks):
            attention = block.attention
            hooks.before(attention.norm.module, partial(self._note_stream, layer))
            for module in {part.module for part in attention.projections}:
                hooks.after(module, partial(self._note_projected, module))
            hooks.before(attention.out.module, partial(self._note_z, layer))

    def _note_stream(self, layer: int, stream: Tensor) -> None:
        # A norm in front of attention and MLP alike is given the same stream again.
        self.streams.setdefault(layer, stream.detach())

    def _note_projected(self, module: nn.Module, output: Tensor) -> None:
        self.projected[module] = output

    def _note_z(self, layer: int, z: Tensor) -> Tensor:
        own = z.view_as(z)
        own.register_hook(partial(self.gradients.__setitem__, layer))
        self.z[layer] = own
        return own


def reader_scores(model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers) -> BatchScores:
    """Scores ``[batch, n_sources, n_destinations, n_places, n_places]``: by place, and by that of the reader.

    What leads into no key or value is read where it is.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts, with places.
        logit_gradient: see `edgewise.engine.gradients.eap.edge_scores`.
        buffers: likewise.
    """
    passes, noted, places = BatchPasses(model, batch, buffers, reuse_prefix=False), _Attentions(), batch.places
    assert places is not None
    corrupted, corrupted_logits = passes.corrupted()
    run = passes.differentiable(batch.clean, partial(noted.watch, wiring=model.wiring))
    logits = run.logits.detach()
    changes = passes.changes(run.sources, corrupted)
    gradient, tally = logit_gradient(logits, logits), Tally(model.graph, changes, buffers, places)
    scale = range_for(gradient, logits.dtype)
    tally.factor = (1 / scale)[:, None, None]
    run.backward(gradient * scale[:, None, None], tally.consume, again=True)
    tally.settle()
    tally.require_all()
    scores = torch.diag_embed(tally.scores)
    for layer in range(len(model.wiring.blocks)):
        _put_readers(scores, model, layer, noted, changes, places, 1 / scale, buffers)
    return BatchScores(scores, logits, corrupted_logits)


def _put_readers(
    scores: Float[Tensor, "batch source destination place reader"],
    model: Model,
    layer: int,
    noted: _Attentions,
    changes: SourceChanges,
    places: TokenPlaces,
    factor: Float[Tensor, " batch"],
    buffers: Buffers,
) -> None:
    """Put the scores of a layer's keys and values, reader by reader, in the place of those at their own places."""
    graph, attention = model.graph, model.wiring.blocks[layer].attention
    before, columns = graph.sources_before_attention(layer), slice(graph.k(layer).start, graph.v(layer).stop)
    parts = attention.projections[1:]
    modules = list(dict.fromkeys(part.module for part in parts))
    here = places.at_answers if layer == len(model.wiring.blocks) - 1 else places.everywhere
    scores[:, :before, columns] = 0
    # Taken out: the hook that noted it sees what goes through here too.
    gradient = noted.gradients.pop(layer)
    for reader in here.unique().tolist():
        at = gradient * (here == reader).to(gradient.device)[..., None]
        made = torch.autograd.grad(
            noted.z[layer], [noted.projected[module] for module in modules], at, retain_graph=True, allow_unused=True
        )
        found = dict(zip(modules, made, strict=True))
        upstream = [Upstream(part, _or_zero(found[part.module], noted.projected[part.module])) for part in parts]
        for rows, pulled in head_gradients(attention.norm, upstream, noted.streams[layer], buffers):
            for part in changes.parts:
                known = part.everywhere[: max(0, before - part.first), rows]
                sums = places.sums(token_products(known, pulled.to(known.device)), rows, at_answers=False)
                into = scores[rows, part.first : part.first + len(known), columns, :, reader]
                into.copy_(sums.to(scores.device) * factor[rows, None, None, None])


def _or_zero(gradient: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if gradient is None else gradient
