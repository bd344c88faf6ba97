"""Runs in which every node keeps a share of its own value, with gradients with respect to the shares.

The nodes are q, k and v of each head, as the projections return them, and what each MLP writes: one for every
destination of the graph but ``logits``, in its order. With ``m`` the share that a node keeps,

    value = m * (its value in this run) + (1 - m) * (its value on the corrupted prompt)

A node that keeps nothing is one whose destination has all its edges patched; so the runs of whole shares are those of
circuits. Where heads share the scale of a norm, of their queries or keys or of what they write, one that is wholly gone
still writes by this run's scale, and not by that of the corrupted run as along a patched edge. Under autograd the slope
at ``m = 1`` is ``sum over pos, width of (clean - corrupted) * dL/d(value)``.

1. The corrupted prompts are run once; what their nodes carry is kept, and the keys and values of the shared prefix.
2. The clean prompts are run from the first difference on, and every projection's and MLP's output is mixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache

from edgewise.engine.run.answers import Answers
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import keep_first, logits_at, read_at, repeated_cache, run
from edgewise.engine.run.hooks import Hooks, borrowed
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.models import Model


@dataclass(frozen=True, eq=False)
class CorruptedNodes:
    """What the runs of one batch of prompts share.

    Args:
        ids: clean token ids from the first difference on, ``[batch, pos]``.
        answers: where logits are read, counted from the first of ``ids``.
        cache: keys and values of the tokens before ``ids``; None where there are none.
        values: what each q, k, v and MLP module returned on the corrupted prompts, ``[batch, pos, width]``; the last
            MLP's where logits are read.
        logits: of the corrupted prompts, ``[batch, n_positions, vocab]``.
    """

    ids: Int[Tensor, "batch pos"]
    answers: Answers
    cache: DynamicCache | None
    values: dict[nn.Module, Tensor]
    logits: Float[Tensor, "batch n_positions vocab"]

    @property
    def n_bytes(self) -> int:
        """The memory that this takes."""
        cached = [part for layer in self.cache.layers for part in (layer.keys, layer.values)] if self.cache else []
        return sum(tensor.nbytes for tensor in (*self.values.values(), *cached, self.logits))


@torch.no_grad()
def corrupted_nodes(model: Model, batch: Batch) -> CorruptedNodes:
    """Run the corrupted prompts of a batch and keep what their nodes carry: one forward pass."""
    cache = DynamicCache() if batch.start else None
    values: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, start: int, output: Tensor) -> None:
        # A copy: Falcon's block adds what the attention wrote to the very same tensor.
        values[module] = output[:, start:].clone()

    with borrowed(model.module) as hooks:
        _at_every_node(hooks, model, batch.answers, lambda module, start: partial(keep, module, start), batch.start)
        logits = logits_at(model, hooks, batch.corrupted, batch.answers, cache)
    if cache is not None:
        keep_first(cache, batch.start)
    return CorruptedNodes(batch.clean[:, batch.start :], batch.answers.shifted(batch.start), cache, values, logits)


def masked_logits(
    model: Model, corrupted: CorruptedNodes, kept: Float[Tensor, "rows nodes"]
) -> Float[Tensor, "batch n_positions vocab"]:
    """Logits of the clean prompts with every node at its share, with gradients where ``kept`` requires them.

    Args:
        model: the model; untouched afterwards.
        corrupted: of the same prompts.
        kept: the share of its own value that each node keeps, of each prompt, or in one row for all prompts.
    """
    kept = kept.to(accumulation_dtype(model.dtype))
    columns = _columns(model)

    def mix(module: nn.Module, _: int) -> Callable[[Tensor], Tensor]:
        share = kept[:, None, columns[module], None]
        return partial(_mixed, share, corrupted.values[module])

    with borrowed(model.module) as hooks:
        _at_every_node(hooks, model, corrupted.answers, mix, 0)
        read_at(hooks, model.wiring, corrupted.answers)
        return run(model.wiring, corrupted.ids, repeated_cache(corrupted.cache, 1))


def _mixed(share: Float[Tensor, "rows 1 slots 1"], other: Tensor, output: Float[Tensor, "batch pos width"]) -> Tensor:
    """The share of an output and the rest of the corrupted one: exactly either where the share is 1 or 0."""
    share, n_slots = share.to(output.device), share.shape[2]
    own, theirs = (x.to(share.dtype).unflatten(-1, (n_slots, -1)) for x in (output, other))
    mixed: Tensor = (share * own + (1 - share) * theirs).flatten(2)
    return mixed.to(output.dtype)


def _at_every_node(
    hooks: Hooks,
    model: Model,
    answers: Answers,
    watch: Callable[[nn.Module, int], Callable[[Tensor], Tensor | None]],
    start: int,
) -> None:
    """Watch what every module of nodes returns, the last block's MLP where logits are read.

    Args:
        hooks: hooks on the borrowed model.
        model: the model.
        answers: where logits are read.
        watch: from a module, and the first position of its output that counts, to what sees the output.
        start: the first position that counts.
    """
    *others, last = model.wiring.blocks
    for block in others:
        for module in {part.module: None for part in block.attention.projections}:
            hooks.after(module, watch(module, start))
        if block.mlp is not None:
            hooks.after(block.mlp.out, watch(block.mlp.out, start))
    for module in {part.module: None for part in last.attention.projections}:
        hooks.after(module, watch(module, start))
    with answers.last_block(hooks, model.wiring):
        if last.mlp is not None:
            hooks.after(last.mlp.out, watch(last.mlp.out, 0))


def _columns(model: Model) -> dict[nn.Module, Int[Tensor, " slots"]]:
    """By module, the nodes whose values lie side by side in its output."""
    graph, found = model.graph, dict[nn.Module, Tensor]()
    for layer, block in enumerate(model.wiring.blocks):
        places = (graph.q(layer), graph.k(layer), graph.v(layer))
        for projection, at in zip(block.attention.projections, places, strict=True):
            view = projection.view
            slots = found.setdefault(projection.module, torch.zeros(view.n_slots, dtype=torch.long))
            slots[list(view.slots)] = torch.arange(at.start, at.stop)
        if block.mlp is not None:
            found[block.mlp.out] = torch.tensor([graph.mlp(layer)])
    return {module: slots.to(model.device) for module, slots in found.items()}
