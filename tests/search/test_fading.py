"""Fading: its steps against their rule, whole runs against a second implementation, and known circuits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bruteforce.from_hf import from_hf
from bruteforce.scores import logit_diff
from bruteforce.transformer import Patch, run
from edgewise import load_model, score_edges
from edgewise.errors import DataError, ScoreError
from edgewise.generators import last_of
from edgewise.graph.selection import top_n
from edgewise.models import Model
from edgewise.search.fading import Fading, fade, fading
from edgewise.search.fading.budget import best, size_at, step
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from planted import planted
from planted import prompts as planted_prompts
from tiny import FAMILIES, prompts
from traces import leaves_no_trace


def test_a_step_by_hand() -> None:
    kept = np.array([1.0, 0.5, 0.5, 0.0])
    # All closed: .75, .25, .25, 0, a sum of 1.25. The last opens to .25, then the second to .75: 2 is full.
    moved = step(kept, np.array([0.1, 0.3, 0.2, 0.9]), 2, 0.25)
    np.testing.assert_allclose(moved, [0.75, 0.75, 0.25, 0.25])


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-1, 1)), min_size=1, max_size=30),
    st.integers(1, 30),
    st.floats(0.01, 1),
)
def test_a_step_opens_as_many_as_the_sum_allows(edges: list[tuple[float, float]], size: int, rate: float) -> None:
    kept, importance = np.array(edges).T
    moved = step(kept, importance, size, rate)
    up, down = np.clip(kept + rate, 0, 1), np.clip(kept - rate, 0, 1)
    order = sorted(range(len(kept)), key=lambda i: -importance[i])
    for opening in range(len(kept), -1, -1):
        expected = down.copy()
        expected[order[:opening]] = up[order[:opening]]
        if opening == 0 or expected.sum() <= size + 1e-9:
            break
    np.testing.assert_allclose(moved.sum(), expected.sum(), atol=1e-6)
    assert ((moved == up) | (moved == down)).all()


def test_sizes_fall_by_the_same_factor() -> None:
    sizes = [size_at(done, 5, 10_000, 1) for done in range(5)]
    assert sizes == [10_000, 1000, 100, 10, 1]
    assert size_at(7, 5, 10_000, 20) == 20
    assert size_at(0, 1, 10_000, 20) == 10_000


def test_the_circuit_of_a_size() -> None:
    chosen = best(np.array([0.2, 0.9, 0.2, 0.2]), np.array([0.1, 0.0, 0.3, 0.2]), 3)
    assert chosen.tolist() == [False, True, True, True]


def slopes(model: Model, pairs: Sequence[PromptPair], kept: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean KL of some prompts and its slope, by the brute-force transformer and autograd."""
    twin = from_hf(model.module)
    masks = torch.tensor(kept).requires_grad_()
    losses = []
    for pair in pairs:
        ids, reads = torch.tensor([pair.clean]), list(pair.positions)
        patched = torch.zeros(model.graph.mask.shape, dtype=masks.dtype)
        patched[torch.tensor(model.graph.mask)] = 1 - masks
        with torch.no_grad():
            clean = run(twin, ids).logits[0, reads]
            carried = dict(run(twin, torch.tensor([pair.corrupted])).outputs)
        logits = run(twin, ids, Patch(patched, carried)).logits[0, reads]
        losses.append((clean.softmax(-1) * (clean.log_softmax(-1) - logits.log_softmax(-1))).sum(-1).mean())
    mean = torch.stack(losses).mean()
    (gradient,) = torch.autograd.grad(mean, masks)
    return float(mean.detach()), gradient.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt2", "lens-attention-only"])
def test_a_run_is_the_rule(family: str) -> None:
    module = FAMILIES[family]()
    model, pairs = load_model(module), list(prompts(4))
    with leaves_no_trace(module):
        state = last_of(fading(model, pairs, Fading(6, 4, 0.3, first=1.0), conditions=Conditions(batch_size=3)))
    n = model.graph.n_edges
    kept, importance, holds = np.ones(n), np.zeros(n), np.full(n, n)
    for number in range(6):
        size, at = n, np.full(n, 0.5)
        if number:
            size = max(1, round(n * (max(1, round(0.002 * n)) / n) ** (number / 5)))
            kept = at = step(kept, importance, size, 0.3)
        loss, slope = slopes(model, pairs, at)
        share = -slope / np.abs(slope).sum()
        importance = share if number == 0 else 0.8 * importance + 0.2 * share
        holds = np.where(best(kept, importance, size), size, holds)
        assert math.isclose(state.losses[number, 1], loss, rel_tol=1e-6)
        assert state.losses[number, 0] == size
    np.testing.assert_allclose(state.importance, importance, atol=1e-9)
    np.testing.assert_array_equal(state.smallest, holds)
    scores = state.scores()
    for size in {int(size) for size in state.losses[:, 0]}:
        chosen = top_n(scores, int((holds <= size).sum())).mask[model.graph.mask]
        np.testing.assert_array_equal(chosen, holds <= size)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_planted_circuit_is_found(seed: int) -> None:
    """The best edges, as many as the known circuit has, are the known circuit."""
    model = planted(seed)
    found = top_n(fade(model, planted_prompts(seed)), model.circuit.n_edges)
    assert found == model.circuit


@pytest.mark.slow
def test_a_run_begins_with_the_best_edges_of_an_estimate() -> None:
    """Open are a third of the edges; larger circuits are the estimate's, and smaller ones are none of them."""
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(4))
    estimates = score_edges(model, pairs, method="secant-mid", metric="kl")
    n = model.graph.n_edges
    first, *_, last = fading(model, pairs, Fading(8, 4, 0.3, first=0.3))
    opened = round(0.3 * n)
    mask = model.graph.mask
    np.testing.assert_array_equal(first.kept == 1, top_n(estimates, opened).mask[mask])
    assert first.kept.sum() == opened
    kept = step(first.kept, first.importance, opened, 0.3)
    loss, _ = slopes(model, pairs, kept)
    assert math.isclose(last.losses[0, 1], loss, rel_tol=1e-6)
    scores = last.scores()
    later = last.smallest > opened
    assert later.any()
    sizes = np.abs(estimates.values[mask])
    assert (np.argsort(scores.values[mask][later]) == np.argsort(sizes[later], kind="stable")).all()
    assert not np.array_equal(top_n(scores, 20).mask, top_n(estimates, 20).mask)


@pytest.mark.slow
def test_minibatches_are_taken_in_turn_and_all_prompts_count() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(5))
    state = last_of(fading(model, pairs, Fading(3, 2, 0.3, first=1.0)))
    assert len(state.clean_metric) == 5
    assert np.isfinite(state.clean_metric).all()
    alone = [slopes(model, [pair], np.full(model.graph.n_edges, 0.5))[0] for pair in pairs]
    pairs_of = {(i, j): (alone[i] + alone[j]) / 2 for i in range(5) for j in range(i)}
    assert min(abs(state.losses[0, 1] - mean) for mean in pairs_of.values()) < 1e-9


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_the_same_bits() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(5))
    every = list(fading(model, pairs, Fading(6, 2)))
    for state in every[:-1:2]:
        again = last_of(fading(model, pairs, Fading(6, 2), stored=state.tensors()))
        assert {name: x.tobytes() for name, x in again.tensors().items()} == {
            name: x.tobytes() for name, x in every[-1].tensors().items()
        }


def test_another_metric_is_to_stay_what_it_is() -> None:
    """The loss is the mean over prompts of the squared change of the logit difference, here with nothing but half."""
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(3))
    state = last_of(fading(model, pairs, Fading(1, 3, first=1.0), metric="logit-diff"))
    twin, changes = from_hf(model.module), []
    for pair in pairs:
        ids = torch.tensor([pair.clean])
        with torch.no_grad():
            carried = dict(run(twin, torch.tensor([pair.corrupted])).outputs)
            half = torch.tensor(model.graph.mask).double() / 2
            clean, patched = run(twin, ids).logits, run(twin, ids, Patch(half, carried)).logits
        reads = list(pair.positions)
        changes.append(float(logit_diff(patched[0, reads], pair) - logit_diff(clean[0, reads], pair)))
    assert math.isclose(state.losses[0, 1], float(np.mean(np.square(changes))), rel_tol=1e-9)
    assert state.losses[0, 1] > 1e-6


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="steps is 0"):
        Fading(steps=0)
    with pytest.raises(DataError, match="rate is 2"):
        Fading(rate=2.0)
    model = load_model(FAMILIES["gpt2"]())
    with pytest.raises(ScoreError, match="0 of 80 steps are taken"):
        next(fading(model, list(prompts(2)))).scores()
