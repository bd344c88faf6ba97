"""HISP against its formula, prompt by prompt with hooks of our own, and against nodes removed one by one."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgewise import load_model
from edgewise.errors import ScoreError, VanishingGradientError
from edgewise.graph import Graph
from edgewise.graph.inner import edge_values, inner_nodes, layer_groups
from edgewise.search.hisp import HispState, hisp, hisp_scores
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from node_hooks import hooked, nodes_by_name
from tiny import FAMILIES, prompts

pytestmark = pytest.mark.slow


def slopes(module: nn.Module, pair: PromptPair, metric: str) -> dict[str, float]:
    """Of one prompt alone, from two whole runs; for KL at the corrupted run."""
    nodes = nodes_by_name(module)
    runs: dict[str, tuple[dict[nn.Module, Tensor], Tensor]] = {}
    for name in ("clean", "corrupted"):
        outputs: dict[nn.Module, Tensor] = {}

        def keep(part: nn.Module, _: Any, output: Tensor, outputs: dict[nn.Module, Tensor] = outputs) -> Tensor:
            outputs[part] = output.clone()
            outputs[part].retain_grad()
            return outputs[part]

        runs[name] = outputs, hooked(module, nodes, keep, torch.tensor([getattr(pair, name)]))[0]
    at = list(pair.positions)
    if metric == "kl":
        p, q = (runs[name][1][at].log_softmax(-1) for name in ("clean", "corrupted"))
        where, value = "corrupted", (p.detach().exp() * (p.detach() - q)).sum(-1).mean()
    else:
        logits = runs["clean"][1][at].mean(0)
        where, value = "clean", logits[list(pair.answers)].mean() - logits[list(pair.wrong_answers)].mean()
    value.backward()
    found = {}
    for name, (part, at_width) in nodes.items():
        change = (runs["clean"][0][part] - runs["corrupted"][0][part])[..., at_width]
        found[name] = float((change.detach() * runs[where][0][part].grad[..., at_width]).sum())
    module.zero_grad()
    return found


@pytest.mark.parametrize("metric", ["logit-diff", "kl"])
@pytest.mark.parametrize("family", ["gpt2", "llama-grouped"])
def test_scores_are_the_formula(family: str, metric: str) -> None:
    module = FAMILIES[family]()
    model, pairs = load_model(module), list(prompts(7))
    states = list(hisp(model, pairs, metric=metric, conditions=Conditions(batch_size=3)))
    by_prompt = [slopes(module, pair, metric) for pair in pairs]
    names = list(inner_nodes(model.graph))
    assert set(names) == set(by_prompt[0])
    table = np.array([[row[name] for name in names] for row in by_prompt])
    signed, sizes = np.abs(table.mean(0)), np.abs(table).mean(0)
    layers = np.array([int(re.match(r"[am](\d+)", name)[1]) for name in names])
    for layer in set(layers):
        for values in (signed, sizes):
            values[layers == layer] /= np.sqrt((values[layers == layer] ** 2).sum())
    tolerance = 1e-10 if family == "gpt2" else 1e-4
    np.testing.assert_allclose(states[-1].node_scores(), signed, rtol=0, atol=tolerance)
    scores = states[-1].scores()
    np.testing.assert_allclose(scores.values, edge_values(model.graph, signed, 1.0), rtol=0, atol=tolerance)
    np.testing.assert_allclose(scores.mean_abs, edge_values(model.graph, sizes, 1.0), rtol=0, atol=tolerance)
    assert (scores.values != scores.mean_abs)[model.graph.mask].any()
    assert (scores.values[model.graph.input_source, :-1] == states[-1].node_scores()).all()
    with pytest.raises(ScoreError, match="of 7 prompts"):
        states[0].scores()


@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "lens-attention-only", "gpt-neox-parallel"])
def test_an_edge_goes_with_the_first_of_its_ends(family: str) -> None:
    """Nodes removed one by one; a head is a source as long as its q, k or v is there."""
    graph = load_model(FAMILIES[family]()).graph
    scores = np.random.default_rng(0).permutation(np.linspace(0.05, 0.9, graph.logits))
    left, expected = set(inner_nodes(graph)), {name: 1.0 for _, _, name in graph.edges()}
    for node in np.argsort(scores).tolist():
        left.remove(graph.destinations[node])
        for name in expected:
            source, destination = name.split("->")
            there = source == "input" or bool(left & inputs_of(graph, source))
            if not (there and (destination == "logits" or destination in left)):
                expected[name] = min(expected[name], scores[node])
    values = edge_values(graph, scores, 1.0)
    assert {name: values[i, j] for i, j, name in graph.edges()} == expected
    assert np.isnan(values[~graph.mask]).all()
    with pytest.raises(ScoreError, match="inner nodes"):
        edge_values(graph, scores[1:], 1.0)
    with pytest.raises(ScoreError, match="above"):
        edge_values(graph, scores, 0.5)


def inputs_of(graph: Graph, source: str) -> set[str]:
    if source.startswith("m"):
        return {source}
    layer, head = source.split(".h")
    group = int(head) // graph.spec.group_size
    kv = f"{layer}.kv{group}" if graph.spec.is_grouped else source
    return {f"{source}<q>", f"{kv}<k>", f"{kv}<v>"}


def test_layers_are_those_of_the_names() -> None:
    for family in ("gpt2", "lens-attention-only"):
        graph = load_model(FAMILIES[family]()).graph
        for layer, nodes in enumerate(layer_groups(graph)):
            assert all(name.startswith((f"a{layer}.", f"m{layer}")) for name in inner_nodes(graph)[nodes])
        assert sum(nodes.stop - nodes.start for nodes in layer_groups(graph)) == len(inner_nodes(graph))


def test_a_stopped_pass_goes_on_with_the_same_bits() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(7))

    def run(stored: dict[str, np.ndarray] | None = None) -> list[dict[str, bytes]]:
        states = hisp(model, pairs, metric="logit-diff", conditions=Conditions(batch_size=3), stored=stored)
        return [{name: array.tobytes() for name, array in state.tensors().items()} for state in states]

    def tensors(stop: int) -> dict[str, np.ndarray]:
        for number, state in enumerate(hisp(model, pairs, metric="logit-diff", conditions=Conditions(batch_size=3))):
            if number == stop:
                return {name: array.copy() for name, array in state.tensors().items()}
        raise AssertionError

    whole = run()
    for stop in (0, 1, len(whole) - 2):
        assert run(tensors(stop))[-1] == whole[-1]


def test_the_micro_batch_changes_nothing_and_a_flat_metric_is_refused() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(7))
    first, second = (
        hisp_scores(model, pairs, metric="logit-diff", conditions=Conditions(batch_size=size)) for size in (1, 7)
    )
    np.testing.assert_allclose(first.values, second.values, rtol=0, atol=1e-10)
    with pytest.raises(VanishingGradientError, match="'accuracy' is flat"):
        hisp_scores(model, pairs, metric="accuracy")


def test_a_layer_without_slopes_scores_zero() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(3))
    last = list(hisp(model, pairs, metric="logit-diff"))[-1]
    last.table.values["slope"][:, layer_groups(model.graph)[1]] = 0.0
    scores = HispState(model.graph, last.table).node_scores()
    assert (scores[layer_groups(model.graph)[1]] == 0).all()
    assert np.isclose(np.linalg.norm(scores[layer_groups(model.graph)[0]]), 1.0)
