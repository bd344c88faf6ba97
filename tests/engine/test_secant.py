"""Secant rules: complete, the same when the runs change places, and finite differences where these can be had."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.transformer import head_names, run
from edgewise.engine.gradients.batch_passes import BatchScores
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.gradients.points import GradientPoint
from edgewise.engine.rules import Ruled
from edgewise.engine.rules.destination import Destination
from edgewise.engine.rules.scores import secant_scores
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.metric_path import MetricPath
from edgewise.errors import UnsupportedModelError
from edgewise.metrics import get_metric
from edgewise.models import Model, load_model
from edgewise.tasks import PromptPair
from tiny import FAMILIES, prompts
from tiny_families import CASES, tiny
from tiny_lens import hub, lens
from traces import leaves_no_trace
from without_float32 import without_float32

pytestmark = pytest.mark.slow

METRIC = get_metric("logit-diff")
PAIRS = prompts(3, seed=4, min_length=6, max_length=8).pairs
SHIFTED = tuple(
    PromptPair((5, 9, 5, *pair.clean), (5, 9, 5, *pair.corrupted), pair.answers, pair.wrong_answers) for pair in PAIRS
)
EXPERTS = [case for case in CASES if "moe" in case.lower() or CASES[case][0].startswith(("Mixtral", "GptOss"))]
PLAIN = [case for case in CASES if case not in EXPERTS]


@cache
def model_of(case: str) -> Model:
    if case in FAMILIES:
        return load_model(FAMILIES[case]())
    module = tiny(case)
    with torch.no_grad():
        module(input_ids=torch.zeros(1, 12, dtype=torch.long))
    return load_model(module)


def batch_of(model: Model, pairs: tuple[PromptPair, ...]) -> Batch:
    causal = model.wiring.causal
    return Batch.of(pairs if causal else pairs[:1], model.device, causal=causal)


def scored(model: Model, batch: Batch, at: Destination = Destination.SECANT, metric: str = "logit-diff") -> BatchScores:
    return secant_scores(model, batch, MetricPath(get_metric(metric), batch.metric), Buffers(), at=at)


def gap(found: BatchScores, batch: Batch, metric: str = "logit-diff") -> Tensor:
    values, answers = get_metric(metric), batch.metric.with_clean_logits(found.clean_logits)
    return values(found.corrupted_logits, answers) - values(found.clean_logits, answers)


def error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("case", [*FAMILIES, *PLAIN])
def test_what_leaves_the_input_adds_up_to_the_whole_difference(case: str) -> None:
    """So does what arrives at the logits; also where prompts share a prefix that is run once."""
    model = model_of(case)
    for pairs in (PAIRS, SHIFTED):
        batch = batch_of(model, pairs)
        with leaves_no_trace(model.module), without_float32():
            found = scored(model, batch)
        assert error(found.edges[:, model.graph.input_source].sum(-1), gap(found, batch)) < 1e-10
        assert error(found.edges[:, :, model.graph.logits].sum(-1), gap(found, batch)) < 1e-10
    assert batch_of(model, SHIFTED).start == (3 if model.wiring.causal else 0)


@pytest.mark.parametrize("metric", ["prob-diff", "log-prob", "kl", "logit-diff-max"])
def test_it_is_complete_for_metrics_that_bend_too(metric: str) -> None:
    """To the accuracy of the mean gradient between the two runs' logits."""
    model = model_of("gpt2")
    batch = batch_of(model, PAIRS)
    found = scored(model, batch, metric=metric)
    assert error(found.edges[:, model.graph.input_source].sum(-1), gap(found, batch, metric)) < (
        1e-2 if metric == "logit-diff-max" else 1e-9
    )


@pytest.mark.parametrize("case", EXPERTS)
def test_with_experts_it_is_complete_for_the_clean_runs_choice_of_them(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference run is the corrupted one with each token at the clean run's experts; changes are the real ones'."""
    model = model_of(case)
    batch = batch_of(model, PAIRS)
    with torch.no_grad():
        truth = model.module(input_ids=batch.corrupted).logits[torch.arange(3)[:, None], batch.positions]
    with leaves_no_trace(model.module):
        assert error(scored(model, batch).corrupted_logits, truth) < 1e-4
    monkeypatch.setattr(Ruled, "chose", property(lambda mode: False, lambda mode, value: None), raising=False)
    with without_float32():
        found = scored(model, batch)
    assert error(found.edges[:, model.graph.input_source].sum(-1), gap(found, batch)) < 1e-10
    assert error(found.corrupted_logits, truth) > 1e-3


@pytest.mark.parametrize("case", ["gpt2", "llama-grouped", "lens-solu-parallel", "cohere-normed-queries"])
def test_multipliers_are_the_same_when_the_two_runs_change_places(case: str) -> None:
    """Then every change, and so every score, only turns its sign."""
    model = model_of(case)
    pairs = tuple(replace(pair, clean=pair.corrupted, corrupted=pair.clean) for pair in PAIRS)
    with without_float32():
        there, back = (scored(model, batch_of(model, some)) for some in (PAIRS, pairs))
    assert error(there.edges, -back.edges) < 1e-9


@pytest.mark.parametrize("case", ["gpt2", "llama-grouped", "gpt-neox-parallel", "lens-bidirectional-without-norms"])
def test_edges_into_the_logits_have_their_exact_effects(case: str) -> None:
    """The destination's norm is exact, and the metric linear in the logits."""
    module = FAMILIES[case]()
    model, pairs = load_model(module), PAIRS if case != "lens-bidirectional-without-norms" else PAIRS[:1]
    exact = oracle.exact_effects(from_hf(module), pairs, oracle.logit_diff)[:, :, -1]
    with without_float32():
        found = scored(model, batch_of(model, pairs), Destination.EXACT).edges[:, :, -1]
    assert error(found, exact) < 1e-5


def test_one_block_by_hand() -> None:
    """Attention alone, without norms: each edge into values, queries and keys from its own formula, head by head."""
    module = lens(hub(attn_only=True, n_layers=1, normalization=None))
    model, twin = load_model(module), from_hf(module)
    pair = PAIRS[0]
    batch = Batch.of([pair], model.device)
    found = scored(model, batch, Destination.EXACT).edges[0, 0]
    clean, corrupted = (run(twin, torch.tensor([ids])) for ids in (pair.clean, pair.corrupted))
    answers, wrong = list(pair.answers), list(pair.wrong_answers)
    for row, name in enumerate(head_names(twin.blocks[0], 0)):
        attention = twin.blocks[0].attention
        toward = twin.unembedding[:, answers].mean(-1) - twin.unembedding[:, wrong].mean(-1)
        toward = attention.output[row] @ toward
        q, k, v = (
            [getattr(attention, letter)[row](one.inputs[f"{name}<{letter}>"])[0] for one in (clean, corrupted)]
            for letter in "qkv"
        )
        p = [one.patterns[name][0] for one in (clean, corrupted)]
        weights = torch.zeros(len(pair.clean), dtype=torch.float64)
        weights[list(pair.positions)] = 1 / len(pair.positions)
        by_value = ((p[0] + p[1]) / 2 @ (v[1] - v[0]) @ toward * weights).sum()
        # The softmax's finite difference, its logarithmic mean by quadrature.
        share, weight = (torch.tensor(x) for x in np.polynomial.legendre.leggauss(40))
        share = (share + 1) / 2
        mean = sum(w / 2 * p[0] ** (1 - t) * p[1] ** t for t, w in zip(share, weight, strict=True))
        assert isinstance(mean, Tensor)
        gradient = torch.outer(weights, (v[0] + v[1]) / 2 @ toward)
        centre = (mean * gradient).sum(-1, keepdim=True) / mean.sum(-1, keepdim=True)
        at_scores = mean * (gradient - centre) * attention.scale
        by_query = (at_scores * ((q[1] - q[0]) @ ((k[0] + k[1]) / 2).T)).sum()
        by_key = (at_scores * ((q[0] + q[1]) / 2 @ (k[1] - k[0]).T)).sum()
        for letter, expected in (("v", by_value), ("q", by_query), ("k", by_key)):
            score = found[model.graph.destination_index(f"{name}<{letter}>")]
            assert score.item() == pytest.approx(expected.item(), rel=1e-9, abs=1e-12)


def test_a_reference_that_is_the_clean_run_gives_the_derivatives() -> None:
    """Then the norm's finite difference is its derivative too, and the scores are EAP's."""
    for case in ("gpt2", "llama-grouped"):
        model = model_of(case)
        batch = batch_of(model, PAIRS)
        metric = MetricPath(METRIC, batch.metric)
        with without_float32():
            found = secant_scores(
                model, batch, metric, Buffers(), references=(GradientPoint(1.0, 1.0),), at=Destination.SECANT
            ).edges
            expected = edge_scores(model, batch, metric, Buffers()).edges
        assert error(found, expected) < 1e-9


class Doubled(torch.autograd.Function):
    """A function with a backward of its own, as a model's code may have one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return 2 * gradients[0]


def test_what_the_rules_cannot_see_is_refused() -> None:
    """A torch function mode does not see such a function: its output would have no reference run."""
    model = load_model(FAMILIES["gpt2"]())
    batch = batch_of(model, PAIRS)
    handle = model.wiring.blocks[1].module.mlp.c_fc.register_forward_hook(lambda *args: Doubled.apply(args[2]))
    with leaves_no_trace(model.module), pytest.raises(UnsupportedModelError, match="no rule for torch's 'Doubled'"):
        scored(model, batch)
    handle.remove()
    scored(model, batch)


def test_a_padding_token_in_the_config_changes_nothing() -> None:
    """`transformers` looks for it among the ids, which both runs carry."""
    batch = batch_of(model_of("gpt2"), PAIRS)
    plain, padding = load_model(FAMILIES["gpt2"]()), load_model(FAMILIES["gpt2"](pad_token_id=1))
    assert torch.equal(scored(plain, batch).edges, scored(padding, batch).edges)
