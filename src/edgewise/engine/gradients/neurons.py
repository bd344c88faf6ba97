"""The per-prompt scores of heads and neurons on one micro-batch: two forward passes and one backward pass.

    score(n) = sum over pos of (a'_n - a_n) * dL/d(a_n)

``a`` the activation in front of the down projection (a head: what it gathers in front of its slice of the output
projection, summed over its width), ``a'`` that of the corrupted run: an estimate of what L becomes when the node is
replaced at every position and the rest follows, minus what it is.

1. Run the corrupted prompts; keep the activations.
2. Run the clean prompts with a tap at every site.
3. As each site's gradient arrives, multiply it with the change there. No gradient is stored, and nothing is
   ``d_model`` wide.

With other gradient points than the clean run (`engine.gradients.points`), 2. and 3. happen in those runs, and their
scores are summed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.gradients.batch_passes import LogitGradient
from edgewise.engine.gradients.edge_sums import range_for
from edgewise.engine.gradients.points import CLEAN, GradientPoint, mix_embedding
from edgewise.engine.run.activations import CorruptedActivations, Site, Values, corrupted_activations, watch_sites
from edgewise.engine.run.activations import sites as sites_of
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import embed_as_leaf, logits_at, read_at, repeated_cache, run
from edgewise.engine.run.hooks import Hooks, Watch, borrowed
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.models import Model


@dataclass(frozen=True)
class NeuronBatchScores:
    """What one micro-batch gives.

    Args:
        nodes: ``[batch, n_nodes]``.
        clean_logits: ``[batch, n_positions, vocab]``.
        corrupted_logits: likewise.
    """

    nodes: Float[Tensor, "batch nodes"]
    clean_logits: Float[Tensor, "batch n_positions vocab"]
    corrupted_logits: Float[Tensor, "batch n_positions vocab"]


class NodeProducts:
    """Adds up ``(a' - a) * gradient`` as gradients arrive, site by site.

    Args:
        corrupted: the corrupted activations.
        n_nodes: how many nodes there are.
        clean: those of the clean run, where that is not the run that is tapped.

    Attributes:
        scores: the sum so far, ``[batch, n_nodes]``, in the accumulation type.
        factor: what is multiplied to what is added, ``[batch]``.
    """

    def __init__(self, corrupted: CorruptedActivations, n_nodes: int, clean: Values | None = None) -> None:
        like = corrupted.logits
        dtype = accumulation_dtype(like.dtype)
        self.scores = like.new_zeros(len(like), n_nodes, dtype=dtype)
        self.factor = self.scores.new_ones(len(like))
        self._corrupted, self._clean = corrupted.values, clean

    def tap(self, site: Site) -> Watch:
        """What is put in front of a site's module."""
        return partial(self._tapped, site)

    def _tapped(self, site: Site, seen: Tensor) -> Tensor:
        own = seen.view_as(seen)
        own.register_hook(partial(self._arrived, site, seen.detach() if self._clean is None else self._clean[site]))
        return own

    def _arrived(self, site: Site, clean: Tensor, gradient: Tensor) -> None:
        dtype = self.scores.dtype
        change = self._corrupted[site].to(dtype) - clean.to(dtype)
        product = torch.einsum("bpw,bpw->bw", change, gradient.reshape(change.shape).to(dtype))
        by_node = product.unflatten(-1, (site.n_nodes, site.each)).sum(-1)
        self.scores[:, site.nodes] += by_node.to(self.scores.device) * self.factor[:, None]


def neuron_scores(
    model: Model, batch: Batch, logit_gradient: LogitGradient, points: Sequence[GradientPoint] = CLEAN
) -> NeuronBatchScores:
    """Scores of all heads and neurons, the gradient summed over points.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        logit_gradient: from a run's logits and the clean run's to ``dL/dlogits`` of each prompt's own L (same shape).
        points: where gradients are taken, and their weights; the clean run by default.
    """
    places = sites_of(model)
    corrupted = corrupted_activations(model, places, batch)
    n_nodes = places[-1].nodes.stop
    if points is CLEAN:
        products = NodeProducts(corrupted, n_nodes)
        logits = _tapped_run(model, places, corrupted, products)
        clean_logits = logits.detach()
        pull_back(logits, clean_logits, logit_gradient, products)
        return NeuronBatchScores(products.scores, clean_logits, corrupted.logits)
    clean, clean_logits = _clean_activations(model, places, corrupted)
    products = NodeProducts(corrupted, n_nodes, clean)
    for point in points:
        mixed = partial(mix_embedding, wiring=model.wiring, corrupted=corrupted.embedding, clean=point.clean)
        logits = _tapped_run(model, places, corrupted, products, mixed)
        pull_back(logits, clean_logits, logit_gradient, products, point.weight)
    return NeuronBatchScores(products.scores, clean_logits, corrupted.logits)


def pull_back(
    logits: Tensor,
    clean_logits: Tensor,
    logit_gradient: LogitGradient,
    products: NodeProducts,
    weight: float = 1.0,
    backward: Callable[[Tensor], None] | None = None,
) -> None:
    """Run the backward pass of a tapped run; its scores are added, times a weight.

    Args:
        logits: of the run, with their autograd graph.
        clean_logits: of the clean run.
        logit_gradient: see `neuron_scores`.
        products: what is added to.
        weight: of this run.
        backward: runs the backward pass from a gradient at the logits; autograd's by default.
    """
    gradient = logit_gradient(logits.detach(), clean_logits)
    scale = range_for(gradient, logits.dtype)
    products.factor = (weight / scale).to(products.scores.dtype)
    start = (gradient * scale[:, None, None]).to(logits.dtype)
    if backward is None:
        torch.autograd.backward(logits, start)
    else:
        backward(start)


def _tapped_run(
    model: Model,
    places: tuple[Site, ...],
    corrupted: CorruptedActivations,
    products: NodeProducts,
    change: Callable[[Hooks], None] = lambda hooks: None,
) -> Tensor:
    """The logits of a run of the clean prompts, with their autograd graph."""
    with borrowed(model.module) as hooks, torch.enable_grad():
        change(hooks)
        embed_as_leaf(hooks, model.wiring)
        watch_sites(hooks, model, places, products.tap, corrupted.answers)
        read_at(hooks, model.wiring, corrupted.answers)
        return run(model.wiring, corrupted.ids, repeated_cache(corrupted.cache, 1))


def _clean_activations(
    model: Model, places: tuple[Site, ...], corrupted: CorruptedActivations
) -> tuple[Values, Tensor]:
    values: Values = {}
    answers = corrupted.answers
    with borrowed(model.module) as hooks:
        watch_sites(hooks, model, places, lambda site: partial(_keep, values, site), answers)
        logits = logits_at(model, hooks, corrupted.ids, answers, repeated_cache(corrupted.cache, 1))
    return values, logits


def _keep(values: Values, site: Site, seen: Tensor) -> None:
    values[site] = seen.detach().clone()
