from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from edgewise.errors import MetricError, UnknownNameError
from edgewise.metrics import METRICS, Metric, MetricBatch, get_metric


@dataclass(frozen=True)
class Row:
    answers: tuple[int, ...] = (1,)
    wrong_answers: tuple[int, ...] = (2,)
    positions: tuple[int, ...] = (0,)
    row: int = 0


def test_the_names_and_their_order():
    assert METRICS.names() == (
        *("logit-diff", "logit-diff-max", "logit-diff-best", "logit-diff-mass"),
        *("prob-diff", "prob-diff-best", "log-prob", "log-prob-best", "answer-log-prob", "kl", "kl-from-corrupted"),
        *("js", "js-from-corrupted", "entropy", "accuracy", "top1-change"),
    )


DISTANCES = ("kl", "js", "top1-change")
"""From the clean run: 0 there, and never below."""


@pytest.mark.parametrize("name", METRICS.names())
def test_every_row_is_a_metric_that_knows_its_name(name):
    metric = get_metric(name)
    assert metric.name == name
    assert METRICS.describe(name) == metric.summary
    assert metric.higher_is_better is (name not in (*DISTANCES, "entropy"))
    assert (metric.flat_at_clean is not None) is (name in (*DISTANCES, "accuracy"))


def test_a_misspelt_name_is_answered_with_the_near_one():
    with pytest.raises(UnknownNameError, match=r"unknown metric 'logit-dif'; did you mean 'logit-diff'\?"):
        get_metric("logit-dif")
    with pytest.raises((MetricError, TypeError)):  # a TypeError where annotations are checked
        get_metric(7)  # type: ignore[arg-type]


def test_batches_are_padded_on_the_right():
    batch = MetricBatch.from_pairs([Row((5,), (6, 7), (1, 2, 3)), Row((8, 9), (), (0,))])
    assert len(batch) == 2
    assert batch.answers.tolist() == [[5, 0], [8, 9]]
    assert batch.answers_mask.tolist() == [[True, False], [True, True]]
    assert batch.wrong_answers_mask.tolist() == [[True, True], [False, False]]
    assert batch.position_mask.tolist() == [[True, True, True], [True, False, False]]
    assert batch.clean_logits is None


def test_a_batch_may_have_no_wrong_answers_at_all():
    batch = MetricBatch.from_pairs([Row(wrong_answers=()), Row(wrong_answers=())])
    assert batch.wrong_answers.shape == (2, 0)
    values = get_metric("log-prob")(torch.zeros(2, 1, 4), batch)
    assert values.tolist() == pytest.approx([-1.386294, -1.386294], abs=1e-6), "one of four equal tokens: -ln 4"


def test_batches_are_values():
    batch = MetricBatch.from_pairs([Row()])
    logits = torch.zeros(1, 1, 4, requires_grad=True)
    filled = batch.with_clean_logits(logits).with_corrupted_logits(logits)
    assert batch.clean_logits is None
    assert filled.clean_logits is not None
    assert not filled.clean_logits.requires_grad
    assert not filled.corrupted_logits.requires_grad
    moved = filled.to("meta")
    kept = (moved.answers, moved.position_mask, moved.clean_logits, moved.corrupted_logits)
    assert {tensor.device.type for tensor in kept} == {"meta"}
    assert filled.answers.device.type == "cpu"


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        (
            "logit-diff",
            [Row(), Row(wrong_answers=(), row=7)],
            "needs wrong_answers, and row 7 has none; add wrong",
        ),
        ("prob-diff", [Row(answers=())], "metric 'prob-diff' needs answers, and row 1 has none"),
        ("log-prob", [Row(answers=(), wrong_answers=())], "needs answers, and row 1 has none; .*'kl'"),
        ("logit-diff-max", [Row(wrong_answers=())], "needs wrong_answers, .* use the metric 'log-prob'"),
        ("accuracy", [Row(answers=())], "needs answers"),
    ],
)
def test_a_missing_field_is_named_by_row_with_a_fix(name, rows, message):
    with pytest.raises(MetricError, match=message):
        get_metric(name).check(rows)


def test_what_a_metric_does_not_need_may_be_missing():
    get_metric("log-prob").check([Row(wrong_answers=())])
    get_metric("kl").check([Row(answers=(), wrong_answers=())])


def test_a_row_without_wrong_answers_cannot_pass_for_a_number():
    batch = MetricBatch.from_pairs([Row(), Row(wrong_answers=())])
    values = get_metric("logit-diff")(torch.zeros(2, 1, 4), batch)
    assert values[0] == 0
    assert values[1].isnan()


def test_kl_without_clean_logits_is_refused():
    with pytest.raises(MetricError, match=r"metric 'kl' compares with the clean run; fill MetricBatch\.clean_logits"):
        get_metric("kl")(torch.zeros(1, 1, 4), MetricBatch.from_pairs([Row()]))


@pytest.mark.parametrize("name", ["kl-from-corrupted", "js-from-corrupted"])
def test_distances_from_the_corrupted_run_are_refused_without_it(name):
    batch = MetricBatch.from_pairs([Row()]).with_clean_logits(torch.zeros(1, 1, 4))
    with pytest.raises(MetricError, match=rf"'{name}' compares with the corrupted run; fill .*\.corrupted_logits"):
        get_metric(name)(torch.zeros(1, 1, 4), batch)


def test_a_users_function_is_a_metric():
    def margin(logits, batch):
        """The answer's logit over the mean.

        More text.
        """
        return logits[:, 0, 1] - logits[:, 0].mean(-1)

    metric = get_metric(margin)
    assert (metric.name, metric.summary, metric.needs) == ("margin", "The answer's logit over the mean.", ())
    assert metric(torch.tensor([[[0.0, 4.0]]]), MetricBatch.from_pairs([Row()])).tolist() == [2.0]
    assert get_metric(metric) is metric


def test_a_users_function_sees_float32():
    seen = []
    metric = get_metric(lambda logits, batch: seen.append(logits.dtype) or logits[:, 0, 0])
    metric(torch.zeros(1, 1, 4, dtype=torch.bfloat16), MetricBatch.from_pairs([Row()]))
    metric(torch.zeros(1, 1, 4, dtype=torch.float64), MetricBatch.from_pairs([Row()]))
    assert seen == [torch.float32, torch.float64]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z, b: z.mean(), r"returned float32 of shape \[\] .*return one float a prompt, shape \[2\]"),
        (lambda z, b: z[:, :, 0], r"of shape \[2, 1\] for logits \[2, 1, 4\]"),
        (lambda z, b: z.argmax(-1)[:, 0], r"returned int64 of shape \[2\]"),
        (lambda z, b: [0.0, 1.0], r"returned list; return a tensor of shape \[2\]"),
    ],
)
def test_a_wrong_result_is_refused(function, message):
    with pytest.raises(MetricError, match=message):
        get_metric(function)(torch.zeros(2, 1, 4), MetricBatch.from_pairs([Row(), Row()]))


def test_a_metric_may_declare_what_it_needs():
    distance = Metric("distance", lambda z, b: (z - b.clean_logits).abs().sum((1, 2)), "", needs_clean_logits=True)
    batch = MetricBatch.from_pairs([Row()])
    with pytest.raises(MetricError, match="'distance' compares with the clean run"):
        distance(torch.ones(1, 1, 4), batch)
    assert distance(torch.ones(1, 1, 4), batch.with_clean_logits(torch.zeros(1, 1, 4))).tolist() == [4.0]


@pytest.mark.parametrize("name", METRICS.names())
def test_metrics_say_whether_they_look_at_the_logits_of_answers_alone(name: str) -> None:
    metric = get_metric(name)
    rows = [Row((1,), (2, 5), (0,)), Row((3, 4), (0,), (1, 2))]
    logits = torch.randn(2, 2, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = MetricBatch.from_pairs(rows).with_clean_logits(logits.flip(-1)).with_corrupted_logits(logits.flip(-1))
    tokens, named = batch.of_answers()
    assert tokens.tolist() == [[1, 0, 2, 5], [3, 4, 0, 0]]
    few = logits.gather(-1, tokens[:, None].expand(-1, 2, -1))
    if metric.answers_alone:
        assert torch.equal(metric(few, named), metric(logits, batch))
    else:
        louder = logits.clone()
        louder[..., 6:8] += 5.0
        assert not torch.equal(metric(louder, batch), metric(logits, batch))
