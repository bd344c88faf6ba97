"""Circuits of heads and neurons: every number against whole runs made by plain hooks, and a planted one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
from torch import nn

from edgewise.attribution.neurons import estimate_neurons
from edgewise.errors import ScoreError, SelectionError
from edgewise.evaluation.neurons import evaluate_neurons, evaluating_neurons
from edgewise.graph.neurons import NeuronCircuit, NeuronScores
from edgewise.models import Model, load_model
from edgewise.models.neurons import neuron_graph
from edgewise.settings.conditions import Conditions
from neuron_hooks import Nodes
from tiny import FAMILIES, gpt2, prompts
from tiny_families import tiny

PROMPTS = prompts(3, seed=4)
SHAPES: dict[str, Callable[..., nn.Module]] = {
    "gpt2": partial(gpt2, n_layer=2),
    "lens-gated": FAMILIES["lens-rotary-gated-grouped"],
    "opt": partial(tiny, "OPTForCausalLM"),
    "gemma3": partial(tiny, "Gemma3ForCausalLM"),
    "gpt-neox": partial(tiny, "GPTNeoXForCausalLM"),
}
LIMIT = {"gemma3": 1e-5, "gpt-neox": 1e-5}
"""Where the class computes parts in float32; 1e-10 elsewhere."""


@cache
def shaped(shape: str) -> Model:
    return load_model(SHAPES[shape]())


@cache
def scored(shape: str) -> NeuronScores:
    return estimate_neurons(shaped(shape), PROMPTS)


def f(kept: float, full: float, empty: float) -> float:
    return (kept - empty) / (full - empty)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_number_is_that_of_plain_hooks(shape: str) -> None:
    model, scores = shaped(shape), scored(shape)
    circuit = scores.best(30)
    plain = Nodes(model.module, model.graph.spec.n_heads)
    heads = {name for name in plain.places if "h" in name}
    neurons = [row.name for row in scores.top(len(scores)) if ".n" in row.name]
    kept = set(circuit)
    found = evaluate_neurons(model, PROMPTS, circuit, scores=scores, conditions=Conditions(batch_size=2))

    def mean(names: set[str]) -> float:
        return float(np.mean([plain.kept(pair, names) for pair in PROMPTS]))

    full, empty, bare = mean(set(plain.places)), mean(set()), mean(heads)
    size, limit = max(abs(full), abs(empty)), LIMIT.get(shape, 1e-10)
    assert abs(full - empty) > 0.01
    assert found.full.metric == pytest.approx(full, abs=limit * size)
    assert found.empty.metric == pytest.approx(empty, abs=limit * size)
    assert found.circuit.measured.metric == pytest.approx(mean(kept), abs=limit * size)
    assert found.complement.measured.metric == pytest.approx(mean(set(plain.places) - kept), abs=limit * size)
    assert found.faithfulness == pytest.approx(f(mean(kept), full, empty), abs=1e4 * limit)
    assert found.heads.faithfulness == pytest.approx(f(bare, full, empty), abs=1e4 * limit)
    assert (found.with_heads.heads, found.with_heads.neurons) == (len(heads), circuit.n_neurons)
    assert found.with_heads.faithfulness == pytest.approx(f(mean(kept | heads), full, empty), abs=1e4 * limit)
    nodes, of_neurons = found.curves
    for curve, names, others, nothing in (
        (nodes, scores.top(len(scores)).names, set(), empty),
        (of_neurons, neurons, heads, bare),
    ):
        assert curve.points[-1].size == len(names)
        assert curve.points[-1].kept.faithfulness == pytest.approx(1)
        point = curve.points[-3]
        assert 1 < point.size < len(names)
        wanted = mean({*names[: point.size], *others})
        assert point.kept.measured.metric == pytest.approx(wanted, abs=limit * size)
        assert point.kept.faithfulness == pytest.approx(f(wanted, full, nothing), abs=1e4 * limit)


def planted() -> nn.Module:
    """Attention writes nothing, and of all neurons m1.n5 alone writes."""
    module = gpt2(n_layer=2)
    for layer, block in enumerate(module.transformer.h):
        block.attn.c_proj.weight.data.zero_()
        for neuron in range(block.mlp.c_proj.weight.shape[0]):
            block.mlp.c_proj.weight.data[neuron] *= float((layer, neuron) == (1, 5))
    return module


def test_one_planted_neuron_is_all_of_the_behaviour() -> None:
    model = load_model(planted())
    graph = neuron_graph(model)
    found = evaluate_neurons(model, PROMPTS, NeuronCircuit.from_nodes(graph, ["m1.n5"]))
    assert found.faithfulness == pytest.approx(1)
    assert found.circuit.measured.kl == pytest.approx(0, abs=1e-12)
    assert found.complement.faithfulness == pytest.approx(0)
    others = evaluate_neurons(model, PROMPTS, NeuronCircuit.from_nodes(graph, ["m1.n6", "a0.h1"]))
    assert others.faithfulness == pytest.approx(0)
    assert abs(found.full.metric - found.empty.metric) > 0.01


def test_random_circuits_keep_as_many_heads_and_neurons() -> None:
    scores = scored("gpt2")
    found = evaluate_neurons(shaped("gpt2"), PROMPTS, scores.best(10), scores=scores, random=2, seed=3)
    again = evaluate_neurons(shaped("gpt2"), PROMPTS, scores.best(10), scores=scores, random=2, seed=3)
    assert found == again
    for curve in found.curves:
        assert all(point.random is not None for point in curve.points[:-1])
        assert curve.points[-1].random is None


def test_an_evaluation_that_was_stopped_ends_with_the_same_bits() -> None:
    model, scores, conditions = shaped("gpt2"), scored("gpt2"), Conditions(batch_size=1)
    states = evaluating_neurons(model, PROMPTS, scores.best(9), scores=scores, conditions=conditions)
    for _ in range(3):
        halfway = next(states)
    assert 0 < halfway.done < halfway.total
    with pytest.raises(ScoreError, match="runs are done; finish the evaluation first"):
        halfway.result()
    stored = {name: array.copy() for name, array in halfway.tensors().items()}
    *_, last = evaluating_neurons(model, PROMPTS, scores.best(9), scores=scores, conditions=conditions, stored=stored)
    assert last.result() == evaluate_neurons(model, PROMPTS, scores.best(9), scores=scores, conditions=conditions)


def test_circuits() -> None:
    graph, scores = neuron_graph(shaped("gpt2")), scored("gpt2")
    circuit = scores.best(5)
    assert list(circuit) == sorted(scores.top(5).names, key=graph.node)
    assert (len(circuit), circuit.n_heads + circuit.n_neurons) == (5, 5)
    assert circuit == NeuronCircuit.from_nodes(graph, scores.top(5).names)
    assert scores.top(1).names[0] in circuit
    assert circuit.with_all_heads().n_heads == graph.n_heads
    with pytest.raises(SelectionError, match="nodes asked for"):
        scores.best(graph.n_nodes + 1)
    with pytest.raises(SelectionError, match="circuit mask is bool"):
        NeuronCircuit(graph, np.zeros(3, dtype=np.bool_))
    with pytest.raises(SelectionError, match=r"names are given as a list, such as \['m0\.n1'\]"):
        NeuronCircuit.from_nodes(graph, "m0.n1")
    with pytest.raises(SelectionError, match="circuit is of the kind NeuronScores; give a NeuronCircuit"):
        evaluate_neurons(shaped("gpt2"), PROMPTS, scores)  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="circuit is of a model of 8 heads and 256 neurons"):
        evaluate_neurons(shaped("opt"), PROMPTS, circuit)
