"""The values of a circuit's run, at first those of the clean run."""

from __future__ import annotations

from copy import copy
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.partial.answer_logits import Columns
from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.run.replacement import Replacement
from edgewise.graph import Graph
from edgewise.graph.arrays import BoolArray

# Some of all places, ``[n_places]``; True for all positions, where edges are not kept apart by place.
Places: TypeAlias = BoolArray | np.bool_


class CircuitValues:
    """A circuit and what its run carries, as far as anybody still reads it.

    Args:
        clean: the clean run.
        columns: the tokens whose logits count; None for all.

    Attributes:
        clean: as given.
        columns: as given.
        last: the number of the last layer.
        kept: the edges kept, ``[n_sources, n_destinations]``; of prompts whose tokens have places, at each of them.
        logits: ``[batch, n_positions, vocab]``, or of the tokens that count.
        changes: what the sources' replacements differ by from what they write while no destination in front of them
            has changed.
        reads: by destination that reads another stream than the clean one, what it reads.
        projected: by module of q, k and v, what it returns.
        z: by layer, what the heads write in front of their slices; the last layer's where logits are read.
        mlps: by layer, what the MLP writes; likewise.
    """

    def __init__(self, clean: CleanRun, columns: Columns | None = None) -> None:
        """The whole model."""
        self.clean, self.columns, self.last = clean, columns, clean.model.graph.spec.n_layers - 1
        places, exists = clean.baseline.places, clean.model.graph.mask
        self.kept: BoolArray = exists.copy() if places is None else np.repeat(exists[..., None], places.n, axis=-1)
        self.changes = clean.changes
        self.reads: dict[int, Tensor] = {}
        self.projected: dict[nn.Module, Tensor] = dict(clean.projected)
        self.z = list(clean.outputs.heads)
        self.mlps = list(clean.outputs.mlps)
        self.logits = clean.logits
        if columns is not None:
            self.logits = columns(self.normed(self.reading(self.graph.logits))).to(clean.logits.device)

    def copied(self) -> CircuitValues:
        """The same values in tables of their own; tensors are shared, and never written to."""
        same = copy(self)
        same.kept = self.kept.copy()
        same.reads, same.projected = dict(self.reads), dict(self.projected)
        same.z, same.mlps = list(self.z), list(self.mlps)
        return same

    def outputs(self) -> Replacement:
        """What the sources write now, small."""
        return Replacement(self.clean.outputs.embedding, tuple(self.z), tuple(self.mlps))

    @property
    def graph(self) -> Graph:
        """The model's graph."""
        return self.clean.model.graph

    def reading(self, column: int) -> Float[Tensor, "batch pos d_model"]:
        """What a destination reads now, in the accumulation type; ``logits`` and the last MLP where logits are read."""
        if column in self.reads:
            return self.reads[column]
        graph, clean = self.graph, self.clean
        if column == graph.logits:
            stream = clean.before_logits
        else:
            layer, is_mlp = graph.reader(column)
            stream = clean.before_mlp[layer] if is_mlp else clean.entered[layer]
        stream = stream.to(clean.dtype)
        return clean.answers.read(stream) if self.at_answers(column) else stream

    def change(self, source: int, column: int, where: Places) -> Float[Tensor, "batch read d_model"]:
        """What a source's replacement differs by, where and on the device on which a destination reads it.

        Args:
            source: its row.
            column: the destination.
            where: the places at which it counts.
        """
        change = self.changes(source, self.at_answers(column)).to(self.reading(column).device)
        return self.at(change, column, where)

    def at(self, change: Float[Tensor, "rows read d_model"], column: int, where: Places) -> Tensor:
        """A change of what a destination reads, at some places alone.

        Args:
            change: of the prompts, or of copies of them.
            column: the destination.
            where: the places.
        """
        if not where.ndim or where.all():
            return change
        places = self.clean.baseline.places
        assert places is not None
        among = places.among(np.asarray(where), self.at_answers(column)).to(change.device)
        return change * among.repeat(len(change) // len(among), 1, 1)

    def normed(self, stream: Float[Tensor, "rows n_positions d_model"]) -> Float[Tensor, "rows n_positions d_model"]:
        """What the unembedding is given of a stream."""
        model = self.clean.model
        return model.wiring.final_norm(stream.to(model.dtype))

    def at_answers(self, column: int) -> bool:
        """Whether a destination counts only where logits are read."""
        graph = self.graph
        return column == graph.logits or (graph.spec.has_mlp and column == graph.mlp(self.last))
