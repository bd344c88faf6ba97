"""The prefix that clean and corrupted share is run once and never differentiated, and no score changes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks.prompts import PromptPair, PromptSet
from tiny import EXACT_FAMILIES, FAMILIES, HF_FAMILIES, VOCABULARY

pytestmark = pytest.mark.slow


def pair(length: int, first: int, reads: tuple[int, ...], seed: int) -> PromptPair:
    """Random ids that differ from `first` on."""
    draw = np.random.default_rng(seed)
    clean = draw.integers(0, VOCABULARY, length)
    corrupted = clean.copy()
    corrupted[first:] = (clean[first:] + draw.integers(1, VOCABULARY, length - first)) % VOCABULARY
    return PromptPair(tuple(clean), tuple(corrupted), (1, 2), (3,), reads)


PROMPTS = PromptSet(
    "prefixes",
    (
        pair(20, 16, (19,), 0),
        pair(20, 16, (17, 19), 1),
        pair(18, 12, (17,), 2),
        pair(20, 19, (19,), 3),
        pair(17, 5, (16,), 4),
        pair(9, 8, (8,), 5),
        pair(9, 4, (2, 8), 6),  # reads a position before the first difference
        pair(20, 20, (19,), 7),  # equal
    ),
)


@cache
def expected(family: str) -> np.ndarray:
    return oracle.edge_scores(from_hf(FAMILIES[family]()), PROMPTS, oracle.logit_diff).numpy()


def error(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.nanmax(np.abs(ours - theirs)) / np.nanmax(np.abs(theirs)))


TWO_KERNELS = [family for family in HF_FAMILIES if family != "gemma2"]


@pytest.mark.parametrize(
    ("family", "batch_size", "attention"),
    [
        *((family, batch_size, "sdpa") for family in FAMILIES for batch_size in (1, 3, 8)),
        *((family, 3, "eager") for family in TWO_KERNELS),
    ],
)
def test_scores_with_a_shared_prefix(family: str, batch_size: int, attention: str) -> None:
    model = load_model(FAMILIES[family](attention=attention))
    scores = score_edges(
        model, PROMPTS, metric="logit-diff", conditions=Conditions(batch_size=batch_size), per_prompt=True, method="eap"
    )
    assert error(scores.per_prompt, expected(family)) <= (1e-10 if family in EXACT_FAMILIES else 1e-5)
    assert np.nanmax(np.abs(scores.per_prompt[7])) == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_float32_is_as_near_as_without_sharing(family: str) -> None:
    scores = score_edges(
        load_model(FAMILIES[family](dtype=torch.float32)),
        PROMPTS,
        metric="logit-diff",
        conditions=Conditions(batch_size=4),
        method="eap",
    )
    assert error(scores.values, expected(family).mean(0)) <= 2e-5


def test_the_clean_run_begins_at_the_first_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every forward pass of the model: the corrupted prompts whole, the clean ones from there on."""
    module = FAMILIES["gpt2"]()
    lengths: list[int] = []
    handle = module.transformer.wte.register_forward_hook(lambda _, args, __: lengths.append(args[0].shape[1]))
    score_edges(load_model(module), PROMPTS[:2], metric="logit-diff", conditions=Conditions(batch_size=2), method="eap")
    handle.remove()
    assert lengths == [20, 4]
