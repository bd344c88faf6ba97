"""Scores of heads and neurons against plain autograd, finite differences and patches made by plain hooks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
from torch import nn

from edgewise.attribution.neurons import NEURON_METHODS, attribute_neurons, estimate_neurons
from edgewise.errors import DataError, SelectionError, SettingError, UnsupportedModelError, VanishingGradientError
from edgewise.graph.neurons import NeuronScores
from edgewise.models import Model, load_model
from edgewise.models.neurons import neuron_graph
from edgewise.search import score_edges
from edgewise.search.exact.neurons import patch_neurons, with_exact
from edgewise.settings.conditions import Conditions
from neuron_hooks import Nodes
from tiny import FAMILIES, gpt2, prompts
from tiny_families import tiny
from traces import leaves_no_trace

PROMPTS = prompts(4, seed=3)
SHAPES: dict[str, Callable[..., nn.Module]] = {
    "gpt2": partial(gpt2, n_layer=2),
    "lens-gated": FAMILIES["lens-rotary-gated-grouped"],
    "lens-solu-parallel": FAMILIES["lens-solu-parallel"],
    "both-directions": FAMILIES["lens-bidirectional-without-norms"],
    "opt": partial(tiny, "OPTForCausalLM"),
    "gpt-neox": partial(tiny, "GPTNeoXForCausalLM"),
    "llama": partial(tiny, "LlamaForCausalLM"),
    "gemma3": partial(tiny, "Gemma3ForCausalLM"),
    "qwen3": partial(tiny, "Qwen3ForCausalLM"),
    "bloom": partial(tiny, "BloomForCausalLM"),
    "falcon": partial(tiny, "FalconForCausalLM"),
}
IN_FLOAT64 = ("gpt2", "lens-gated", "lens-solu-parallel", "both-directions", "opt")
"""Those whose code stays in float64 throughout."""
SHAPED = pytest.mark.parametrize("shape", SHAPES)


@cache
def shaped(shape: str) -> Model:
    return load_model(SHAPES[shape]())


@cache
def nodes(shape: str) -> Nodes:
    model = shaped(shape)
    return Nodes(model.module, model.graph.spec.n_heads)


@cache
def scored(shape: str) -> NeuronScores:
    return estimate_neurons(shaped(shape), PROMPTS)


def limit(shape: str) -> float:
    return 1e-10 if shape in IN_FLOAT64 else 1e-5


def largest(values: object) -> float:
    return float(np.abs(np.asarray(values)).max())


@SHAPED
def test_scores_are_plain_autograds(shape: str) -> None:
    found = dict(scored(shape).items())
    each = [nodes(shape).gradients(pair) for pair in PROMPTS]
    wanted = {name: sum(one[name] for one in each) / len(each) for name in each[0]}
    assert found.keys() == wanted.keys()
    size = largest(list(wanted.values()))
    assert size > 0.01
    assert largest([found[name] - wanted[name] for name in wanted]) < limit(shape) * size


def some_of(shape: str) -> list[str]:
    """The largest, a head, a neuron of the first layer and some of the last."""
    scores = scored(shape)
    last = scores.graph.spec.n_layers - 1
    return [*scores.top(4).names, "a0.h1", "m0.n3", f"m{last}.n0", f"m{last}.n7", f"a{last}.h0"]


@SHAPED
def test_exact_effects_are_those_of_plain_hooks(shape: str) -> None:
    names, plain = some_of(shape), nodes(shape)
    found = patch_neurons(shaped(shape), PROMPTS, names, conditions=Conditions(batch_size=3))
    assert set(found) == set(names)
    wanted = {
        name: np.mean([plain.patched(pair, {name: 1.0}) - plain.patched(pair, {}) for pair in PROMPTS])
        for name in names
    }
    size = largest(list(wanted.values()))
    assert largest([found[name] - wanted[name] for name in wanted]) < limit(shape) * size


@pytest.mark.parametrize("shape", ["gpt2", "llama"])
@pytest.mark.parametrize("method", NEURON_METHODS)
def test_heads_score_as_sources_do_and_an_mlp_is_the_sum_of_its_neurons(shape: str, method: str) -> None:
    asked = {"method": method, "settings": {"steps": 2} if method == "eap-ig-inputs" else None}
    sources = score_edges(shaped(shape), PROMPTS, level="node", **asked)
    found = estimate_neurons(shaped(shape), PROMPTS, **asked)
    for layer, width in enumerate(found.graph.widths):
        assert found[f"a{layer}.h1"] == pytest.approx(sources[f"a{layer}.h1"], abs=limit(shape))
        summed = sum(found[f"m{layer}.n{n}"] for n in range(width))
        assert summed == pytest.approx(sources[f"m{layer}"], abs=limit(shape))


@pytest.mark.parametrize("shape", IN_FLOAT64)
def test_scores_are_the_slopes_of_that_very_patch(shape: str) -> None:
    plain, step = nodes(shape), 1e-4
    for name in some_of(shape)[:6]:
        slopes = [
            (plain.patched(pair, {name: step}) - plain.patched(pair, {name: -step})) / (2 * step) for pair in PROMPTS
        ]
        assert scored(shape)[name] == pytest.approx(np.mean(slopes), abs=1e-6 * largest(scored(shape).values))


@pytest.mark.parametrize("shape", ["gpt2", "llama", "gemma3"])
@pytest.mark.parametrize("method", NEURON_METHODS)
def test_scores_do_not_depend_on_the_micro_batch(shape: str, method: str) -> None:
    settings = {"steps": 3} if method == "eap-ig-inputs" else None
    one, all_ = (
        estimate_neurons(
            shaped(shape), PROMPTS, method=method, settings=settings, conditions=Conditions(batch_size=size)
        )
        for size in (1, 4)
    )
    assert largest(one.values - all_.values) < limit(shape) * largest(all_.values)
    assert largest(one.stderr - all_.stderr) < limit(shape) * largest(all_.values)


def test_one_point_of_a_path_is_the_clean_gradient_and_two_ends_are_their_mean() -> None:
    model = shaped("gpt2")
    right = estimate_neurons(model, PROMPTS, method="eap-ig-inputs", settings={"steps": 1, "rule": "right"})
    left = estimate_neurons(model, PROMPTS, method="eap-ig-inputs", settings={"steps": 1, "rule": "left"})
    ends = estimate_neurons(model, PROMPTS, method="clean-corrupted")
    assert largest(right.values - scored("gpt2").values) < 1e-12
    assert largest((right.values + left.values) / 2 - ends.values) < 1e-12


def planted(noise: float) -> nn.Module:
    """Attention writes nothing, and of all neurons m1.n5 alone writes, but for noise."""
    module = gpt2(n_layer=2)
    for layer, block in enumerate(module.transformer.h):
        block.attn.c_proj.weight.data *= noise
        for neuron in range(block.mlp.c_proj.weight.shape[0]):
            block.mlp.c_proj.weight.data[neuron] *= 3.0 if (layer, neuron) == (1, 5) else noise
    return module


@pytest.mark.parametrize("method", NEURON_METHODS)
def test_a_planted_neuron_is_found(method: str) -> None:
    found = estimate_neurons(load_model(planted(0.001)), PROMPTS, method=method)
    first, second = found.top(2)
    assert first.name == "m1.n5"
    assert abs(first.score) > 10 * abs(second.score)


def test_neurons_that_write_nothing_have_no_effect() -> None:
    model = load_model(planted(0.0))
    found, effects = estimate_neurons(model, PROMPTS), patch_neurons(model, PROMPTS, ["m1.n5", "m0.n5", "a1.h2"])
    others = np.delete(found.values, found.graph.node("m1.n5"))
    assert largest(others) < 1e-12 < abs(found["m1.n5"])
    assert abs(effects["m1.n5"]) > 0.01
    assert max(abs(effects["m0.n5"]), abs(effects["a1.h2"])) < 1e-12


def test_measured_effects_stand_in_the_place_of_estimates() -> None:
    estimates = scored("gpt2")
    effects = patch_neurons(shaped("gpt2"), PROMPTS, ["m0.n3", "a1.h2"])
    both = with_exact(estimates, effects)
    assert both["m0.n3"] == effects["m0.n3"] != estimates["m0.n3"]
    assert both["m0.n4"] == estimates["m0.n4"]
    assert int(np.sum(both.verified)) == 2
    assert np.array_equal(both.estimated, estimates.values)


def test_a_pass_that_was_stopped_ends_with_the_same_bits() -> None:
    model, conditions = shaped("gpt2"), Conditions(batch_size=1)
    states = attribute_neurons(model, PROMPTS, conditions=conditions)
    next(states)
    halfway = next(states).tensors()
    *_, last = attribute_neurons(model, PROMPTS, conditions=conditions, stored=halfway)
    whole = estimate_neurons(model, PROMPTS, conditions=conditions)
    assert np.array_equal(last.scores().values, whole.values)
    assert np.array_equal(last.scores().stderr, whole.stderr)
    with pytest.raises(DataError, match="stored state is of 4 prompts, but 3"):
        next(attribute_neurons(model, PROMPTS.pairs[:3], stored=halfway))


def test_the_model_is_as_before() -> None:
    model = shaped("gpt2")
    with leaves_no_trace(model.module):
        for method in ("eap", "relp"):
            estimate_neurons(model, PROMPTS, method=method)
        patch_neurons(model, PROMPTS, ["m0.n1"])


def test_names() -> None:
    graph = neuron_graph(shaped("llama"))
    names = [graph.name(node) for node in range(graph.n_nodes)]
    assert names[:9] == [*(f"a0.h{head}" for head in range(8)), "m0.n0"]
    assert names[-1] == "m1.n39"
    assert [graph.node(name) for name in names] == list(range(graph.n_nodes))
    assert [bool(is_neuron) for is_neuron in graph.is_neuron] == [".n" in name for name in names]
    for wrong in ("m1.n40", "a2.h0", "m0", "logits", "m0.h1"):
        with pytest.raises(SelectionError, match=f"no node '{wrong}': nodes are heads, a0.h0 to a1.h7"):
            graph.node(wrong)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (FAMILIES["lens-attention-only"], "has attention alone, and so no neurons"),
        (partial(tiny, "MixtralForCausalLM"), "the MLP of layer 0 has experts"),
        (partial(tiny, "qwen3-moe-first-layer-plain"), "the MLP of layer 1 has experts"),
    ],
)
def test_models_without_neurons_of_their_own_are_refused(module: Callable[[], nn.Module], why: str) -> None:
    with pytest.raises(UnsupportedModelError, match=why):
        estimate_neurons(load_model(module()), PROMPTS)


def test_what_does_not_go_together_is_refused() -> None:
    model = shaped("gpt2")
    with pytest.raises(SettingError, match="method 'secant' scores no neurons; use one of eap, eap-ig-inputs"):
        estimate_neurons(model, PROMPTS, method="secant")
    with pytest.raises(VanishingGradientError, match="kl"):
        estimate_neurons(model, PROMPTS, metric="kl")
    with pytest.raises(DataError, match="no head and no neuron was chosen"):
        patch_neurons(model, PROMPTS, [])
    with pytest.raises(SelectionError, match=r"no node .m9\.n1."):
        patch_neurons(model, PROMPTS, ["m9.n1"])
