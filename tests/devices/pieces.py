"""Everything that a model over several devices must do as on one, each as numbers to compare."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from edgewise.attribution import METHODS
from edgewise.attribution.neuron_edges import score_neuron_edges
from edgewise.attribution.neurons import estimate_neurons
from edgewise.engine.check import check_model
from edgewise.engine.gradients.batch_passes import BatchPasses
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.evaluation.evaluate import evaluate_circuit
from edgewise.evaluation.neurons import evaluate_neurons
from edgewise.graph import EdgeScores
from edgewise.graph.selection import top_n
from edgewise.models import Model
from edgewise.models.placement import device_of
from edgewise.search import patch_edges, score_edges
from edgewise.search.acdc.search import acdc
from edgewise.search.exact.neuron_scores import scoring_neurons
from edgewise.search.exact.neurons import patch_neurons
from edgewise.search.fading.search import Fading, fade
from edgewise.search.hisp import hisp_scores
from edgewise.search.probing.probe import Training, probe
from edgewise.settings.conditions import Conditions
from edgewise.tasks.prompts import PromptSet
from tiny import prompts

Numbers = NDArray[np.floating]
PROMPTS = prompts(4, seed=1)
FEW = Conditions(batch_size=3)
SETTINGS = {"eap-ig-activations": {"steps": 1}, "eap-ig-inputs": {"steps": 2}}


def _estimate(name: str, model: Model) -> Numbers:
    found = score_edges(model, PROMPTS, method=name, settings=SETTINGS.get(name), metric="logit-diff", conditions=FEW)
    return np.array(found.values)


def _exact(model: Model) -> Numbers:
    return np.array(patch_edges(model, PROMPTS, metric="logit-diff", conditions=FEW).values)


def _nodes(model: Model) -> Numbers:
    return np.array(patch_edges(model, PROMPTS, metric="logit-diff", level="node", conditions=FEW).values)


def _evaluated(ablation: str, model: Model) -> Numbers:
    draw = np.random.default_rng(0).normal(size=model.graph.mask.shape)
    scores = EdgeScores(model.graph, np.where(model.graph.mask, draw, np.nan))
    kept = top_n(scores, model.graph.n_edges // 3)
    found = evaluate_circuit(
        model, PROMPTS, kept, ablation=ablation, metric="logit-diff", scores=scores, random=1, conditions=FEW
    )
    assert found.curve is not None
    points = [(point.metric, point.faithfulness) for point in found.curve.points]
    return np.array([(found.circuit.metric, found.circuit.kl), *points], dtype=float).ravel()


def _acdc(metric: str, model: Model) -> Numbers:
    return np.array(acdc(model, one_answer(2), 0.1, metric=metric, conditions=FEW).scores().values)


def one_answer(n: int = 4) -> PromptSet:
    """Prompts that are read at the last token."""
    return prompts(n, seed=1, several_positions=False)


def _hisp(model: Model) -> Numbers:
    return np.array(hisp_scores(model, PROMPTS, metric="logit-diff", conditions=FEW).values)


def _probed(masks: str, model: Model) -> Numbers:
    training = Training(0.01, masks=masks, steps=2, rate=0.1)
    return np.array(probe(model, one_answer(), training, conditions=FEW).losses)


def _faded(model: Model) -> Numbers:
    return np.array(fade(model, one_answer(), Fading(steps=3), conditions=FEW).values)


def _neurons(method: str, model: Model) -> Numbers:
    """Scores of neurons and heads, the largest measured, and the edges of the best."""
    *_, last = scoring_neurons(model, PROMPTS, method=method, exact=6, edges=3, metric="logit-diff", conditions=FEW)
    found = [array for array in last.tensors().values() if array.dtype.kind == "f"]
    return np.concatenate([array.ravel() for array in found])


def _places(model: Model) -> Numbers:
    """Where the sources' changes are, and where each layer's gradients arrive: with the layer, by number."""
    batch = Batch.of(list(PROMPTS), model.device)
    passes = BatchPasses(model, batch, Buffers())
    corrupted, _ = passes.corrupted()
    run = passes.differentiable(batch.clean)
    changes, home, arrived = passes.changes(run.sources, corrupted), run.logits.device, dict[int, torch.device]()
    run.backward(torch.ones_like(run.logits), lambda at: arrived.update({at.columns.start: at.gradient.device}))
    blocks = [device_of(block.module) for block in model.wiring.blocks]
    if len(set(blocks)) == len(blocks):
        assert [part.at_answers.device for part in changes.parts] == blocks
        assert [arrived[model.graph.q(layer).start] for layer in range(len(blocks))] == blocks
    assert changes.home == home == model.device
    return np.concatenate([part.at_answers.cpu().numpy() for part in changes.parts])


def _checked(model: Model) -> Numbers:
    rows = check_model(model)
    failed = [row for row in rows if not row.passed]
    assert not failed, failed
    return np.array([len(rows)], dtype=float)


# Of the first and the last layer, heads among them.
NODES = ("m0.n3", "a1.h1", "m2.n0", "m2.n30")


def _neurons(method: str, model: Model) -> Numbers:
    return np.array(estimate_neurons(model, PROMPTS, method=method, conditions=FEW).values)


def _neuron_edges(model: Model) -> Numbers:
    found = score_neuron_edges(model, PROMPTS, [name for name in NODES if ".n" in name], conditions=FEW)
    return np.nan_to_num(np.hstack([found.into, found.out_of]))


def _exact_neurons(model: Model) -> Numbers:
    return np.array(patch_neurons(model, PROMPTS, NODES, conditions=FEW).values)


def _evaluated_neurons(model: Model) -> Numbers:
    circuit = estimate_neurons(model, PROMPTS, conditions=FEW).best(40)
    found = evaluate_neurons(model, PROMPTS, circuit, conditions=FEW)
    return np.array([found.full.metric, found.empty.metric, found.circuit.measured.metric, found.circuit.measured.kl])


PIECES: dict[str, Callable[[Model], Numbers]] = {
    **{name: (lambda model, name=name: _estimate(name, model)) for name in METHODS},
    "places": _places,
    "exact edges": _exact,
    "exact nodes": _nodes,
    **{f"evaluate {kind}": (lambda model, kind=kind: _evaluated(kind, model)) for kind in ("resample", "zero")},
    "evaluate mean-positional": lambda model: _evaluated("mean-positional", model),
    "acdc kl": lambda model: _acdc("kl", model),
    "acdc logit-diff": lambda model: _acdc("logit-diff", model),
    "hisp": _hisp,
    **{f"neurons {name}": (lambda model, name=name: _neurons(name, model)) for name in ("eap", "relp", "midpoint")},
    "probing of nodes": lambda model: _probed("node", model),
    "probing of edges": lambda model: _probed("edge", model),
    "fading": _faded,
    **{f"neurons {name}": (lambda model, name=name: _neurons(name, model)) for name in ("eap", "relp", "midpoint")},
    "edges of neurons": _neuron_edges,
    "exact neurons": _exact_neurons,
    "evaluate neurons": _evaluated_neurons,
    "check": _checked,
}
