"""Runs in which one edge, or one node, is patched and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.batches import Batch
from edgewise.engine.patch import patched_logits
from edgewise.engine.replacement import Baseline
from edgewise.models import Model


class SinglePatches:
    """A batch of prompts, run clean once, to be run again with single edges or nodes patched.

    Args:
        model: the model; untouched between calls.
        batch: the prompts.
        baseline: what patched edges carry.
    """

    def __init__(self, model: Model, batch: Batch, baseline: Baseline) -> None:
        """Run the prompts clean."""
        self._model, self._baseline = model, baseline
        self._exists = torch.tensor(model.graph.mask, device=model.device)
        self.clean_logits = patched_logits(model, baseline, torch.zeros_like(self._exists)[None])[0]

    def edges(self, edges: Sequence[tuple[int, int]]) -> Float[Tensor, "edges batch n_positions vocab"]:
        """Logits with each of some edges patched alone; they lead into one layer's attention, or one other place.

        Args:
            edges: source rows and destination columns.
        """
        masks = torch.zeros(len(edges), *self._exists.shape, dtype=torch.bool, device=self._exists.device)
        for number, (source, destination) in enumerate(edges):
            masks[number, source, destination] = True
        return patched_logits(self._model, self._baseline, masks)

    def nodes(self, sources: Sequence[int]) -> Float[Tensor, "nodes batch n_positions vocab"]:
        """Logits with each of some nodes patched alone, along all its edges; all of them belong to one layer.

        Args:
            sources: source rows.
        """
        masks = torch.zeros(len(sources), *self._exists.shape, dtype=torch.bool, device=self._exists.device)
        for number, source in enumerate(sources):
            masks[number, source] = self._exists[source]
        return patched_logits(self._model, self._baseline, masks)
