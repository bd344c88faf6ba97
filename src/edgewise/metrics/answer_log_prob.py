"""Log probability of a whole answer of several tokens."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import log_probabilities


def answer_log_prob(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Natural logarithm of the probability that the model says the answer, all of its tokens.

    sum over i of log p(a_i | prompt, a_1 .. a_(i-1)): the i-th answer is the token that is right at the i-th position
    read, and the tokens before it stand in the prompt (teacher forcing). Minus its sum is the answer's cross-entropy.
    """
    own = batch.answers[:, : logits.shape[1]]
    # Of every position the log probabilities of all tokens of the answer; the i-th is that of the i-th.
    each = log_probabilities(logits, own).diagonal(dim1=1, dim2=2)
    return each.masked_fill(~batch.position_mask, 0.0).sum(-1)


ANSWER_LOG_PROB = Metric(
    name="answer-log-prob",
    fn=answer_log_prob,
    summary="log of the probability of a whole answer, summed over its tokens; with --answer-tokens all",
    needs=("answers",),
    one_a_position=True,
)
