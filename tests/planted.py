"""Planted models, their prompts, and the exact effect of every edge of any built model, for all tests that need them.

The effects come from the module itself, by hooks of this file's own: one forward pass for many edges, every edge a
copy of the prompts in which one destination reads ``stream + (corrupted - clean)`` of one source. Upstream of that
destination the copy is the clean run, so this is the patched run.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample
from edgewise.engine.run.sources import recorded_outputs
from edgewise.models import Model, load_model
from edgewise.runs.prompts import make_task
from edgewise.tasks import PromptSet

SEEDS = range(20)
N_PROMPTS = 20
EDGES_AT_ONCE = 50


@cache
def planted(seed: int, dtype: str = "float32") -> Model:
    return load_model(f"planted:{seed}", dtype=dtype)


@cache
def prompts(seed: int) -> PromptSet:
    """Other prompts for every seed, every third time held-out ones."""
    split = "held-out" if seed % 3 == 2 else "discovery"
    return make_task("planted", planted(seed), n=N_PROMPTS, seed=seed, split=split)


def effects(model: Model, some: PromptSet) -> np.ndarray:
    """Mean logit difference, patched minus clean, of every edge alone, `[source, destination]`; NaN where none is."""
    batch = Batch.of(some.pairs, model.device)
    change = recorded_outputs(model, batch.corrupted) - recorded_outputs(model, batch.clean)
    edges = np.argwhere(model.graph.mask).tolist()
    found = np.full(model.graph.mask.shape, np.nan)
    for start in range(0, len(edges), EDGES_AT_ONCE):
        some_edges = [None, *edges[start : start + EDGES_AT_ONCE]]
        clean, *patched = _mean_differences(model, batch, change, some_edges, some)
        for (row, column), value in zip(some_edges[1:], patched, strict=True):
            found[row, column] = value - clean
    return found


@torch.no_grad()
def with_edges_patched(model: Model, some: PromptSet, mask: np.ndarray) -> float:
    """Mean logit difference of the clean prompts with a set of edges patched, by the engine."""
    batch = Batch.of(some.pairs, model.device)
    logits = patched_logits(model, resample(model, batch), torch.tensor(mask)[None])[0]
    return _mean_difference(logits[:, 0], some)


def _mean_difference(logits: Tensor, some: PromptSet) -> float:
    """Of `[prompt, vocab]`; every prompt has one answer and one wrong one."""
    rows = torch.arange(len(some))
    right, wrong = (torch.tensor([getattr(p, name)[0] for p in some]) for name in ("answers", "wrong_answers"))
    return float((logits[rows, right] - logits[rows, wrong]).double().mean())


@torch.no_grad()
def _mean_differences(model: Model, batch: Batch, change: Tensor, edges: list[Any], some: PromptSet) -> list[float]:
    n, module = len(some), model.module
    copies = [slice(i * n, (i + 1) * n) for i in range(len(edges))]
    reading: dict[str, list[tuple[slice, int, str]]] = {}
    for rows, edge in zip(copies, edges, strict=True):
        if edge is not None:
            name = model.graph.destinations[edge[1]]
            reading.setdefault(re.sub(r"\.h.*", "", name), []).append((rows, edge[0], name))
    handles = []
    for layer, block in enumerate(module.transformer.h):
        handles += _patch_attention(block, change, reading.get(f"a{layer}", []))
        handles += _patch_input(block.ln_2, block.mlp, change, reading.get(f"m{layer}", []))
    handles += _patch_input(module.transformer.ln_f, module.lm_head, change, reading.get("logits", []))
    try:
        logits = module(batch.clean.repeat(len(edges), 1), use_cache=False).logits
    finally:
        for handle in handles:
            handle.remove()
    last = batch.positions[:, 0].repeat(len(edges))
    at_last = logits[torch.arange(len(last)), last]
    return [_mean_difference(at_last[rows], some) for rows in copies]


def _keep_input(norm: Any) -> tuple[list[Tensor], Any]:
    stream: list[Tensor] = []
    return stream, norm.register_forward_pre_hook(lambda _, args: stream.append(args[0]))


def _patch_attention(block: Any, change: Tensor, reading: list[tuple[slice, int, str]]) -> list[Any]:
    """Of the rows, replace the one head's q, k or v that the destination names."""
    stream, handle = _keep_input(block.ln_1)
    projection, d_head, width = block.attn.c_attn, block.attn.head_dim, block.attn.embed_dim

    def patch(_: Any, __: Any, output: Tensor) -> Tensor:
        output = output.clone()
        for rows, source, name in reading:
            head, letter = re.fullmatch(r"a\d+\.h(\d+)<([qkv])>", name).groups()
            start = "qkv".index(letter) * width + int(head) * d_head
            read = projection.forward(block.ln_1.forward(stream[0][rows] + change[source]))
            output[rows, :, start : start + d_head] = read[..., start : start + d_head]
        return output

    return [handle, projection.register_forward_hook(patch)]


def _patch_input(norm: Any, reader: Any, change: Tensor, reading: list[tuple[slice, int, str]]) -> list[Any]:
    stream, handle = _keep_input(norm)

    def patch(_: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        normed = args[0].clone()
        for rows, source, _name in reading:
            normed[rows] = norm.forward(stream[0][rows] + change[source])
        return (normed,)

    return [handle, reader.register_forward_pre_hook(patch)]
