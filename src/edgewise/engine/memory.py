"""How many prompts fit into one micro-batch."""

from __future__ import annotations

import psutil
import torch

from edgewise.graph import GraphSpec
from edgewise.models import Model

MOST_ROWS = 32


def bytes_per_token(spec: GraphSpec, itemsize: int) -> int:
    """An estimate of what one token of one prompt pair costs at the peak of a pass, in bytes.

    Differences of all sources, the gradients of one layer's destinations, and the activations that autograd keeps
    (about 24 times the width a layer).
    """
    sources = 1 + spec.n_layers * (spec.n_heads + spec.has_mlp)
    destinations = spec.n_heads + 2 * spec.kv_heads
    kept = 24 * spec.n_layers
    return (sources + 2 * destinations + kept) * spec.d_model * itemsize


def default_batch_size(model: Model, longest: int) -> int:
    """The largest micro-batch that uses at most half of the memory that is free, and no more than 32 prompts."""
    itemsize = 8 if model.dtype == torch.float64 else 4
    if model.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(model.device)
    else:
        free = psutil.virtual_memory().available
    per_prompt = bytes_per_token(model.graph.spec, itemsize) * longest
    return int(max(1, min(MOST_ROWS, free // 2 // per_prompt)))
