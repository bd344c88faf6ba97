"""Running the untouched model, with the unembedding evaluated at the answer positions alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edgewise.engine.hooks import Hooks
from edgewise.models import Model, Wiring


def gather(x: Float[Tensor, "batch pos d"], positions: Int[Tensor, "batch n_positions"]) -> Tensor:
    """The vectors at each row's own positions, ``[batch, n_positions, d]``."""
    rows = torch.arange(x.shape[0], device=x.device)[:, None]
    return x[rows, positions]


def read_at(
    hooks: Hooks,
    wiring: Wiring,
    positions: Int[Tensor, "batch n_positions"],
    then: Callable[[Tensor], Tensor] = lambda normed: normed,
) -> None:
    """Make the unembedding see each row's own positions only; ``then`` may look at what it sees, or replace it."""
    hooks.before(wiring.unembedding, lambda normed: then(gather(normed, positions)))


def run(wiring: Wiring, ids: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch n_positions vocab"]:
    """The model's logits, with whatever hooks are on it."""
    logits: Tensor = wiring.module(input_ids=ids, use_cache=False, return_dict=True).logits
    return logits


def embed_as_leaf(hooks: Hooks, wiring: Wiring) -> None:
    """Let gradients begin where the stream enters block 0: they are taken with respect to activations only."""
    hooks.before(wiring.blocks[0].module, lambda stream: stream.detach().requires_grad_(True))


@torch.no_grad()
def logits_at(
    model: Model, hooks: Hooks, ids: Int[Tensor, "batch pos"], positions: Int[Tensor, "batch n_positions"]
) -> Float[Tensor, "batch n_positions vocab"]:
    """Logits of a plain run at the given positions, without gradients."""
    read_at(hooks, model.wiring, positions)
    return run(model.wiring, ids)
