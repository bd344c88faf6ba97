"""What a patched run's destinations read, mixed of what its sources write, without gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.patching.changes import REPLACED, Changes
from edgewise.engine.patching.read_plan import Mask, Reading, ReadPlan
from edgewise.engine.patching.streams import Read, streams
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.replacement import Replacement
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.graph import Graph
from edgewise.models.wiring import OutputProjection


class Mixture:
    """One run of some masks over a batch: planned place by place, then noted and read as the run goes on.

    Args:
        graph: the model's graph.
        answers: where logits are read, of all rows.
        masks: which edges are patched, or by what share.
        replacement: what patched edges carry.
        buffers: memory to write into.
    """

    def __init__(
        self,
        graph: Graph,
        answers: Answers,
        masks: Mask,
        replacement: Replacement,
        buffers: Buffers,
    ) -> None:
        dtype = accumulation_dtype(replacement.embedding.dtype)
        self.graph, self._buffers = graph, buffers
        self._plan = ReadPlan(graph, masks.detach().to("cpu", dtype))
        self._changes = Changes(graph, answers, replacement, self._plan, buffers)

    def plan(
        self, modules: Sequence[slice], n_sources: int, device: torch.device | None, *, at_answers: bool = False
    ) -> Reading | None:
        """How a place's destinations are made; None where none is patched. All are planned before the run begins."""
        return self._plan.read(modules, n_sources, device, at_answers=at_answers)

    def note_input(self, stream: Float[Tensor, "rows pos d_model"]) -> None:
        """Note what enters block 0."""
        self._changes.note_input(stream)

    def note_heads(self, layer: int, out: OutputProjection, z: Float[Tensor, "rows pos width"]) -> None:
        """Note what a layer's heads write, from what they write in front of their slices."""
        self._changes.note_heads(layer, out, z)

    def note_mlp(self, layer: int, out: Float[Tensor, "rows pos d_model"]) -> None:
        """Note what a layer's MLP writes."""
        self._changes.note_mlp(layer, out)

    def replaced(self, reading: Reading, stream: Float[Tensor, "rows pos d_model"]) -> Tensor:
        """The stream with every source replaced, where the place reads it."""
        return self._changes.table(stream, reading.n_sources, reading.at_answers)[REPLACED]

    def reads(self, reading: Reading, stream: Float[Tensor, "rows pos d_model"]) -> Iterator[Read]:
        """What each column of a place reads, some rows at a time; good until the next is made."""
        table = self._changes.table(stream, reading.n_sources, reading.at_answers)
        return streams(reading, table, self._buffers)
