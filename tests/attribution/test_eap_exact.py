"""EAP of every edge equals the brute-force transformer's, for every family, precision and kind of metric."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.transformer import Transformer, run
from edgewise.metrics import MetricBatch
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks.prompts import PromptPair, PromptSet
from tiny import EXACT_FAMILIES, FAMILIES, prompts

PROMPTS = prompts(7)
Values = NDArray[np.floating]


def batched_spread(logits: Tensor, batch: MetricBatch) -> Tensor:
    """The oracle's nonlinear metric, for a padded batch."""
    real = batch.position_mask.to(logits.dtype)
    first = batch.answers[:, :1, None].expand(-1, logits.shape[1], 1)
    squares = logits**2
    per_position = squares.mean(-1), squares.gather(-1, first).squeeze(-1)
    of_all, of_first = ((x * real).sum(-1) / real.sum(-1) for x in per_position)
    return torch.log1p(of_first) - torch.log1p(of_all)


METRICS: dict[str, tuple[str | Callable[[Tensor, MetricBatch], Tensor], oracle.PromptMetric]] = {
    "logit-diff": ("logit-diff", oracle.logit_diff),
    "prob-diff": ("prob-diff", oracle.prob_diff),
    "own function": (batched_spread, oracle.spread),
}

LINES = ["gpt2", "llama-grouped", "gpt-neox-parallel", "lens-bidirectional-without-norms"]
"""One family of each class of what a metric reads: tied or free vocabulary, both directions, a wider output."""


@cache
def twin(family: str) -> Transformer:
    return from_hf(FAMILIES[family]())


@cache
def expected(family: str, metric: str) -> Values:
    return oracle.edge_scores(twin(family), PROMPTS, METRICS[metric][1]).numpy()


CASES = [
    *((family, "own function", dtype) for family in FAMILIES for dtype in (torch.float64, torch.float32)),
    *((family, metric, torch.float64) for family in LINES for metric in ("logit-diff", "prob-diff")),
]
"""Every family by the metric that bends the most; a metric ends at the logits, whatever the family before them."""


def tolerance(family: str, dtype: torch.dtype) -> float:
    if dtype == torch.float32:
        return 2e-5
    return 1e-10 if family in EXACT_FAMILIES else 1e-5


def error(ours: Values | None, theirs: Values) -> float:
    """max|error| / max|expected|; the same entries have to be NaN."""
    assert ours is not None
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    return float(np.nanmax(np.abs(ours - theirs)) / np.nanmax(np.abs(theirs)))


@pytest.mark.parametrize(("family", "metric", "dtype"), CASES)
def test_every_edge_for_every_prompt(family: str, metric: str, dtype: torch.dtype) -> None:
    truth, allowed = expected(family, metric), tolerance(family, dtype)
    model = load_model(FAMILIES[family](dtype=dtype))
    scores = score_edges(
        model, PROMPTS, metric=METRICS[metric][0], conditions=Conditions(batch_size=3), per_prompt=True, method="eap"
    )
    assert scores.graph.sources == twin(family).sources
    assert scores.graph.destinations == twin(family).destinations
    assert scores.n_prompts == len(PROMPTS)
    assert error(scores.values, truth.mean(0)) <= allowed
    assert error(scores.per_prompt, truth) <= allowed
    assert error(scores.mean_abs, np.abs(truth).mean(0)) <= allowed
    assert error(scores.stderr, truth.std(0, ddof=1) / np.sqrt(len(PROMPTS))) <= allowed


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["logit-diff"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_node_for_every_prompt(family: str, metric: str) -> None:
    truth = oracle.node_scores(twin(family), PROMPTS, METRICS[metric][1]).numpy()
    allowed = tolerance(family, torch.float64)
    scores = score_edges(
        load_model(FAMILIES[family]()),
        PROMPTS,
        metric=METRICS[metric][0],
        level="node",
        conditions=Conditions(batch_size=3),
        per_prompt=True,
        method="eap",
    )
    assert scores.values.shape == (len(twin(family).sources),)
    assert error(scores.values, truth.mean(0)) <= allowed
    assert error(scores.per_prompt, truth) <= allowed
    assert error(scores.mean_abs, np.abs(truth).mean(0)) <= allowed
    assert error(scores.stderr, truth.std(0, ddof=1) / np.sqrt(len(PROMPTS))) <= allowed


def test_spread_over_prompts_comes_without_keeping_every_prompt() -> None:
    truth = expected("gpt2", "logit-diff")
    scores = score_edges(load_model(FAMILIES["gpt2"]()), PROMPTS, conditions=Conditions(batch_size=2), method="eap")
    assert scores.per_prompt is None
    assert error(scores.values, truth.mean(0)) <= 1e-10
    assert error(scores.mean_abs, np.abs(truth).mean(0)) <= 1e-10
    assert error(scores.stderr, truth.std(0, ddof=1) / np.sqrt(len(PROMPTS))) <= 1e-10


CORNERS = PromptSet(
    name="corners",
    pairs=(
        PromptPair((3, 7, 9, 4), (3, 7, 9, 4), (1,), (2,)),
        PromptPair((3, 7, 9, 4, 8, 6), (3, 7, 9, 4, 8, 5), (1,), (2,), (1, 4)),
        PromptPair((11,), (12,), (1,), (2,)),
        PromptPair((3, 7, 9, 4, 8, 6, 5, 2), (3, 8, 9, 4, 8, 6, 1, 2), (1, 5), (2,), (2, 4)),
        PromptPair((9, 2, 8), (1, 2, 8), (40,), (41,), (0, 1, 2)),
        PromptPair((9, 2, 8, 4, 4, 4, 1), (9, 2, 8, 4, 4, 4, 3), (4,), (1,)),
    ),
)
"""Equal prompts; a difference after all that is read; one token; a read before a second difference; all
positions read; a difference in the last token alone."""


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 2, 6])
@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "gpt-neox-parallel", "lens-bidirectional-without-norms"])
def test_prompts_at_the_edges_of_what_is_allowed(family: str, batch_size: int) -> None:
    truth = oracle.edge_scores(twin(family), CORNERS, oracle.logit_diff).numpy()
    model = load_model(FAMILIES[family]())
    scores = score_edges(
        model, CORNERS, metric="logit-diff", conditions=Conditions(batch_size=batch_size), per_prompt=True, method="eap"
    )
    assert scores.per_prompt is not None
    assert error(scores.per_prompt, truth) <= tolerance(family, torch.float64)
    idle = 2 if twin(family).causal else 1  # both directions: what comes after a read position matters too
    assert np.nanmax(np.abs(scores.per_prompt[:idle])) == 0


def test_the_comparison_is_not_of_one_large_score_alone() -> None:
    """The median edge is more than a thousandth of the largest, and both signs are common."""
    values = expected("gpt2", "logit-diff").mean(0)
    sizes = np.sort(np.abs(values[~np.isnan(values)]))[::-1]
    assert sizes[len(sizes) // 2] > 1e-3 * sizes[0] > 0
    assert 0.2 < np.mean(values[~np.isnan(values)] > 0) < 0.8


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) by its definition."""
    return (p * (p.log() - q.log())).sum(-1)


@pytest.mark.parametrize("metric", ["kl-from-corrupted", "js-from-corrupted", "entropy"])
def test_metrics_on_the_distribution(metric: str) -> None:
    """One that compares with the corrupted run has a slope at the clean one, and the oracle's own corrupted run."""
    oracle_model = twin("gpt2")

    def by_definition(logits: Tensor, prompt: PromptPair) -> Tensor:
        q = logits.softmax(-1)
        if metric == "entropy":
            return -(q * q.log()).sum(-1).mean(-1)
        with torch.no_grad():
            there = run(oracle_model, torch.tensor([prompt.corrupted])).logits[:, list(prompt.positions)]
        p = there.softmax(-1)
        halfway = (p + q) / 2
        found = divergence(p, q) if metric.startswith("kl") else (divergence(p, halfway) + divergence(q, halfway)) / 2
        return found.mean(-1)

    truth = oracle.edge_scores(oracle_model, PROMPTS, by_definition).numpy()
    scores = score_edges(
        load_model(FAMILIES["gpt2"]()),
        PROMPTS,
        metric=metric,
        conditions=Conditions(batch_size=3),
        per_prompt=True,
        method="eap",
    )
    assert error(scores.per_prompt, truth) <= 1e-10
