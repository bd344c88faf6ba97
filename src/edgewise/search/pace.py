"""How long a forward pass takes here: one micro-batch is run and timed before a long method begins."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from edgewise.engine.run.batches import Batch, divide
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.models import Model
from edgewise.tasks import PromptPair


def seconds_a_prompt(model: Model, pairs: Sequence[PromptPair], batch_size: int) -> float:
    """Seconds that the plain forward pass of one prompt takes in a micro-batch: the better of two runs."""
    _, batch = next(divide(pairs, batch_size, model.device, causal=model.wiring.causal))
    return min(_seconds(model, batch) for _ in range(2)) / batch.n_rows


def _seconds(model: Model, batch: Batch) -> float:
    with borrowed(model.module) as hooks:
        begun = time.perf_counter()
        logits_at(model, hooks, batch.clean, batch.answers)
        if model.device.type == "cuda":
            torch.cuda.synchronize(model.device)
        return time.perf_counter() - begun
