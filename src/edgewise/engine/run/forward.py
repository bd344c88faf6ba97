"""Running the untouched model, with the unembedding evaluated at the answer positions alone."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache

from edgewise.engine.run.answers import Answers
from edgewise.engine.run.hooks import Hooks
from edgewise.models import Model, Wiring


def read_at(
    hooks: Hooks, wiring: Wiring, answers: Answers, then: Callable[[Tensor], Tensor] = lambda normed: normed
) -> None:
    """Make the unembedding see each row's own positions only; ``then`` may replace what it sees."""
    hooks.before(wiring.unembedding, lambda normed: then(answers.read(normed)))


def run(
    wiring: Wiring, ids: Int[Tensor, "batch pos"], cache: DynamicCache | None = None
) -> Float[Tensor, "batch n_positions vocab"]:
    """The model's logits, with whatever hooks are on it.

    Args:
        wiring: the model's wiring.
        ids: token ids; with a cache, those that follow what it holds.
        cache: keys and values of the tokens before, which the run adds its own to.
    """
    logits: Tensor = wiring.module(
        input_ids=ids, past_key_values=cache, use_cache=cache is not None, return_dict=True
    ).logits
    return logits


def keep_first(cache: DynamicCache, length: int) -> None:
    """Cut a cache to its first tokens."""
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[..., :length, :], layer.values[..., :length, :]


def repeated_cache(cache: DynamicCache | None, times: int) -> DynamicCache | None:
    """A cache with its rows so many times; a run joins its own keys and values to it and leaves the first as it is."""
    if cache is None:
        return None
    repeated = DynamicCache()
    repeated.layers = [copy(layer) for layer in cache.layers]
    for layer in repeated.layers if times > 1 else ():
        layer.keys, layer.values = layer.keys.repeat(times, 1, 1, 1), layer.values.repeat(times, 1, 1, 1)
    return repeated


def embed_as_leaf(hooks: Hooks, wiring: Wiring, first: int = 0) -> None:
    """Let gradients begin where the stream enters a block: they are taken with respect to activations only."""
    hooks.before(wiring.blocks[first].module, lambda stream: stream.detach().requires_grad_(True))


@torch.no_grad()
def logits_at(
    model: Model, hooks: Hooks, ids: Int[Tensor, "batch pos"], answers: Answers, cache: DynamicCache | None = None
) -> Float[Tensor, "batch n_positions vocab"]:
    """Logits of a plain run at the given positions, without gradients."""
    read_at(hooks, model.wiring, answers)
    return run(model.wiring, ids, cache)
