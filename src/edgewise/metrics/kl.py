"""Kullback-Leibler divergence from the clean run, and from the corrupted one."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.distribution import from_target, relative_entropy
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import mean_over_positions


def kl(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """KL(clean || patched) over the full vocabulary, in nats; lower is better.

    sum over tokens t of p(t) (log p(t) - log q(t)), p of the clean run and q of the logits given, averaged
    over the positions read. Conmy et al. 2023, section 3.2.

    Raises:
        MetricError: the batch holds no clean logits.
    """
    return mean_over_positions(from_target(relative_entropy, batch.of_clean("kl"), logits), batch.position_mask)


def kl_from_corrupted(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """KL(corrupted || patched) over the full vocabulary, in nats: 0 where all of the behaviour is gone.

    As `kl`, with p of the run on the corrupted prompt. Its slope by the logits at the clean run is q - p, which is not
    zero, so that gradients say something there; no answers are needed.

    Raises:
        MetricError: the batch holds no corrupted logits.
    """
    target = batch.of_corrupted("kl-from-corrupted")
    return mean_over_positions(from_target(relative_entropy, target, logits), batch.position_mask)


KL = Metric(
    name="kl",
    fn=kl,
    summary="KL(clean || patched) over the full vocabulary; lower is better",
    needs_clean_logits=True,
    flat_at_clean=("KL(clean || patched) is at its minimum where nothing is patched, so its gradient there is zero"),
    higher_is_better=False,
)

KL_FROM_CORRUPTED = Metric(
    name="kl-from-corrupted",
    fn=kl_from_corrupted,
    summary="KL(corrupted || patched) over the full vocabulary: how far what is said is from what the corrupted prompt"
    " says; needs no answers",
    needs_corrupted_logits=True,
)
