"""What every source's replacement differs by from what the source writes, noted as a patched run goes on.

One table holds what destinations are mixed of: the stream, the stream with every source replaced, and each source's
change ``replacement_u - o_u``, ``d_model`` wide. The last block's sources are noted where logits are read alone:
nothing reads them elsewhere. Rows of the run are masks times prompts; replacements are the prompts'.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.patching.read_plan import ReadPlan
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.replacement import Replacement
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.graph import Graph
from edgewise.models.wiring import OutputProjection

# Rows of the table before the sources.
STREAM, REPLACED, SOURCES = 0, 1, 2
# The layer of what enters block 0.
BEFORE = -1


class Changes:
    """The table of one patched run, in the accumulation type, without gradients.

    Args:
        graph: the model's graph.
        answers: where logits are read, of all rows.
        replacement: what patched edges carry.
        plan: of all places: which sources are read, and how far the replaced stream is; the others are not noted.
        buffers: memory to write into.
    """

    def __init__(
        self, graph: Graph, answers: Answers, replacement: Replacement, plan: ReadPlan, buffers: Buffers
    ) -> None:
        self._graph, self._answers, self._replacement = graph, answers, replacement
        self._plan, self._buffers = plan, buffers
        self._dtype = accumulation_dtype(replacement.embedding.dtype)
        self._last = graph.spec.n_layers - 1
        self._everywhere = torch.empty(0)
        self._at_answers: Tensor | None = None
        # The sum of the changes of the first sources, and what is still to be added to it, in the sources' order.
        self._sum, self._sum_at_answers = torch.empty(0), False
        self._pending: list[tuple[int, Tensor]] = []

    def note_input(self, stream: Float[Tensor, "rows pos d_model"]) -> None:
        """Note what enters block 0."""
        n_wide = SOURCES + self._graph.sources_before_attention(self._last)
        self._everywhere = self._buffers.take("changes", (n_wide, *stream.shape), stream, self._dtype)
        self._everywhere[:SOURCES] = 0
        self._note(self._graph.input_source, self._change(stream, self._replacement.embedding), BEFORE)

    def note_heads(self, layer: int, out: OutputProjection, z: Float[Tensor, "rows pos width"]) -> None:
        """Note what a layer's heads write, from what they write in front of their slices."""
        self._follow(z)
        sources = self._graph.head_sources(layer)
        wanted = [source for source in range(sources.start, sources.stop) if self._plan.needed[source]]
        in_sum = sources.start < self._plan.n_replaced
        if not (wanted or in_sum):
            return
        change = self._change(z, self._replacement.heads[layer]).flatten(0, 1)
        weight, per_head, table = out.weight(self._dtype), out.heads(change), self._table(layer)
        for source in wanted:
            head = source - sources.start
            torch.mm(per_head[:, head], weight[head], out=table[SOURCES + source].flatten(0, 1))
        if in_sum:
            together = (change @ weight.flatten(0, 1)).unflatten(0, z.shape[:2])
            self._pending.append((sources.start, together))

    def note_mlp(self, layer: int, out: Float[Tensor, "rows pos d_model"]) -> None:
        """Note what a layer's MLP writes."""
        self._follow(out)
        source = self._graph.mlp_source(layer)
        if self._plan.needed[source] or source < self._plan.n_replaced:
            self._note(source, self._change(out, self._replacement.mlps[layer]), layer)

    def table(
        self, stream: Float[Tensor, "rows pos d_model"], n_sources: int, at_answers: bool
    ) -> Float[Tensor, "terms rows read d_model"]:
        """The streams and the changes of the first sources, at every position or where logits are read.

        Rows of sources that are not needed hold anything.
        """
        self._follow(stream)
        table = self._answers_table() if at_answers else self._everywhere
        table[STREAM] = self._answers.read(stream) if at_answers else stream
        if n_sources <= self._plan.n_replaced:
            torch.add(table[STREAM], self._first_sum(n_sources, at_answers), out=table[REPLACED])
        return table[: SOURCES + n_sources]

    def _follow(self, run: Tensor) -> None:
        """Take all that is known to the device that the run has come to."""
        here, device = self._everywhere, run.device
        if here.device == device:
            return
        self._everywhere = self._buffers.take("changes", here.shape, run, self._dtype).copy_(here)
        self._at_answers = None if self._at_answers is None else self._at_answers.to(device)
        self._sum = self._sum.to(device)
        self._pending = [(source, change.to(device)) for source, change in self._pending]

    def _note(self, source: int, change: Tensor, layer: int) -> None:
        if self._plan.needed[source]:
            self._table(layer)[SOURCES + source] = change
        if source < self._plan.n_replaced:
            self._pending.append((source, change))

    def _table(self, layer: int) -> Tensor:
        return self._answers_table() if layer == self._last else self._everywhere

    def _answers_table(self) -> Tensor:
        """The table where logits are read; made once all sources before the last block are noted."""
        if self._at_answers is None:
            shape = (SOURCES + self._graph.n_sources, *self._answers.positions.shape, self._everywhere.shape[-1])
            wide, table = self._everywhere, self._everywhere.new_empty(shape)
            table[:SOURCES] = 0
            for source in range(self._graph.sources_before_attention(self._last)):
                if self._plan.needed[source]:
                    table[SOURCES + source] = self._answers.read(wide[SOURCES + source])
            self._at_answers = table
        return self._at_answers

    def _first_sum(self, n_sources: int, at_answers: bool) -> Tensor:
        """The sum of the changes of the first sources."""
        last_block = self._graph.sources_before_attention(self._last)
        while self._pending and self._pending[0][0] < n_sources:
            source, change = self._pending.pop(0)
            if source >= last_block and not self._sum_at_answers:
                self._sum, self._sum_at_answers = self._answers.read(self._sum), True
            self._sum = change if source == self._graph.input_source else self._sum + change
        return self._answers.read(self._sum) if at_answers and not self._sum_at_answers else self._sum

    def _change(self, now: Tensor, replacement: Tensor) -> Tensor:
        by_mask = now.to(self._dtype).unflatten(0, (self._plan.n_masks, -1))
        change: Tensor = (replacement.to(self._dtype) - by_mask).flatten(0, 1)
        return change
