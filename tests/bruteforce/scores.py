"""Edge and node attribution by definition, one prompt at a time, no batching and no padding anywhere.

EAP(u, v) = sum over pos, d_model of (o'_u - o_u) * dL/d(edge(u, v)), where autograd differentiates with
respect to that edge's own tensor, in the clean run. An exact effect is L with the edge patched, minus L.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from bruteforce.transformer import Patch, Run, Transformer, run


class Prompt(Protocol):
    """What is read of a prompt pair."""

    @property
    def clean(self) -> tuple[int, ...]: ...
    @property
    def corrupted(self) -> tuple[int, ...]: ...
    @property
    def answers(self) -> tuple[int, ...]: ...
    @property
    def wrong_answers(self) -> tuple[int, ...]: ...
    @property
    def positions(self) -> tuple[int, ...]: ...


PromptMetric = Callable[[Tensor, Prompt], Tensor]
"""(logits `[..., read position, vocab]`, prompt) -> the metric of that prompt, `[...]`."""


def logit_diff(logits: Tensor, prompt: Prompt) -> Tensor:
    right = logits[..., list(prompt.answers)].mean(-1)
    wrong = logits[..., list(prompt.wrong_answers)].mean(-1)
    return (right - wrong).mean(-1)


def prob_diff(logits: Tensor, prompt: Prompt) -> Tensor:
    probabilities = logits.exp() / logits.exp().sum(-1, keepdim=True)
    right = probabilities[..., list(prompt.answers)].sum(-1)
    wrong = probabilities[..., list(prompt.wrong_answers)].sum(-1)
    return (right - wrong).mean(-1)


def spread(logits: Tensor, prompt: Prompt) -> Tensor:
    """A nonlinear metric of every logit: log(1 + mean square of the first answer's logit) minus
    log(1 + mean square of all logits), means over the positions too."""
    squares = logits**2
    return torch.log(1 + squares[..., prompt.answers[0]].mean(-1)) - torch.log(1 + squares.mean((-2, -1)))


def edge_scores(
    model: Transformer, prompts: Iterable[Prompt], metric: PromptMetric
) -> Float[Tensor, "prompt source destination"]:
    """EAP of every edge for every prompt; NaN where there is no edge."""
    return torch.stack([_edge_scores(model, prompt, metric) for prompt in prompts])


def node_scores(model: Transformer, prompts: Iterable[Prompt], metric: PromptMetric) -> Float[Tensor, "prompt source"]:
    """Difference times gradient at the outputs of the nodes themselves, not summed from the edges."""
    rows = []
    for prompt in prompts:
        clean, corrupted = clean_and_corrupted(model, prompt)
        nodes = list(clean.outputs)
        gradients = torch.autograd.grad(read(metric, clean, prompt).sum(), [clean.outputs[u] for u in nodes])
        changes = [corrupted.outputs[u] - clean.outputs[u] for u in nodes]
        rows.append(torch.stack([(c * g).sum().detach() for c, g in zip(changes, gradients, strict=True)]))
    return torch.stack(rows)


def clean_and_corrupted(model: Transformer, prompt: Prompt) -> tuple[Run, Run]:
    """The clean run, with gradients, and the corrupted one, without."""
    with torch.enable_grad():
        clean = run(model, torch.tensor([prompt.clean]))
    with torch.no_grad():
        corrupted = run(model, torch.tensor([prompt.corrupted]))
    return clean, corrupted


def read(metric: PromptMetric, result: Run, prompt: Prompt) -> Float[Tensor, " batch"]:
    """The metric of each row of a run, from the logits at the positions the prompt names."""
    return metric(result.logits[:, list(prompt.positions)], prompt)


def patched_metric(
    model: Transformer, prompt: Prompt, metric: PromptMetric, masks: Float[Tensor, "batch source destination"]
) -> Float[Tensor, " batch"]:
    """The metric with the edges of each mask patched, by the mask's fraction, from the corrupted run."""
    with torch.no_grad():
        corrupted = run(model, torch.tensor([prompt.corrupted]))
        rows = torch.tensor([prompt.clean]).expand(len(masks), -1)
        return read(metric, run(model, rows, Patch(masks, corrupted.outputs)), prompt)


def single_edge_masks(model: Transformer, amount: float) -> tuple[Tensor, Tensor]:
    """One mask an edge, with `amount` at that edge alone, and the edges' `[edge, 2]` indices."""
    edges = torch.argwhere(edge_mask(model))
    masks = torch.zeros(len(edges), len(model.sources), len(model.destinations), dtype=torch.float64)
    masks[torch.arange(len(edges)), edges[:, 0], edges[:, 1]] = amount
    return masks, edges


def edge_mask(model: Transformer) -> Float[Tensor, "source destination"]:
    """True where an edge exists: read off a run, as what the destinations really summed."""
    with torch.no_grad():
        edges = run(model, torch.tensor([[0]])).edges
    return torch.tensor([[(u, v) in edges for v in model.destinations] for u in model.sources])


def exact_effects(
    model: Transformer, prompts: Iterable[Prompt], metric: PromptMetric, step: float = 1.0
) -> Float[Tensor, "prompt source destination"]:
    """L(edge patched) - L(clean) of every edge alone; NaN where there is no edge.

    With a `step` below one: the central difference (L(+step) - L(-step)) / (2 step) along the edge's change.
    """
    up, edges = single_edge_masks(model, step)
    down = -up if step < 1 else torch.zeros_like(up[:1])  # nothing patched is one run for all
    rows = []
    for prompt in prompts:
        effects = torch.full(up.shape[1:], math.nan, dtype=torch.float64)
        high, low = (patched_metric(model, prompt, metric, masks) for masks in (up, down))
        effects[edges[:, 0], edges[:, 1]] = (high - low) / (2 * step if step < 1 else 1)
        rows.append(effects)
    return torch.stack(rows)


def _edge_scores(model: Transformer, prompt: Prompt, metric: PromptMetric) -> Tensor:
    clean, corrupted = clean_and_corrupted(model, prompt)
    names = list(clean.edges)
    gradients = torch.autograd.grad(read(metric, clean, prompt).sum(), [clean.edges[name] for name in names])
    scores = torch.full((len(model.sources), len(model.destinations)), math.nan, dtype=torch.float64)
    for (source, destination), gradient in zip(names, gradients, strict=True):
        change = corrupted.outputs[source] - clean.outputs[source].detach()
        scores[model.places[source, destination]] = (change * gradient).sum()
    return scores
