"""Exact activation patching equals the brute-force transformer, every edge and node of every family."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.transformer import Transformer, run
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch, arrange
from edgewise.engine.run.replacement import resample
from edgewise.metrics import get_metric
from edgewise.models import Model, load_model
from edgewise.search import patch_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks.prompts import PromptPair, PromptSet
from planted import SEEDS, planted
from planted import prompts as planted_prompts
from tiny import EXACT_FAMILIES, FAMILIES, VOCABULARY, prompts
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

MIXED = prompts(4, seed=3)
"""Of several lengths, read at one position or several."""


def pair(length: int, first: int, reads: tuple[int, ...], seed: int) -> PromptPair:
    """Random ids that differ from `first` on."""
    draw = np.random.default_rng(seed)
    clean = draw.integers(0, VOCABULARY, length)
    corrupted = clean.copy()
    corrupted[first:] = (clean[first:] + draw.integers(1, VOCABULARY, length - first)) % VOCABULARY
    return PromptPair(tuple(clean.tolist()), tuple(corrupted.tolist()), (1, 2), (3,), reads)


SHARED = PromptSet(
    "prefixes",
    (
        pair(10, 8, (9,), 0),
        pair(9, 7, (7, 8), 1),
        pair(8, 4, (2, 7), 2),  # reads a position before the first difference
        pair(8, 8, (7,), 3),  # equal
    ),
)
"""Pairs that share most of their tokens."""


@cache
def model_of(family: str) -> Model:
    return load_model(FAMILIES[family]())


@cache
def twin_of(family: str) -> Transformer:
    return from_hf(FAMILIES[family]())


@cache
def edges_of(family: str) -> np.ndarray:
    """All edges of two families; of the others the first and last into every destination: every kind of edge."""
    exists = model_of(family).graph.mask
    if family in ("gpt2", "llama-grouped"):
        return exists
    chosen = np.zeros_like(exists)
    for j in range(0, exists.shape[1], 3):
        rows = np.flatnonzero(exists[:, j])
        chosen[[rows[0], rows[-1]], j] = True
    chosen[:, -2:] = exists[:, -2:]  # the last MLP, where there is one, and the logits
    return chosen


def effects(family: str, some: PromptSet, metric: oracle.PromptMetric = oracle.logit_diff) -> np.ndarray:
    """Of the chosen edges, ``[prompt, source, destination]``; NaN elsewhere."""
    chosen = edges_of(family)
    found = np.full((len(some), *chosen.shape), np.nan)
    for row, prompt in enumerate(some):
        found[row][chosen] = effects_of(family, prompt, chosen, metric)
    return found


def effects_of(family: str, prompt: PromptPair, chosen: np.ndarray, metric: oracle.PromptMetric) -> np.ndarray:
    """Of one prompt, edge by edge in the order of the mask; the first run is clean."""
    places = torch.tensor(np.argwhere(chosen))
    masks = torch.zeros(len(places) + 1, *chosen.shape, dtype=torch.float64)
    masks[torch.arange(1, len(masks)), places[:, 0], places[:, 1]] = 1
    values = oracle.patched_metric(twin_of(family), prompt, metric, masks).numpy()
    return values[1:] - values[0]


def near(ours: np.ndarray, theirs: np.ndarray, family: str) -> bool:
    """By the largest; Hugging Face computes parts of some families in float32 inside a float64 model."""
    assert (np.isnan(ours) == np.isnan(theirs)).all()
    error = np.nanmax(np.abs(ours - theirs)) / np.nanmax(np.abs(theirs))
    return bool(error <= (1e-12 if family in EXACT_FAMILIES else 1e-5))


@pytest.mark.parametrize("family", FAMILIES)
def test_edges_of_every_kind_and_every_prompt(family: str) -> None:
    """From the input, heads and MLPs to queries, keys, values, MLPs and the logits."""
    found = patch_edges(
        model_of(family), MIXED, only=edges_of(family), conditions=Conditions(batch_size=3), per_prompt=True
    )
    expected = effects(family, MIXED)
    assert near(found.per_prompt, expected, family)
    assert near(found.values, expected.mean(0), family)
    assert near(found.mean_abs, np.abs(expected).mean(0), family)
    np.testing.assert_allclose(found.stderr, found.per_prompt.std(0, ddof=1) / np.sqrt(4), rtol=1e-12)
    assert found.n_prompts == 4


@pytest.mark.parametrize("family", FAMILIES)
def test_prompts_that_share_a_prefix(family: str) -> None:
    found = patch_edges(
        model_of(family), SHARED, only=edges_of(family), conditions=Conditions(batch_size=3), per_prompt=True
    )
    assert near(found.per_prompt, effects(family, SHARED), family)
    # A source's own value in its place changes nothing.
    assert np.nanmax(np.abs(found.per_prompt[3])) < (1e-13 if family in EXACT_FAMILIES else 1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_nodes_are_all_their_edges_together(family: str) -> None:
    twin = twin_of(family)
    rows = torch.eye(len(twin.sources), dtype=torch.float64)[:, :, None] * oracle.edge_mask(twin).double()
    masks = torch.cat([torch.zeros_like(rows[:1]), rows])
    values = np.stack([oracle.patched_metric(twin, prompt, oracle.logit_diff, masks).numpy() for prompt in MIXED])
    expected = values[:, 1:] - values[:, :1]
    found = patch_edges(model_of(family), MIXED, level="node", conditions=Conditions(batch_size=3), per_prompt=True)
    assert near(found.per_prompt, expected, family)
    assert near(found.values, expected.mean(0), family)


def tenth_of(family: str) -> np.ndarray:
    exists = model_of(family).graph.mask
    return exists & (np.random.default_rng(1).random(exists.shape) < 0.1)


def divergence(clean: Tensor) -> oracle.PromptMetric:
    """KL(clean || patched) from the logits of the clean run, ``[read position, vocab]``."""

    def metric(logits: Tensor, _: oracle.Prompt) -> Tensor:
        p = clean.exp() / clean.exp().sum(-1, keepdim=True)
        q = logits.exp() / logits.exp().sum(-1, keepdim=True)
        return (p * (p.log() - q.log())).sum(-1).mean(-1)

    return metric


@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "lens-solu-parallel"])
def test_the_divergence_from_the_clean_run(family: str) -> None:
    twin, chosen, expected = twin_of(family), tenth_of(family), []
    for prompt in MIXED:
        with torch.no_grad():
            clean = run(twin, torch.tensor([prompt.clean])).logits[0, list(prompt.positions)]
        expected.append(effects_of(family, prompt, chosen, divergence(clean)))
    found = patch_edges(
        model_of(family), MIXED, only=chosen, metric="kl", conditions=Conditions(batch_size=3), per_prompt=True
    )
    by_hand = np.stack(expected)
    assert np.abs(found.per_prompt[:, chosen] - by_hand).max() <= 1e-5 * by_hand.max()
    assert np.nanmin(found.per_prompt) > -1e-6


@pytest.mark.parametrize("metric", ["prob-diff", "log-prob"])
def test_other_metrics_and_a_function_of_ones_own(metric: str) -> None:
    chosen = tenth_of("gpt2")
    by_name = patch_edges(
        model_of("gpt2"), MIXED, only=chosen, metric=metric, conditions=Conditions(batch_size=3), per_prompt=True
    )
    by_function = patch_edges(
        model_of("gpt2"), MIXED, only=chosen, metric=get_metric(metric).fn, conditions=Conditions(batch_size=2)
    )
    np.testing.assert_allclose(by_name.values, by_function.values, atol=1e-12)
    if metric == "prob-diff":
        expected = np.stack([effects_of("gpt2", prompt, chosen, oracle.prob_diff) for prompt in MIXED])
        np.testing.assert_allclose(by_name.per_prompt[:, chosen], expected, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_planted_edges_have_an_effect(seed: int) -> None:
    """In float32. The least effect of a planted edge is .16, the largest of another 6e-7: what rounding leaves."""
    model = planted(seed)
    found = np.abs(patch_edges(model, planted_prompts(seed)[:2]).values)
    assert found[model.circuit.mask].min() > 0.05
    assert found[model.graph.mask & ~model.circuit.mask].max() < 5e-6
    assert np.isnan(found[~model.graph.mask]).all()


@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "gpt-neox-parallel", "lens-attention-only"])
def test_single_patches_are_runs_with_one_edge_patched(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a loop of runs, each with a mask of one edge, or with a node's row of the mask."""
    model = model_of(family)
    order = arrange(SHARED.pairs, causal=model.wiring.causal)
    batch = Batch.of([SHARED.pairs[i] for i in order], model.device, causal=model.wiring.causal)
    patches = made_by_a_pass(model, monkeypatch)
    baseline, exists = resample(model, batch), torch.tensor(model.graph.mask)
    tolerance = 1e-12 if family in EXACT_FAMILIES else 1e-5
    assert (patches.clean_logits - patched_logits(model, baseline, exists[None] & False)[0]).abs().max() <= tolerance
    for edges in _by_place(model):
        for (source, destination), logits in zip(edges, patches.edges(edges), strict=True):
            alone = torch.zeros_like(exists)
            alone[source, destination] = True
            expected = patched_logits(model, baseline, alone[None])[0]
            assert (logits - expected).abs().max() <= tolerance, model.graph.edge_name(source, destination)
    for rows in _by_layer(model):
        for row, logits in zip(rows, patches.nodes(rows), strict=True):
            alone = torch.zeros_like(exists)
            alone[row] = exists[row]
            expected = patched_logits(model, baseline, alone[None])[0]
            assert (logits - expected).abs().max() <= tolerance, model.graph.sources[row]


def made_by_a_pass(model: Model, monkeypatch: pytest.MonkeyPatch) -> SinglePatches:
    """As a pass over all prompts at once makes them."""
    made: list[SinglePatches] = []
    real = SinglePatches.edges

    def edges(self: SinglePatches, some: list[tuple[int, int]]) -> Tensor:
        made.append(self)
        return real(self, some)

    monkeypatch.setattr(SinglePatches, "edges", edges)
    # A metric that reads the whole vocabulary, so that all logits are made.
    patch_edges(model, SHARED, metric="log-prob", only=["input->logits"], conditions=Conditions(batch_size=len(SHARED)))
    assert len(made) == 1
    return made[0]


def _by_place(model: Model) -> list[list[tuple[int, int]]]:
    """Of every layer's attention, of every MLP and of the logits: its first edge, its last, and one between."""
    graph = model.graph
    columns = [range(graph.n_destinations)[graph.attention(layer)] for layer in range(graph.spec.n_layers)]
    if graph.spec.has_mlp:
        columns += [range(graph.mlp(layer), graph.mlp(layer) + 1) for layer in range(graph.spec.n_layers)]
    columns.append(range(graph.logits, graph.logits + 1))
    places = []
    for some in columns:
        edges = [(i, j) for j in some for i in np.flatnonzero(graph.mask[:, j]).tolist()]
        places.append([edges[0], edges[len(edges) // 2], edges[-1]] if len(edges) > 2 else edges)
    return places


def _by_layer(model: Model) -> list[list[int]]:
    graph = model.graph
    rows = [[graph.input_source]]
    for layer in range(graph.spec.n_layers):
        rows.append(list(range(graph.n_sources)[graph.head_sources(layer)]))
        rows += [[graph.mlp_source(layer)]] if graph.spec.has_mlp else []
    return rows


@pytest.mark.parametrize("level", ["edge", "node"])
def test_the_model_is_as_it_was(level: Literal["edge", "node"]) -> None:
    module = FAMILIES["gpt2"]()
    model = load_model(module)
    with leaves_no_trace(module):
        patch_edges(model, MIXED, level=level, conditions=Conditions(batch_size=2))
