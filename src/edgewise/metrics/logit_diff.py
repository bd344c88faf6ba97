"""Logit differences between right and wrong answers."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import at_tokens, masked_mass, masked_max, masked_mean, mean_over_positions


def logit_diff(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Mean logit of the answers minus mean logit of the wrong answers.

    (1/|A|) sum over a in A of z_a - (1/|W|) sum over w in W of z_w, averaged over the positions read. Adding
    a constant to all logits changes nothing. Wang et al. 2022, section 2.1, for one answer each.
    """
    right = masked_mean(at_tokens(logits, batch.answers), batch.answers_mask)
    wrong = masked_mean(at_tokens(logits, batch.wrong_answers), batch.wrong_answers_mask)
    return mean_over_positions(right - wrong, batch.position_mask)


def logit_diff_max(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Mean logit of the answers minus the largest logit of a wrong answer.

    (1/|A|) sum over a in A of z_a - max over w in W of z_w, averaged over the positions read. Positive
    exactly where the answer beats every wrong one. Conmy et al. 2023, the Docstring task.
    """
    right = masked_mean(at_tokens(logits, batch.answers), batch.answers_mask)
    wrong = masked_max(at_tokens(logits, batch.wrong_answers), batch.wrong_answers_mask)
    return mean_over_positions(right - wrong, batch.position_mask)


def logit_diff_best(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Largest logit of an answer minus the largest logit of a wrong answer.

    max over a in A of z_a - max over w in W of z_w, averaged over the positions read: any of the answers will do.
    Positive exactly where the likeliest of all that are named is right.
    """
    right = masked_max(at_tokens(logits, batch.answers), batch.answers_mask)
    wrong = masked_max(at_tokens(logits, batch.wrong_answers), batch.wrong_answers_mask)
    return mean_over_positions(right - wrong, batch.position_mask)


def logit_diff_mass(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Log of how many times likelier the answers are together than the wrong answers together.

    log(sum over a in A of p(a) / sum over w in W of p(w)), which is the difference of the sets' log-sum-exp of logits,
    averaged over the positions read. For one answer each it is `logit_diff`.
    """
    right = masked_mass(at_tokens(logits, batch.answers), batch.answers_mask)
    wrong = masked_mass(at_tokens(logits, batch.wrong_answers), batch.wrong_answers_mask)
    return mean_over_positions(right - wrong, batch.position_mask)


LOGIT_DIFF = Metric(
    name="logit-diff",
    fn=logit_diff,
    summary="mean logit of the answers minus mean logit of the wrong answers",
    needs=("answers", "wrong_answers"),
    answers_alone=True,
)

LOGIT_DIFF_MAX = Metric(
    name="logit-diff-max",
    fn=logit_diff_max,
    summary="mean logit of the answers minus the largest logit of a wrong answer",
    needs=("answers", "wrong_answers"),
    answers_alone=True,
)

LOGIT_DIFF_BEST = Metric(
    name="logit-diff-best",
    fn=logit_diff_best,
    summary="largest logit of an answer minus the largest logit of a wrong answer: any of the answers will do",
    needs=("answers", "wrong_answers"),
    answers_alone=True,
)

LOGIT_DIFF_MASS = Metric(
    name="logit-diff-mass",
    fn=logit_diff_mass,
    summary="log of how many times likelier the answers are together than the wrong answers together",
    needs=("answers", "wrong_answers"),
    answers_alone=True,
)
