"""Scores depend on the model and the prompts alone: not on batching, padding, order or attention kernel."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgewise.models import Model, load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks.prompts import PromptSet
from tiny import EXACT_FAMILIES, FAMILIES, HF_FAMILIES, prompts

pytestmark = pytest.mark.slow

PROMPTS = prompts(6, seed=1)
Values = NDArray[np.floating]


@cache
def loaded(family: str, attention: str) -> Model:
    return load_model(FAMILIES[family](attention=attention))


def per_prompt(family: str, pairs: PromptSet, batch_size: int | None, attention: str = "sdpa") -> Values:
    scores = score_edges(
        loaded(family, attention),
        pairs,
        metric="logit-diff",
        conditions=Conditions(batch_size=batch_size),
        per_prompt=True,
        method="eap",
    )
    assert scores.per_prompt is not None
    assert error(scores.per_prompt.mean(0), scores.values) <= 1e-12
    return scores.per_prompt


def error(ours: Values, theirs: Values) -> float:
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    return float(np.nanmax(np.abs(ours - theirs)) / np.nanmax(np.abs(theirs)))


def rounding(family: str) -> float:
    """Float64 throughout, or with parts in float32 whose last bit may turn with the shape of a product."""
    return 1e-12 if family in EXACT_FAMILIES else 1e-6


def test_the_prompts_are_as_mixed_as_the_tests_need() -> None:
    assert len({len(pair.clean) for pair in PROMPTS}) >= 4
    assert len({pair.first_difference() for pair in PROMPTS}) >= 4
    assert any(len(pair.positions) > 1 for pair in PROMPTS)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_prompt_at_a_time_scores_what_a_batch_scores(family: str) -> None:
    alone = np.concatenate([per_prompt(family, PROMPTS[i : i + 1], 1) for i in range(len(PROMPTS))])
    for batch_size in (1, 2, 4, None):
        assert error(per_prompt(family, PROMPTS, batch_size), alone) <= rounding(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_order_does_not_matter(family: str) -> None:
    order = np.random.default_rng(0).permutation(len(PROMPTS))
    shuffled = replace(PROMPTS, pairs=tuple(PROMPTS.pairs[i] for i in order))
    ours = per_prompt(family, shuffled, 4)
    assert error(ours, per_prompt(family, PROMPTS, 4)[order]) <= rounding(family)


@pytest.mark.parametrize("family", HF_FAMILIES)
def test_eager_and_sdpa_attention_agree(family: str) -> None:
    """Eager attention outside GPT-2 takes its softmax in float32."""
    allowed = 1e-12 if family in EXACT_FAMILIES else 1e-5
    assert error(per_prompt(family, PROMPTS, 3, "eager"), per_prompt(family, PROMPTS, 3, "sdpa")) <= allowed


def test_the_same_call_gives_the_same_bits() -> None:
    first, second = per_prompt("llama-grouped", PROMPTS, 4), per_prompt("llama-grouped", PROMPTS, 4)
    assert np.array_equal(first, second, equal_nan=True)


def test_a_caller_without_gradients_gets_the_same_scores() -> None:
    with torch.no_grad():
        inside = per_prompt("gpt2", PROMPTS, 3)
    assert error(inside, per_prompt("gpt2", PROMPTS, 3)) == 0
