"""What heads and neurons are in one run: the inputs of the attentions' output projections and of the down projections.

Where the last block writes at the positions alone that are read, its activations are those there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache

from edgewise.engine.run.answers import Answers
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import keep_first, logits_at
from edgewise.engine.run.hooks import Hooks, Watch, borrowed
from edgewise.engine.run.sources import SourceOutputs
from edgewise.models import Model
from edgewise.models.neurons import down_projections, neuron_graph


@dataclass(frozen=True, eq=False)
class Site:
    """A module whose input is the activations of some nodes, side by side.

    Args:
        module: the module.
        layer: its layer.
        nodes: which nodes of the `NeuronGraph`.
        each: numbers of one node: 1 for neurons.
    """

    module: nn.Module
    layer: int
    nodes: slice
    each: int = 1

    @property
    def n_nodes(self) -> int:
        """How many nodes."""
        return int(self.nodes.stop) - int(self.nodes.start)


def sites(model: Model) -> tuple[Site, ...]:
    """Where a model's nodes stand, in their order. Raises UnsupportedModelError where there are no neurons."""
    graph, found = neuron_graph(model), list[Site]()
    for layer, (block, down) in enumerate(zip(model.wiring.blocks, down_projections(model), strict=True)):
        out = block.attention.out
        found.append(Site(out.module, layer, graph.heads(layer), out.width // out.n_heads))
        if down is not None:
            found.append(Site(down, layer, graph.neurons(layer)))
    return tuple(found)


def watch_sites(
    hooks: Hooks,
    model: Model,
    places: tuple[Site, ...],
    watch: Callable[[Site], Watch],
    answers: Answers | None,
) -> None:
    """Let what each site is given be seen, and maybe replaced.

    Args:
        hooks: hooks on the borrowed model.
        model: the model.
        places: its `sites`.
        watch: from a site to what sees its input.
        answers: where logits are read; the last block is then narrowed to it. None where that was done already.
    """
    last = len(model.wiring.blocks) - 1

    def put(these: list[Site]) -> None:
        for site in these:
            hooks.before(site.module, watch(site))

    put([site for site in places if site.layer < last])
    at_the_end = [site for site in places if site.layer == last]
    if answers is None:
        put(at_the_end)
        return
    with answers.last_block(hooks, model.wiring):
        put(at_the_end)


Values = dict[Site, Tensor]


@dataclass(frozen=True, eq=False)
class CorruptedActivations:
    """What patched nodes carry, and what the runs of one batch share.

    Args:
        ids: clean token ids from the first difference on, ``[batch, pos]``.
        answers: where logits are read, counted from the first of ``ids``.
        cache: keys and values of the tokens before ``ids``; None where there are none.
        embedding: what enters block 0, ``[batch, pos, d_model]``.
        values: by site, ``[batch, pos, width]``; of the last block where logits are read.
        logits: of the corrupted prompts, ``[batch, n_positions, vocab]``; of no word where they were left out.
    """

    ids: Int[Tensor, "batch pos"]
    answers: Answers
    cache: DynamicCache | None
    embedding: Float[Tensor, "batch pos d_model"]
    values: Values
    logits: Float[Tensor, "batch n_positions vocab"]


@torch.no_grad()
def corrupted_activations(
    model: Model,
    places: tuple[Site, ...],
    batch: Batch,
    outputs: SourceOutputs | None = None,
    beside: Callable[[Hooks], None] = lambda hooks: None,
    *,
    with_logits: bool = True,
) -> CorruptedActivations:
    """Run the corrupted prompts of a batch and keep what their nodes carry: one forward pass.

    Args:
        model: the model; untouched afterwards.
        places: its `sites`.
        batch: the prompts.
        outputs: records what the sources write, from the batch's ``start`` on, where that is wanted too.
        beside: puts other hooks on the run.
        with_logits: False leaves the unembedding out, which takes a large part of a small model's run; there are no
            ``logits`` then.
    """
    cache, last = DynamicCache() if batch.start else None, len(model.wiring.blocks) - 1
    values: Values = {}
    entered: list[Tensor] = []

    def keep(site: Site) -> Watch:
        start = 0 if site.layer == last else batch.start
        return lambda seen: values.__setitem__(site, seen.detach()[:, start:].clone())

    with borrowed(model.module) as hooks:
        hooks.before(model.wiring.blocks[0].module, lambda stream: entered.append(stream[:, batch.start :].clone()))
        if outputs is not None:
            outputs.record(hooks, model.wiring, batch.answers)
        watch_sites(hooks, model, places, keep, batch.answers if outputs is None else None)
        beside(hooks)
        if not with_logits:
            hooks.skip(model.wiring.unembedding, lambda normed: normed)
        logits = logits_at(model, hooks, batch.corrupted, batch.answers, cache)
    if cache is not None:
        keep_first(cache, batch.start)
    answers = batch.answers.shifted(batch.start)
    logits = logits if with_logits else logits[..., :0]
    return CorruptedActivations(batch.clean[:, batch.start :], answers, cache, entered[0], values, logits)
