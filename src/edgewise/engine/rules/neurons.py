"""The scores of heads and neurons with a rule set's backward pass in the place of the true one: RelP's and GIM's."""

from __future__ import annotations

from functools import partial

from edgewise.engine.gradients.batch_passes import LogitGradient
from edgewise.engine.gradients.neurons import NeuronBatchScores, NodeProducts, pull_back
from edgewise.engine.rules.mode import Ruled
from edgewise.engine.rules.rule import Rules
from edgewise.engine.rules.run import RuledRun
from edgewise.engine.run.activations import corrupted_activations, sites, watch_sites
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import repeated_cache
from edgewise.engine.run.hooks import borrowed
from edgewise.models import Model


def ruled_neuron_scores(
    model: Model, batch: Batch, logit_gradient: LogitGradient, *, rules: Rules
) -> NeuronBatchScores:
    """``sum over pos of (a' - a) * g`` with ``g`` the gradient of one clean run under rules that need no reference.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        logit_gradient: see `edgewise.engine.gradients.neurons.neuron_scores`.
        rules: the rule set.
    """
    places = sites(model)
    corrupted = corrupted_activations(model, places, batch)
    products = NodeProducts(corrupted, places[-1].nodes.stop)
    with borrowed(model.module) as hooks:
        run = RuledRun(hooks, model.wiring, model.graph, corrupted.answers, Ruled(rules))
        # The run has narrowed the last block already.
        watch_sites(hooks, model, places, products.tap, None)
        run.forward(corrupted.ids, repeated_cache(corrupted.cache, 1))
    clean_logits = run.logits.detach()
    run.sources.clear()
    pull_back(
        run.logits,
        clean_logits,
        logit_gradient,
        products,
        backward=partial(run.backward, receive=lambda arrival: None),
    )
    return NeuronBatchScores(products.scores, clean_logits, corrupted.logits)
