"""Methods that differ from EAP in where gradients are taken: against explicit loops over a brute-force transformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.transformer import Run, Transformer, run
from edgewise.engine.gradients.points import riemann
from edgewise.errors import SettingError, VanishingGradientError
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from tiny import EXACT_FAMILIES, FAMILIES, prompts

pytestmark = pytest.mark.slow

PROMPTS = prompts(5, seed=9)
SHAPES = ["gpt2", "llama-grouped", "gpt-neox-parallel", "lens-bidirectional-without-norms"]
SHARES: dict[str, tuple[dict[str, int | str], list[tuple[float, float]]]] = {
    "left": ({}, [(k / 5, 1 / 5) for k in range(5)]),
    "one left": ({"steps": 1}, [(0.0, 1.0)]),
    "right": ({"steps": 3, "rule": "right"}, [(1 / 3, 1 / 3), (2 / 3, 1 / 3), (1.0, 1 / 3)]),
    "midpoint": ({"steps": 2, "rule": "midpoint"}, [(0.25, 0.5), (0.75, 0.5)]),
    "trapezoid": ({"steps": 2, "rule": "trapezoid"}, [(0.0, 0.25), (0.5, 0.5), (1.0, 0.25)]),
}


def embedded(model: Transformer, ids: Sequence[int]) -> Tensor:
    vectors = model.embedding[list(ids)]
    return vectors if model.positions is None else vectors + model.positions[: len(ids)]


def gradients(result: Run, pair: PromptPair, metric: oracle.PromptMetric) -> dict[tuple[str, str], Tensor]:
    names = list(result.edges)
    value = oracle.read(metric, result, pair).sum()
    return dict(zip(names, torch.autograd.grad(value, [result.edges[name] for name in names]), strict=True))


def divergence_from(clean: Run) -> oracle.PromptMetric:
    """KL from a clean run, by its definition."""

    def kl(logits: Tensor, prompt: oracle.Prompt) -> Tensor:
        p = clean.logits[:, list(prompt.positions)].detach().softmax(-1)
        return (p * (p / logits.softmax(-1)).log()).sum(-1).mean(-1)

    return kl


def expected(
    model: Transformer, pair: PromptPair, shares: Sequence[tuple[float, float]], *, kl: bool = False
) -> Tensor:
    clean, corrupted = oracle.clean_and_corrupted(model, pair)
    metric = divergence_from(clean) if kl else oracle.logit_diff
    scores = torch.full((len(model.sources), len(model.destinations)), float("nan"), dtype=torch.float64)
    scores[oracle.edge_mask(model)] = 0
    for share, weight in shares:
        mixed = share * embedded(model, pair.clean) + (1 - share) * embedded(model, pair.corrupted)
        with torch.enable_grad():
            result = run(replace(model, embedding=mixed, positions=None), torch.arange(len(pair.clean))[None])
        for (source, destination), gradient in gradients(result, pair, metric).items():
            change = corrupted.outputs[source] - clean.outputs[source].detach()
            at = model.sources.index(source), model.destinations.index(destination)
            scores[at] += weight * (change * gradient).sum()
    return scores


def error(ours: np.ndarray | None, theirs: Tensor) -> float:
    assert ours is not None
    assert np.array_equal(np.isnan(ours), theirs.isnan().numpy())
    return float(np.nanmax(np.abs(ours - theirs.numpy())) / np.nanmax(np.abs(theirs.numpy())))


@pytest.mark.parametrize(
    ("family", "rule"), [*(("gpt2", rule) for rule in SHARES), *((family, "trapezoid") for family in SHAPES[1:])]
)
def test_integrated_gradients_of_the_input(family: str, rule: str) -> None:
    module, (settings, shares) = FAMILIES[family](), SHARES[rule]
    truth = torch.stack([expected(from_hf(module), pair, shares) for pair in PROMPTS])
    ours = score_edges(
        load_model(module),
        PROMPTS,
        method="eap-ig-inputs",
        settings=settings,
        conditions=Conditions(batch_size=3),
        per_prompt=True,
    )
    assert error(ours.per_prompt, truth) <= (1e-10 if family in EXACT_FAMILIES else 1e-5)


@pytest.mark.parametrize(
    ("family", "method"),
    [
        *((family, "clean-corrupted") for family in ("gpt2", "llama-grouped", "lens-bidirectional-without-norms")),
        *((family, "midpoint") for family in ("gpt2", "gpt-neox-parallel")),
    ],
)
def test_the_mean_of_both_ends_and_the_middle(family: str, method: str) -> None:
    shares = [(0.5, 1.0)] if method == "midpoint" else [(0.0, 0.5), (1.0, 0.5)]
    module = FAMILIES[family]()
    truth = torch.stack([expected(from_hf(module), pair, shares) for pair in PROMPTS])
    ours = score_edges(load_model(module), PROMPTS, method=method, conditions=Conditions(batch_size=2), per_prompt=True)
    assert error(ours.per_prompt, truth) <= (1e-10 if family in EXACT_FAMILIES else 1e-5)


@pytest.mark.parametrize(
    ("method", "shares"), [("eap-ig-inputs", SHARES["left"][1]), ("clean-corrupted", [(0.0, 0.5)])]
)
def test_a_metric_that_is_flat_at_the_clean_run_alone(method: str, shares: list[tuple[float, float]]) -> None:
    """KL has a slope everywhere else; of the two ends that is the corrupted one."""
    module = FAMILIES["gpt2"]()
    truth = torch.stack([expected(from_hf(module), pair, shares, kl=True) for pair in PROMPTS])
    ours = score_edges(
        load_model(module), PROMPTS, method=method, metric="kl", conditions=Conditions(batch_size=2), per_prompt=True
    )
    assert error(ours.per_prompt, truth) <= 1e-10


@pytest.mark.parametrize(("method", "metric"), [("eap", "kl"), ("relp", "kl"), ("secant", "accuracy")])
def test_a_metric_that_is_flat_wherever_a_method_looks_is_refused(method: str, metric: str) -> None:
    model = load_model(FAMILIES["gpt2"]())
    with pytest.raises(VanishingGradientError, match=f"'{method}' would score every edge zero"):
        score_edges(model, PROMPTS, method=method, metric=metric)


def test_a_sum_of_points_is_of_weight_one_and_the_clean_run_alone_is_eap() -> None:
    for rule in ("left", "right", "midpoint", "trapezoid"):
        for steps in (1, 4):
            assert sum(point.weight for point in riemann(steps, rule)) == pytest.approx(1)
    model = load_model(FAMILIES["gpt2"]())
    settings = {"steps": 1, "rule": "right"}
    ours = score_edges(model, PROMPTS, method="eap-ig-inputs", settings=settings)
    assert error(ours.values, torch.tensor(score_edges(model, PROMPTS, method="eap").values)) <= 1e-12


@pytest.mark.parametrize(
    ("method", "settings", "reason"),
    [
        ("eap", {"steps": 3}, "method 'eap' has no setting --steps; it has none"),
        ("eap-ig-inputs", {"step": 3}, "has no setting --step; did you mean 'steps'? it has --rule, --steps"),
        ("eap-ig-inputs", {"steps": "3"}, "--steps is '3'; give a whole number"),
        ("eap-ig-inputs", {"steps": 0}, "--steps is 0; give at least 1"),
        ("eap-ig-inputs", {"rule": "simpson"}, "--rule is 'simpson'; use one of left, right"),
        ("eap-ig-activations", {"steps": 0}, "--steps is 0; give at least 1"),
        ("eap-ig-activations", {"reading": "node"}, "--reading is 'node'; use one of average, source"),
    ],
)
def test_settings_that_mean_nothing_are_refused(method: str, settings: dict[str, int | str], reason: str) -> None:
    model = load_model(FAMILIES["gpt2"]())
    with pytest.raises(SettingError) as caught:
        score_edges(model, PROMPTS, method=method, settings=settings)
    assert reason in str(caught.value)
