"""Subnetwork probing: its parts against their formulas, whole trainings against a second implementation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bruteforce.from_hf import from_hf
from bruteforce.transformer import Patch, run
from edgewise import load_model
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample
from edgewise.errors import DataError, ScoreError, VanishingGradientError
from edgewise.models import Model
from edgewise.search.probing import ProbingState, Training, probe, probing
from edgewise.search.probing.adam import Adam
from edgewise.search.probing.concrete import parameter, penalty, sample
from edgewise.search.probing.masks import masks_of
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from node_hooks import mixed_logits
from planted import planted
from planted import prompts as planted_prompts
from tiny import FAMILIES, prompts
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1


def test_masks_are_hard_concrete() -> None:
    assert math.isclose(parameter(0.9), math.log(5))  # (0.9 + 0.1) / 1.2 = 5/6
    for m, u in ((0.3, 0.2), (-2.0, 0.9), (1.5, 0.5), (9.0, 0.1), (-9.0, 0.1), (0.0, 0.0), (0.0, 1.0)):
        v = min(max(u, 1e-4), 1 - 1e-4)
        s = 1 / (1 + math.exp(-(math.log(v / (1 - v)) + m) / BETA))
        expected = min(1.0, max(0.0, s * (ZETA - GAMMA) + GAMMA))
        assert math.isclose(
            float(sample(torch.tensor([m], dtype=torch.float64), torch.tensor([u], dtype=torch.float64))), expected
        )
    draws = torch.rand(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for m in (-1.0, 0.0, 0.7):
        masks = sample(torch.full_like(draws, m), draws)
        p = float(penalty(torch.tensor([m, m]).double(), torch.tensor([0.25, 0.75])))
        assert abs(float((masks > 0).double().mean()) - p) < 0.005
        assert abs(float((masks > 0.5).double().mean()) - 1 / (1 + math.exp(-m))) < 0.005


def test_adam_is_torchs() -> None:
    draw = np.random.default_rng(0)
    ours = Adam.start(draw.standard_normal(5))
    theirs = torch.tensor(ours.parameters).requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.01)
    for _ in range(20):
        gradient = draw.standard_normal(5)
        ours = ours.step(gradient, 0.01)
        theirs.grad = torch.tensor(gradient)
        optimizer.step()
    np.testing.assert_allclose(ours.parameters, theirs.detach().numpy(), rtol=1e-12)


def test_weights_of_the_penalty() -> None:
    """Of nodes, each group of a layer counts the same: all q, all k, all v, the MLP; of edges, each edge."""
    graph = load_model(FAMILIES["llama-grouped"]()).graph  # 3 layers of 4 heads on 2 key/value heads
    weights = dict(zip(graph.destinations, masks_of("node", graph).weights().tolist(), strict=False))
    assert math.isclose(weights["a1.h0<q>"], 1 / 12 / 4)
    assert math.isclose(weights["a1.kv1<k>"], 1 / 12 / 2)
    assert math.isclose(weights["m2"], 1 / 12)
    assert math.isclose(sum(weights.values()), 1)
    assert np.allclose(masks_of("edge", graph).weights(), 1 / graph.n_edges)
    without = load_model(FAMILIES["lens-attention-only"]()).graph
    assert math.isclose(float(masks_of("node", without).weights().sum()), 1)


def nodes_of_prompt(model: Model, pair: PromptPair, kept: Tensor) -> Tensor:
    names = model.graph.destinations[: model.graph.logits]
    clean, corrupted = torch.tensor([pair.clean]), torch.tensor([pair.corrupted])
    return mixed_logits(model.module, clean, corrupted, names, kept)[0, list(pair.positions)]


def edges_of_prompt(model: Model, pair: PromptPair, kept: Tensor) -> Tensor:
    twin = from_hf(model.module)
    mask = torch.zeros(model.graph.mask.shape, dtype=kept.dtype)
    mask[torch.tensor(model.graph.mask)] = 1 - kept
    with torch.no_grad():
        corrupted = dict(run(twin, torch.tensor([pair.corrupted])).outputs)
    return run(twin, torch.tensor([pair.clean]), Patch(mask, corrupted)).logits[0, list(pair.positions)]


def loss_of(metric: str, pair: PromptPair, logits: Tensor, clean: Tensor) -> Tensor:
    if metric == "kl":
        return (clean.softmax(-1) * (clean.log_softmax(-1) - logits.log_softmax(-1))).sum(-1).mean()
    logits = logits.mean(0)
    return logits[list(pair.wrong_answers)].mean() - logits[list(pair.answers)].mean()


def by_hand(
    run_prompt: Callable[[PromptPair, Tensor], Tensor],
    pairs: list[PromptPair],
    weights: Tensor,
    training: Training,
    metric: str,
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """The same training with torch's optimiser, one prompt at a time."""
    parameters = torch.full_like(weights, math.log(5)).requires_grad_()
    optimizer = torch.optim.Adam([parameters], lr=training.rate)
    losses = []
    with torch.no_grad():
        clean = [run_prompt(pair, torch.ones_like(weights)) for pair in pairs]
    for step in range(training.steps):
        draw = np.random.default_rng([training.seed, step])
        u = torch.tensor(draw.random(len(weights))).clamp(1e-4, 1 - 1e-4)
        chosen = range(len(pairs))
        if training.minibatch:
            chosen = draw.choice(len(pairs), training.minibatch, replace=False)
        s = torch.sigmoid((torch.log(u / (1 - u)) + parameters) / BETA)
        kept = (s * 1.2 - 0.1).clamp(0, 1)
        loss = sum(loss_of(metric, pairs[i], run_prompt(pairs[i], kept), clean[i]) for i in chosen) / len(chosen)
        price = (weights * torch.sigmoid(parameters - BETA * math.log(0.1 / 1.1))).sum()
        optimizer.zero_grad()
        (gradient,) = torch.autograd.grad(loss + training.strength * price, parameters)
        parameters.grad = gradient
        optimizer.step()
        losses.append((float(loss.detach()), float(price.detach())))
    return parameters.detach().numpy(), losses


@pytest.mark.parametrize(
    ("family", "masks", "metric", "minibatch"),
    [
        ("gpt2", "node", "kl", None),
        ("gpt2", "node", "logit-diff", 3),
        ("llama-grouped", "node", "logit-diff", None),
        ("gpt2", "edge", "kl", 3),
        ("lens-attention-only", "edge", "logit-diff", None),
        ("llama-grouped", "edge", "kl", None),
    ],
)
def test_a_training_is_the_formula(family: str, masks: Any, metric: str, minibatch: int | None) -> None:
    module = FAMILIES[family]()
    model, pairs = load_model(module), list(prompts(5))
    training = Training(3.0, masks, steps=4, rate=0.1, seed=7, minibatch=minibatch)
    with leaves_no_trace(module):
        ours = probe(model, pairs, training, metric=metric, conditions=Conditions(batch_size=2))
    run_prompt = partial(nodes_of_prompt if masks == "node" else edges_of_prompt, model)
    weights = torch.tensor(masks_of(masks, model.graph).weights())
    expected, losses = by_hand(run_prompt, pairs, weights, training, metric)
    tolerance = 1e-3 if family.startswith("llama") else 1e-8
    np.testing.assert_allclose(ours.adam.parameters, expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(ours.losses, losses, rtol=0, atol=tolerance)
    assert np.ptp(ours.adam.parameters) > 0.1


def test_what_is_kept() -> None:
    model, pairs = load_model(FAMILIES["llama-grouped"]()), list(prompts(3))
    last = probe(model, pairs, Training(0.1, steps=1))
    draw = np.random.default_rng(0).standard_normal(model.graph.logits)
    state = ProbingState.from_tensors(last.tensors() | {"parameters": draw}, last.masks)
    kept = {name for name, value in zip(model.graph.destinations, draw.tolist(), strict=False) if value >= 0}
    expected = set()
    for _, _, name in model.graph.edges():
        source, destination = name.split("->")
        if source[0] == "a":
            layer, head = source.split(".h")
            there = bool(kept & {f"{source}<q>", *(f"{layer}.kv{int(head) // 2}<{letter}>" for letter in "kv")})
        else:
            there = source == "input" or source in kept
        if there and (destination == "logits" or destination in kept):
            expected.add(name)
    found = state.circuit().mask
    assert {name for i, j, name in model.graph.edges() if found[i, j]} == expected
    scores = state.scores().values
    assert {name for i, j, name in model.graph.edges() if scores[i, j] >= 0.5} == expected
    one = model.graph.edge("input->m1")
    assert math.isclose(scores[one], 1 / (1 + math.exp(-draw[one[1]])))


@pytest.mark.parametrize(("masks", "seed"), [("node", 0), ("edge", 0)])
def test_a_planted_circuit_is_found(masks: Any, seed: int) -> None:
    """With fewer and larger steps than the defaults; nodes keep every edge among them."""
    model, some = planted(seed), planted_prompts(seed)
    training = Training(0.5, masks, steps=100, rate=0.15)
    found = probe(model, some, training, metric="logit-diff").circuit().mask
    truth = model.circuit.mask
    assert (found & truth).sum() >= 0.9 * truth.sum()
    assert found.sum() <= (1.2 if masks == "edge" else 2.5) * truth.sum()


@pytest.mark.parametrize("masks", ["node", "edge"])
def test_a_stopped_training_goes_on_with_the_same_bits(masks: Any) -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(5))
    training = Training(1.0, masks, steps=6, rate=0.1, minibatch=3)

    def tensors(stored: dict[str, np.ndarray] | None = None) -> list[dict[str, np.ndarray]]:
        return [
            s.tensors() for s in probing(model, pairs, training, conditions=Conditions(batch_size=2), stored=stored)
        ]

    whole = tensors()
    assert len(whole) == 7
    for stop in (0, 1, 4, 6):
        rest = tensors(whole[stop])
        assert len(rest) == 7 - stop
        assert {k: v.tobytes() for k, v in rest[-1].items()} == {k: v.tobytes() for k, v in whole[-1].items()}


def test_the_number_of_prompts_a_run_and_what_is_kept_in_memory_change_nothing() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(5))
    training = Training(1.0, steps=4, rate=0.1)
    one, other = (
        probe(model, pairs, training, conditions=Conditions(batch_size=size)).adam.parameters for size in (1, 5)
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


def test_clean_and_corrupted_metric() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(5))
    state = next(iter(probing(model, pairs, Training(1.0), conditions=Conditions(batch_size=2))))
    batch = Batch.of(pairs, model.device)
    every = torch.tensor(model.graph.mask)[None]
    clean = patched_logits(model, resample(model, batch), torch.zeros_like(every))[0]
    corrupted = patched_logits(model, resample(model, batch), every)[0]
    mask = batch.metric.position_mask
    kl = (clean.softmax(-1) * (clean.log_softmax(-1) - corrupted.log_softmax(-1))).sum(-1)
    np.testing.assert_allclose(state.corrupted_metric, ((kl * mask).sum(1) / mask.sum(1)).numpy(), atol=1e-12)
    assert (state.clean_metric == 0).all()


def test_bad_numbers_and_flat_metrics_are_refused() -> None:
    for wrong, words in (
        ({"strength": -1.0}, "lambda is -1"),
        ({"strength": float("nan")}, "lambda is nan"),
        ({"strength": 1.0, "rate": 0.0}, "learning rate is 0"),
        ({"strength": 1.0, "steps": 0}, "steps is 0"),
        ({"strength": 1.0, "minibatch": 0}, "minibatch is 0"),
    ):
        with pytest.raises(DataError, match=words):
            Training(**wrong)
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(3))
    with pytest.raises(DataError, match="masks 'head' are not known"):
        Training(1.0, "head")
    with pytest.raises(VanishingGradientError, match="'accuracy' is flat"):
        probe(model, pairs, Training(1.0), metric="accuracy")
    with pytest.raises(ScoreError, match="0 of 10000 steps"):
        next(iter(probing(model, pairs, Training(1.0)))).scores()
