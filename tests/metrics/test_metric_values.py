"""Values of every metric by hand, by plain numpy and scipy, and gradients by finite differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from edgewise.errors import MetricError
from edgewise.metrics import METRICS, MetricBatch, get_metric

OF_SETS = [name for name in METRICS.names() if not get_metric(name).one_a_position]
"""Those of which answers are a set; the one that reads an answer a position has tests of its own."""
GRADIENT_METRICS = [name for name in OF_SETS if name not in ("accuracy", "top1-change")]


@dataclass(frozen=True)
class Row:
    answers: tuple[int, ...]
    wrong_answers: tuple[int, ...]
    positions: tuple[int, ...]


ROWS = (
    Row((0,), (1,), (4,)),
    Row((2, 3), (0, 1, 5), (2, 4, 5)),
    Row((6,), (2, 5), (1, 3)),
)
"""Different numbers of answers, wrong answers and positions: everything is padded somewhere."""
VOCABULARY, POSITIONS = 7, 3


def random_case(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(len(ROWS), POSITIONS, VOCABULARY, generator=generator, dtype=torch.float64)
    clean = 3 * torch.randn(len(ROWS), POSITIONS, VOCABULARY, generator=generator, dtype=torch.float64)
    corrupted = 3 * torch.randn(len(ROWS), POSITIONS, VOCABULARY, generator=generator, dtype=torch.float64)
    return logits, MetricBatch.from_pairs(ROWS).with_clean_logits(clean).with_corrupted_logits(corrupted)


def by_numpy(name, row, logits, clean, corrupted):
    """One row of one metric at one position, from its definition."""
    p, log_p = softmax(logits), log_softmax(logits)
    right, wrong = list(row.answers), list(row.wrong_answers)
    return {
        "logit-diff": np.mean(logits[right]) - np.mean(logits[wrong]),
        "logit-diff-max": np.mean(logits[right]) - np.max(logits[wrong]),
        "logit-diff-best": max(logits[right]) - max(logits[wrong]),
        "logit-diff-mass": np.log(p[right].sum() / p[wrong].sum()),
        "prob-diff": p[right].sum() - p[wrong].sum(),
        "prob-diff-best": max(p[right]) - max(p[wrong]),
        "log-prob-best": max(log_p[right]),
        "log-prob": np.log(np.exp(log_p[right]).sum()),
        "kl": entropy(softmax(clean), p),
        "kl-from-corrupted": entropy(softmax(corrupted), p),
        "js": jensenshannon(softmax(clean), p) ** 2,
        "js-from-corrupted": jensenshannon(softmax(corrupted), p) ** 2,
        "entropy": entropy(p),
        "accuracy": float(np.argmax(logits) in right),
        "top1-change": float(np.argmax(logits) != np.argmax(clean)),
    }[name]


@pytest.mark.parametrize("name", OF_SETS)
def test_values_agree_with_numpy_and_scipy_over_padded_answers_and_positions(name):
    for seed in range(5):
        logits, batch = random_case(seed)
        runs = (logits, batch.clean_logits, batch.corrupted_logits)
        expected = [
            np.mean([by_numpy(name, row, *(z[i, p].numpy() for z in runs)) for p in range(len(row.positions))])
            for i, row in enumerate(ROWS)
        ]
        np.testing.assert_allclose(get_metric(name)(logits, batch).numpy(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # logits 1, 2, 4, 0 with answers {2, 0}, wrong {1, 3}: means 2.5 and 1; largest wrong 2
        ("logit-diff", 1.5),
        ("logit-diff-max", 0.5),
        # e^1 + e^2 + e^4 + e^0 = 65.7055; right e^4 + e^1 = 57.3164, wrong e^2 + 1 = 8.38906
        ("prob-diff", 0.744647),
        ("log-prob", -0.136595),
        # the largest are e^4 / 65.7055 = .830953 and e^2 / 65.7055 = .112457; log(57.3164 / 8.38906) = 1.921659
        ("logit-diff-best", 2.0),
        ("logit-diff-mass", 1.921659),
        ("prob-diff-best", 0.718495),
        ("log-prob-best", -0.185183),
        ("accuracy", 1.0),
        # from the uniform distribution: -ln 4 - (1/4) sum of log p = -1.386294 + ln 65.7055 - 1.75
        ("kl", 1.048888),
        ("kl-from-corrupted", 1.048888),
        # p = .041371, .112457, .830953, .015219: -sum p log p = .131773 + .245740 + .153878 + .063696
        ("entropy", 0.595087),
        # with (p + 1/4) / 2 of each: the two KLs from it are .181194 and .218720
        ("js", 0.199957),
        ("js-from-corrupted", 0.199957),
        # all tokens of the clean run are alike, so the first counts as its likeliest; here it is the third
        ("top1-change", 1.0),
    ],
)
def test_values_by_hand(name, expected):
    batch = MetricBatch.from_pairs([Row((2, 0), (1, 3), (0,))])
    batch = batch.with_clean_logits(torch.zeros(1, 1, 4)).with_corrupted_logits(torch.zeros(1, 1, 4))
    (value,) = get_metric(name)(torch.tensor([[[1.0, 2.0, 4.0, 0.0]]]), batch)
    assert value.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", GRADIENT_METRICS)
def test_gradients_agree_with_finite_differences_and_vanish_at_padding(name):
    logits, batch = random_case(7)
    metric = get_metric(name)
    gradient = torch.func.grad(lambda z: metric(z, batch).sum())(logits)
    step = 1e-6
    numerical = torch.zeros_like(logits)
    for index in np.ndindex(*logits.shape):
        up, down = logits.clone(), logits.clone()
        up[index] += step
        down[index] -= step
        numerical[index] = (metric(up, batch).sum() - metric(down, batch).sum()) / (2 * step)
    torch.testing.assert_close(gradient, numerical, rtol=0, atol=1e-8)
    assert gradient[0, 0].abs().max() > 1e-3
    assert gradient[0, 1:].abs().max() == 0, "row 0 reads one position; the others are padding"


@pytest.mark.parametrize("name", OF_SETS)
def test_padding_cannot_reach_a_value(name):
    logits, batch = random_case(1)
    metric = get_metric(name)
    spoiled = torch.where(batch.position_mask[..., None], logits, torch.full_like(logits, 1e30))
    assert torch.equal(metric(spoiled, batch), metric(logits, batch))
    alone = [
        metric(
            logits[i : i + 1, : len(row.positions)],
            MetricBatch.from_pairs([row])
            .with_clean_logits(batch.clean_logits[i : i + 1, : len(row.positions)])
            .with_corrupted_logits(batch.corrupted_logits[i : i + 1, : len(row.positions)]),
        )
        for i, row in enumerate(ROWS)
    ]
    torch.testing.assert_close(metric(logits, batch), torch.cat(alone), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", OF_SETS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_logits_are_computed_in_float32(name, dtype):
    logits, batch = random_case(2)
    batch = batch.with_clean_logits(batch.clean_logits.to(dtype))
    batch = batch.with_corrupted_logits(batch.corrupted_logits.to(dtype))
    rounded = logits.to(dtype)
    values = get_metric(name)(rounded, batch)
    assert values.dtype == torch.float32
    exact = get_metric(name)(rounded.double(), batch)
    torch.testing.assert_close(values.double(), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OF_SETS)
def test_a_constant_added_to_all_logits_changes_nothing(name):
    logits, batch = random_case(3)
    metric = get_metric(name)
    torch.testing.assert_close(metric(logits + 5, batch), metric(logits, batch), rtol=0, atol=1e-12)


def test_probabilities_stay_finite_for_large_logits():
    batch = MetricBatch.from_pairs([Row((0,), (1,), (0,))]).with_clean_logits(torch.tensor([[[0.0, 1e4, 0.0]]]))
    logits = torch.tensor([[[1e4, 0.0, 0.0]]])
    assert get_metric("prob-diff")(logits, batch).item() == 1.0
    assert get_metric("log-prob")(logits, batch).item() == 0.0
    assert get_metric("kl")(logits, batch).item() == pytest.approx(1e4)


def test_the_jensen_shannon_divergence_of_what_has_nothing_in_common_is_ln_2():
    batch = MetricBatch.from_pairs([Row((0,), (1,), (0,))]).with_clean_logits(torch.tensor([[[0.0, 1e4, 0.0]]]))
    assert get_metric("js")(torch.tensor([[[1e4, 0.0, 0.0]]]), batch).item() == pytest.approx(0.693147, abs=1e-6)


@pytest.mark.parametrize("name", ["js", "js-from-corrupted", "entropy", "kl-from-corrupted"])
def test_tokens_that_all_runs_rule_out_spoil_neither_value_nor_slope(name):
    target = torch.tensor([[[1.0, 0.0, float("-inf")]]])
    batch = MetricBatch.from_pairs([Row((0,), (), (0,))]).with_clean_logits(target).with_corrupted_logits(target)
    few = MetricBatch.from_pairs([Row((0,), (), (0,))])
    few = few.with_clean_logits(target[..., :2]).with_corrupted_logits(target[..., :2])
    logits = torch.tensor([[[0.0, 1.0, float("-inf")]]], requires_grad=True)
    value = get_metric(name)(logits, batch)
    (slope,) = torch.autograd.grad(value.sum(), logits)
    torch.testing.assert_close(value, get_metric(name)(logits[..., :2], few))
    assert slope.isfinite().all()


def test_kl_ignores_tokens_that_both_runs_rule_out():
    logits = torch.tensor([[[0.0, 1.0, float("-inf")]]])
    batch = MetricBatch.from_pairs([Row((0,), (), (0,))]).with_clean_logits(logits)
    assert get_metric("kl")(logits, batch).item() == 0.0


@pytest.mark.parametrize("name", OF_SETS)
def test_metrics_that_say_they_are_flat_are_and_the_others_are_not(name):
    logits, batch = random_case(4)
    batch = batch.with_clean_logits(logits)
    metric = get_metric(name)
    at = logits.clone().requires_grad_()
    values = metric(at, batch)
    size = torch.autograd.grad(values.sum(), at)[0].abs().max().item() if values.requires_grad else 0.0
    assert (size < 1e-6) is (metric.flat_at_clean is not None)


WHOLE = (Row((5,), (), (2,)), Row((2, 3, 2), (), (2, 3, 4)), Row((6, 0), (), (1, 2)))
"""Answers of one, three and two tokens, one of them named twice."""


def test_the_log_probability_of_a_whole_answer_is_the_sum_over_its_tokens():
    logits = 3 * torch.randn(3, 3, 7, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    logits.requires_grad_()
    metric, batch = get_metric("answer-log-prob"), MetricBatch.from_pairs(WHOLE)
    metric.check(WHOLE)
    values = metric(logits, batch)
    expected = [
        sum(log_softmax(logits[i, place].detach().numpy())[token] for place, token in enumerate(row.answers))
        for i, row in enumerate(WHOLE)
    ]
    np.testing.assert_allclose(values.detach().numpy(), expected, rtol=1e-12)
    (slope,) = torch.autograd.grad(values.sum(), logits, retain_graph=True)
    assert slope[0, 1:].abs().max() == 0, "the first row reads one position"
    assert torch.autograd.gradcheck(lambda z: metric(z, batch), logits)
    torch.testing.assert_close(metric(logits + 5, batch), values)


def test_a_set_of_answers_is_no_whole_answer():
    with pytest.raises(
        MetricError, match=r"reads an answer a position, and row 2 has 2 of 1; read .* --answer-tokens all"
    ):
        get_metric("answer-log-prob").check([WHOLE[0], Row((1, 2), (), (4,))])
