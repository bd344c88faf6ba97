"""Running the model with any heads and neurons replaced by their corrupted activations, many sets at once.

Everything else, the embedding included, is the model's own: what is kept is computed from what the patched run reads.
"""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from edgewise.engine.run.activations import CorruptedActivations, Site, watch_sites
from edgewise.engine.run.at_once import most_tokens
from edgewise.engine.run.forward import read_at, repeated_cache, run
from edgewise.engine.run.hooks import Watch, borrowed
from edgewise.models import Model


@torch.no_grad()
def kept_logits(
    model: Model, places: tuple[Site, ...], corrupted: CorruptedActivations, kept: Bool[Tensor, "masks nodes"]
) -> Float[Tensor, "masks batch n_positions vocab"]:
    """Logits of the clean prompts with some nodes kept, and all others at their corrupted activations.

    Args:
        model: the model; untouched afterwards.
        places: its sites.
        corrupted: of the same prompts and sites.
        kept: which nodes, in each of some runs.
    """
    at_once = max(1, most_tokens(corrupted.ids.device) // corrupted.ids.numel())
    return torch.cat([_run(model, places, corrupted, some) for some in kept.split(at_once)])


def _run(model: Model, places: tuple[Site, ...], corrupted: CorruptedActivations, kept: Tensor) -> Tensor:
    n_masks = len(kept)
    answers = corrupted.answers.repeated(n_masks)
    patched = tuple(site for site in places if not bool(kept[:, site.nodes].all()))

    def replace(site: Site) -> Watch:
        keeps = kept[:, site.nodes].repeat_interleave(site.each, dim=1)
        return partial(_mixed, keeps, corrupted.values[site])

    with borrowed(model.module) as hooks:
        watch_sites(hooks, model, patched, replace, answers)
        read_at(hooks, model.wiring, answers)
        logits = run(model.wiring, corrupted.ids.repeat(n_masks, 1), repeated_cache(corrupted.cache, n_masks))
    return logits.view(n_masks, -1, *logits.shape[1:])


def _mixed(
    keeps: Bool[Tensor, "masks width"], other: Float[Tensor, "batch pos width"], own: Float[Tensor, "rows pos width"]
) -> Float[Tensor, "rows pos width"]:
    by_mask = own.unflatten(0, (len(keeps), -1))
    return torch.where(keeps.to(own.device)[:, None, None], by_mask, other.to(own.dtype)).flatten(0, 1)
