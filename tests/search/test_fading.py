"""Fading: its parts against their definitions, whole runs against a second implementation, and known circuits."""

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
from edgewise import load_model, make_task, score_edges
from edgewise.engine.run.batches import arrange
from edgewise.errors import DataError, ScoreError
from edgewise.generators import last_of
from edgewise.graph.selection import top_n
from edgewise.models import Model
from edgewise.search.fading import Fading, fade, fading
from edgewise.search.fading.levels import Levels
from edgewise.search.fading.masks import felt, masks
from edgewise.search.fading.rungs import plan, rungs
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from planted import planted
from planted import prompts as planted_prompts
from tiny import FAMILIES, prompts
from traces import leaves_no_trace

# A third of the steps, enough for small models.
SHORT = Fading(10)
LEVELS = st.lists(st.floats(-30, 30), min_size=2, max_size=40)


@given(LEVELS, st.floats(0.01, 5), st.data())
def test_masks_sum_to_a_size(levels: list[float], temperature: float, data: st.DataObject) -> None:
    values = np.array(levels)
    size = data.draw(st.integers(1, len(levels) - 1))
    kept = masks(values, temperature, size)
    assert math.isclose(kept.sum(), size, rel_tol=1e-6)
    # One shift for all: where masks are neither 0 nor 1, log(m / (1 - m)) is the level but for a constant.
    soft = (kept > 1e-4) & (kept < 1 - 1e-4)
    shifts = values[soft] - temperature * np.log(kept[soft] / (1 - kept[soft]))
    np.testing.assert_allclose(shifts, shifts.mean() if soft.any() else 0, atol=1e-6)
    assert masks(values, temperature, len(levels)).tolist() == [1.0] * len(levels)


def test_masks_by_hand() -> None:
    """At temperature log 3 over log 9 ... two equal levels share what is left of one."""
    np.testing.assert_allclose(masks(np.array([0.0, 0.0]), 1.0, 1), [0.5, 0.5])
    # sigmoid(x) + sigmoid(-x) is 1 for every x, so the shift lies midway.
    np.testing.assert_allclose(masks(np.array([2 * math.log(3), 0.0]), 1.0, 1), [0.75, 0.25])
    np.testing.assert_allclose(masks(np.array([math.log(3), 0.0]), 0.5, 1), [0.75, 0.25])


@given(LEVELS, st.floats(0.3, 3))
def test_what_levels_feel_is_measured(levels: list[float], temperature: float) -> None:
    """Against a difference quotient of a weighted sum of the masks, which keep their sum."""
    values = np.array(levels) / 10
    weights = np.sin(np.arange(len(values)) * 7.0)
    size = max(1, len(values) // 2)
    found = felt(weights, masks(values, temperature, size), temperature)
    for edge in range(len(values)):
        step = np.zeros(len(values))
        step[edge] = 1e-4
        above, below = (weights @ masks(values + sign * step, temperature, size) for sign in (1, -1))
        assert abs((above - below) / 2e-4 - found[edge]) < 1e-4


def test_hard_masks_feel_nothing() -> None:
    assert felt(np.array([3.0, -1.0]), np.array([1.0, 0.0]), 0.1).tolist() == [0.0, 0.0]


def test_a_step_of_levels_by_hand() -> None:
    # The momentum is a tenth of the slopes, .3 and .4 with a root mean square of sqrt(.125).
    moved = Levels(np.array([1.0, 2.0]), np.zeros(2)).step(np.array([3.0, -4.0]), 0.1)
    np.testing.assert_allclose(moved.values, [1 - 0.03 / math.sqrt(0.125), 2 + 0.04 / math.sqrt(0.125)])
    again = moved.step(np.array([0.0, 0.0]), 0.1)
    np.testing.assert_allclose(again.momentum, [0.27, -0.36])
    np.testing.assert_allclose(again.values - moved.values, moved.values - [1.0, 2.0])


def test_no_level_moves_far() -> None:
    slope = np.zeros(100)
    slope[7] = -2.0
    moved = Levels(np.zeros(100), np.zeros(100)).step(slope, 0.1)
    # Alone it would move by sqrt(100) rates.
    assert math.isclose(moved.values[7], 0.5)
    assert np.count_nonzero(moved.values) == 1
    assert Levels(np.ones(3), np.zeros(3)).step(np.zeros(3), 0.1).values.tolist() == [1.0, 1.0, 1.0]


def test_levels_of_an_order() -> None:
    np.testing.assert_allclose(Levels.ranked(np.array([0.1, 0.9, 0.1, 0.5])).values, -np.log([3, 1, 4, 2]))


def test_sizes_fall_to_rungs_and_stay_there() -> None:
    assert rungs(1000) == (200, 100, 50, 20, 10, 5, 2)
    assert rungs(20) == (4, 2, 1)
    assert rungs(1000, 30) == (200, 100, 50, 30, 20, 10, 5, 2)
    assert [step.size for step in plan(1000, 10, 30) if step.last] == [200, 100, 50, 30, 20, 10, 5, 2]
    steps = plan(1000, 10)
    # 14 steps to the first rung: three tenths of them there, rounded.
    assert len(steps) == 14 + 6 * 10
    sizes = [step.size for step in steps]
    assert sizes == sorted(sizes, reverse=True)
    ends = [14, 24, 34, 44, 54, 64, 74]
    assert [number for number, step in enumerate(steps, start=1) if step.last] == ends
    assert [step.size for step in steps if step.last] == [200, 100, 50, 20, 10, 5, 2]
    # From 100 to 50 in seven steps, each by the seventh root of 2.
    assert sizes[24:34] == [round(100 / 2 ** (k / 7)) for k in range(1, 8)] + [50] * 3
    assert [step.hard for step in steps[24:34]] == [0] * 7 + [1, 2, 3]
    assert {step.temperature for step in steps if not step.hard} == {0.5}
    assert all(math.isclose(step.temperature, 0.5 / 8) for step in steps if step.last)
    # As one over the root of the size: twice as far at a quarter of it, and five times at the most.
    np.testing.assert_allclose([step.pace for step in steps if step.last], [1, 2**0.5, 2, 10**0.5, 20**0.5, 5, 5])
    assert [step.hard for step in plan(1000, 2)[:5]] == [0, 0, 1, 0, 1]


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
    """Levels as parameters of masks under autograd, slopes by the brute-force transformer."""
    module = FAMILIES[family]()
    model, pairs = load_model(module), list(prompts(4))
    with leaves_no_trace(module):
        state = last_of(fading(model, pairs, Fading(3, 4, 0.3, seed=5), conditions=Conditions(batch_size=3)))
    estimates = score_edges(model, pairs, method="secant-mid", metric="kl")
    mask, n = model.graph.mask, model.graph.n_edges
    ranks = np.argsort(np.argsort(-np.abs(estimates.values[mask]), kind="stable")) + 1.0
    soft, momenta, holds = -np.log(ranks), np.zeros(n), np.full(n, n)
    hard, own = soft, momenta
    for number, step in enumerate(plan(n, 3)):
        draws = np.random.default_rng([5, number]).logistic(size=n)
        levels = torch.tensor(hard, requires_grad=True)
        noisy = levels + 0.4 * step.temperature * torch.tensor(draws)
        kept = with_sum(noisy / step.temperature, step.size)
        loss, slope = slopes(model, pairs, kept.detach().numpy())
        (gradient,) = torch.autograd.grad(kept, levels, torch.tensor(slope))
        own = 0.9 * own + 0.1 * gradient.numpy()
        hard = hard - 0.3 * step.pace * np.clip(own / np.sqrt((own**2).mean()), -5, 5)
        assert math.isclose(state.losses[number, 1], loss, rel_tol=1e-5)
        assert state.losses[number, 0] == step.size
        if not step.hard:
            soft, momenta = hard, own
        elif step.last:
            holds[np.argsort(-hard)[: step.size]] = step.size
            hard, own = soft, momenta
    np.testing.assert_allclose(state.soft.values, soft, atol=1e-5)
    np.testing.assert_array_equal(state.smallest, holds)
    scores = state.scores()
    for size in rungs(n):
        within = holds <= size
        np.testing.assert_array_equal(top_n(scores, int(within.sum())).mask[mask], within)


def with_sum(logits: torch.Tensor, size: int) -> torch.Tensor:
    """Logistic masks of a sum, the derivative of the shift that makes it included (implicit function theorem)."""
    low, high = logits.detach().min() - 50, logits.detach().max() + 50
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if torch.sigmoid(logits.detach() - middle).sum() > size else (low, middle)
    loose = torch.sigmoid(logits.detach() - high)
    loose = loose * (1 - loose)
    shift = high + ((loose / loose.sum()) * (logits - logits.detach())).sum()
    return torch.sigmoid(logits - shift)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_a_planted_circuit_is_found(seed: int) -> None:
    """The best edges, as many as the known circuit has, are the known circuit."""
    model = planted(seed)
    found = top_n(fade(model, planted_prompts(seed), SHORT), model.circuit.n_edges)
    assert found == model.circuit


@pytest.mark.slow
@pytest.mark.parametrize(("program", "asked"), [("induction", SHORT), ("agreement", SHORT), ("two-hops", Fading())])
def test_a_compiled_circuit_is_found(program: str, asked: Fading) -> None:
    """Saturated attention has no slope at the clean run; it has one where masks are open in part."""
    model = load_model(f"compiled:{program}")
    found = top_n(fade(model, make_task("compiled", model, n=20), asked), model.circuit.n_edges)
    assert found == model.circuit


@pytest.mark.slow
def test_edges_rank_by_circuit_and_then_by_how_long_they_stay() -> None:
    """Those that no step held are last, in the estimate's order."""
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(4))
    n, mask, steps = model.graph.n_edges, model.graph.mask, plan(model.graph.n_edges, 4)
    _, *states = fading(model, pairs, Fading(4, 4))
    stays, circuit = np.full(n, n + 1), np.full(n, n)
    for step, state in zip(steps, states, strict=True):
        if step.last:
            (left,) = np.nonzero((state.smallest == step.size) & (circuit != step.size))
            assert len(left) == step.size
            circuit[left], stays[left] = step.size, step.size
        elif not step.hard:
            best = np.argsort(-state.soft.values)[: step.size]
            stays[best] = step.size
    np.testing.assert_array_equal(states[-1].smallest, circuit)
    values = states[-1].scores().values[mask]
    assert sorted(values) == [(k + 1) / n for k in range(n)]
    falling = np.argsort(-values)
    both = list(zip(circuit[falling].tolist(), stays[falling].tolist(), strict=True))
    assert both == sorted(both)
    estimates = score_edges(model, pairs, method="secant-mid", metric="kl").values[mask]
    never = falling[stays[falling] == n + 1]
    assert len(never) > 20
    assert (np.diff(np.abs(estimates[never])) <= 0).all()


@pytest.mark.slow
def test_minibatches_are_taken_in_turn_and_all_prompts_count() -> None:
    """The prompts of two steps, at the same noise, are others; each loss is the mean of its own."""
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(5))
    state = last_of(fading(model, pairs, Fading(2, 2)))
    assert len(state.clean_metric) == 5
    assert np.isfinite(state.clean_metric).all()
    first = plan(model.graph.n_edges, 2)[0]
    levels = Levels.ranked(np.abs(score_edges(model, pairs, method="secant-mid", metric="kl").values[model.graph.mask]))
    draws = np.random.default_rng([0, 0]).logistic(size=model.graph.n_edges)
    kept = masks(levels.values + 0.4 * first.temperature * draws, first.temperature, first.size)
    order = [int(i) for i in arrange(pairs, causal=True)][:2]
    assert math.isclose(state.losses[0, 1], slopes(model, [pairs[i] for i in order], kept)[0], rel_tol=1e-6)


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_the_same_bits() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(5))
    every = list(fading(model, pairs, Fading(3, 2)))
    for state in every[:-1:4]:
        again = last_of(fading(model, pairs, Fading(3, 2), stored=state.tensors()))
        assert {name: x.tobytes() for name, x in again.tensors().items()} == {
            name: x.tobytes() for name, x in every[-1].tensors().items()
        }


@pytest.mark.slow
def test_a_size_of_ones_own_is_settled() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(3))
    state = last_of(fading(model, pairs, Fading(2, 3, rung=7)))
    assert 7 in state.smallest
    assert top_n(state.scores(), 7).mask[model.graph.mask].sum() == 7
    assert (state.smallest[top_n(state.scores(), 7).mask[model.graph.mask]] <= 7).all()


@pytest.mark.slow
def test_the_noise_follows_the_seed() -> None:
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(4))
    one, same, other = (last_of(fading(model, pairs, Fading(2, 4, seed=seed))) for seed in (1, 1, 2))
    assert one.losses.tolist() == same.losses.tolist() != other.losses.tolist()


@pytest.mark.slow
def test_another_metric_is_to_stay_what_it_is() -> None:
    """The loss is the mean over prompts of the squared change of the logit difference, where the first masks stand."""
    model, pairs = load_model(FAMILIES["gpt2"]()), list(prompts(3))
    state = last_of(fading(model, pairs, Fading(2, 3), metric="logit-diff"))
    estimates = score_edges(model, pairs, method="secant-mid", metric="logit-diff").values[model.graph.mask]
    first, n = plan(model.graph.n_edges, 2)[0], model.graph.n_edges
    draws = np.random.default_rng([0, 0]).logistic(size=n)
    levels = Levels.ranked(np.abs(estimates)).values + 0.4 * first.temperature * draws
    share = torch.zeros(model.graph.mask.shape).double()
    share[torch.tensor(model.graph.mask)] = torch.tensor(1 - masks(levels, first.temperature, first.size))
    twin, changes = from_hf(model.module), []
    for pair in pairs:
        ids = torch.tensor([pair.clean])
        with torch.no_grad():
            carried = dict(run(twin, torch.tensor([pair.corrupted])).outputs)
            clean, patched = run(twin, ids).logits, run(twin, ids, Patch(share, carried)).logits
        reads = list(pair.positions)
        changes.append(float(logit_diff(patched[0, reads], pair) - logit_diff(clean[0, reads], pair)))
    assert math.isclose(state.losses[0, 1], float(np.mean(np.square(changes))), rel_tol=1e-6)
    assert state.losses[0, 1] > 1e-9


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="steps is 1; give at least 2"):
        Fading(steps=1)
    with pytest.raises(DataError, match=r"rate is 0\.0"):
        Fading(rate=0.0)
    with pytest.raises(DataError, match="rung is 0; give a number of edges"):
        Fading(rung=0)
    with pytest.raises(DataError, match=r"rung is 9999, and the model has \d+ edges"):
        next(fading(load_model(FAMILIES["gpt2"]()), list(prompts(2)), Fading(rung=9999)))
    with pytest.raises(DataError, match="seed is -1"):
        Fading(seed=-1)
    model = load_model(FAMILIES["gpt2"]())
    with pytest.raises(ScoreError, match=r"0 of \d+ steps are taken"):
        next(fading(model, list(prompts(2)))).scores()
