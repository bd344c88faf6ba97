"""Edges of neurons: they sum to scores that other code gives, and are slopes of patches made by plain hooks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgewise.attribution.neuron_edges import attribute_neuron_edges, score_neuron_edges
from edgewise.attribution.neurons import estimate_neurons
from edgewise.errors import SelectionError
from edgewise.graph.neuron_edges import NeuronEdges
from edgewise.models import Model, load_model
from edgewise.models.neurons import neuron_graph
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from neuron_hooks import Nodes, metric
from tiny import FAMILIES, gpt2, prompts
from tiny_families import tiny
from traces import leaves_no_trace

PROMPTS = prompts(3, seed=5)
SHAPES: dict[str, Callable[..., nn.Module]] = {
    "gpt2": gpt2,
    "lens-gated": FAMILIES["lens-rotary-gated-grouped"],
    "opt": partial(tiny, "OPTForCausalLM"),
    "gpt-neox": partial(tiny, "GPTNeoXForCausalLM"),
    "gptj": partial(tiny, "GPTJForCausalLM"),
    "llama": partial(tiny, "LlamaForCausalLM"),
    "granite": partial(tiny, "granite-multiplied"),
    "gemma3": partial(tiny, "Gemma3ForCausalLM"),
    "olmo2": partial(tiny, "Olmo2ForCausalLM"),
}
IN_FLOAT64 = ("gpt2", "lens-gated", "opt")
NORM_BEHIND = ("gemma3", "olmo2")


@cache
def shaped(shape: str) -> Model:
    return load_model(SHAPES[shape]())


def limit(shape: str) -> float:
    return 1e-10 if shape in IN_FLOAT64 else 2e-5


@pytest.mark.parametrize("shape", SHAPES)
def test_edges_into_all_neurons_of_an_mlp_sum_to_its_own(shape: str) -> None:
    model = shaped(shape)
    edges, graph = score_edges(model, PROMPTS, method="eap"), model.graph
    for layer, width in enumerate(neuron_graph(model).widths):
        found = score_neuron_edges(model, PROMPTS, [f"m{layer}.n{n}" for n in range(width)])
        before = graph.sources_before_mlp(layer)
        wanted = edges.values[:before, graph.mlp(layer)]
        summed = found.into[:, :before].sum(0)
        assert np.abs(summed - wanted).max() < limit(shape) * np.abs(wanted).max()
        assert np.isnan(found.into[:, before:]).all()
        # So do those out of them, but that a norm behind an MLP has no bias to share.
        own = edges.values[graph.mlp_source(layer)]
        there = ~np.isnan(own)
        assert (~np.isnan(found.out_of) == there).all()
        assert np.abs(found.out_of.sum(0)[there] - own[there]).max() < limit(shape) * np.abs(own[there]).max()


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape not in NORM_BEHIND])
def test_edges_out_of_a_neuron_sum_to_its_score(shape: str) -> None:
    model = shaped(shape)
    scores, names = estimate_neurons(model, PROMPTS), ["m0.n1", "m0.n7", "m1.n0", "m1.n3"]
    found = score_neuron_edges(model, PROMPTS, names)
    size = np.abs(scores.values).max()
    for name, values in zip(names, found.out_of, strict=True):
        assert np.nansum(values) == pytest.approx(scores[name], abs=limit(shape) * size)


class Patch:
    """What GPT-2's neurons read, changed for one of them alone by a share of a source's corrupted output."""

    def __init__(self, model: Model) -> None:
        self.module, self.nodes = model.module, Nodes(model.module, model.graph.spec.n_heads)

    def source(self, name: str, ids: tuple[int, ...]) -> Tensor:
        """What a head, an MLP's neuron or the embedding adds to the stream, ``[pos, d_model]``."""
        if name == "input":
            return self.module.transformer.wte(torch.tensor(ids)) + self.module.transformer.wpe.weight[: len(ids)]
        part, at = self.nodes.places[name]
        return self.nodes.activations(ids)[part][0][:, at] @ part.weight[at]

    @torch.no_grad()
    def metric(self, pair: object, source: str, neuron: str, share: float) -> float:
        change = share * (self.source(source, pair.corrupted) - self.source(source, pair.clean))
        layer, number = (int(one) for one in neuron[1:].split(".n"))
        block = self.module.transformer.h[layer]
        stream: list[Tensor] = []

        def read(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            stream[:] = [args[0]]

        def replace(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            other = block.mlp.act(block.mlp.c_fc(block.ln_2.forward(stream[0] + change)))
            mixed = args[0].clone()
            mixed[..., number] = other[..., number]
            return (mixed,)

        handles = [block.ln_2.register_forward_pre_hook(read), block.mlp.c_proj.register_forward_pre_hook(replace)]
        try:
            return float(metric(self.module(torch.tensor([pair.clean])).logits[0], pair))
        finally:
            for handle in handles:
                handle.remove()


def test_edges_into_a_neuron_are_the_slopes_of_that_very_patch() -> None:
    model = shaped("gpt2")
    found = score_neuron_edges(model, PROMPTS, ["m0.n9", "m1.n4", "m2.n2", "m2.n30"])
    patch, step = Patch(model), 1e-4
    size = max(abs(row.score) for row in found)
    for edge in ("input->m0.n9", "a0.h1->m1.n4", "a2.h3->m2.n2", "m0.n9->m1.n4", "m1.n4->m2.n30", "input->m2.n2"):
        source, neuron = edge.split("->")
        slopes = [
            (patch.metric(pair, source, neuron, step) - patch.metric(pair, source, neuron, -step)) / (2 * step)
            for pair in PROMPTS
        ]
        assert found[edge] == pytest.approx(np.mean(slopes), abs=1e-6 * size)
    assert size > 1e-3


@cache
def edges(batch_size: int) -> NeuronEdges:
    names = ["m1.n4", "m0.n9", "m2.n2"]
    return score_neuron_edges(shaped("gpt2"), PROMPTS, names, conditions=Conditions(batch_size=batch_size))


def test_scores_do_not_depend_on_the_micro_batch() -> None:
    for name in ("into", "out_of", "into_stderr", "out_of_stderr"):
        one, all_ = getattr(edges(1), name), getattr(edges(3), name)
        assert np.nanmax(np.abs(one - all_)) < 1e-10 * np.nanmax(np.abs(all_))


def test_names_and_ranks() -> None:
    found = edges(3)
    assert found.neurons == ("m0.n9", "m1.n4", "m2.n2")
    names = [row.name for row in found]
    assert len(names) == len(set(names)) == len(found)
    graph = shaped("gpt2").graph
    n_into = sum(graph.sources_before_mlp(layer) for layer in range(3)) + 3
    n_out = sum(int(graph.mask[graph.mlp_source(layer)].sum()) for layer in range(3))
    assert len(found) == n_into + n_out
    best = found.best_into("m1.n4", 3)
    assert [abs(row.score) for row in best] == sorted((abs(row.score) for row in best), reverse=True)
    assert all(row.name.endswith("->m1.n4") for row in best)
    assert all(row.name.startswith("m1.n4->") for row in found.best_out_of("m1.n4"))
    assert found[best[0].name] == best[0].score
    assert "m0.n9->m2.n2" in names
    assert "m2.n2->m0.n9" not in names


def test_a_pass_that_was_stopped_ends_with_the_same_bits() -> None:
    model, conditions = shaped("gpt2"), Conditions(batch_size=1)
    states = attribute_neuron_edges(model, PROMPTS, ["m1.n4"], conditions=conditions)
    stored = next(states).tensors()
    *_, last = attribute_neuron_edges(model, PROMPTS, ["m1.n4"], conditions=conditions, stored=stored)
    whole = score_neuron_edges(model, PROMPTS, ["m1.n4"], conditions=conditions)
    assert np.array_equal(last.edges().into, whole.into, equal_nan=True)
    assert np.array_equal(last.edges().out_of, whole.out_of, equal_nan=True)


def test_the_model_is_as_before_and_what_is_no_neuron_is_refused() -> None:
    model = shaped("gpt2")
    with leaves_no_trace(model.module):
        score_neuron_edges(model, PROMPTS, ["m1.n4"])
    with pytest.raises(SelectionError, match=r"'a0\.h1' is a head, and no neuron"):
        score_neuron_edges(model, PROMPTS, ["m1.n4", "a0.h1"])
    with pytest.raises(SelectionError, match="no neuron was chosen"):
        score_neuron_edges(model, PROMPTS, [])
    with pytest.raises(SelectionError, match="no edge 'm1->m2'"):
        edges(3)["m1->m2"]
    with pytest.raises(SelectionError, match=r"no edges of 'm1\.n5' were scored"):
        edges(3).best_into("m1.n5")
