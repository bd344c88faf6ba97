"""A circuit that is changed from the output back: each change is carried on along kept edges alone.

While destinations are visited from ``logits`` back, every source in front of the one at hand still writes what it wrote
at first (in the clean run; or, where the search begins with some edges removed, in the run without them), and every
destination behind it reads the little that is kept. So the run of the present circuit is kept whole, and to remove
edges into v means:

    in_v' = in_v + sum over the removed u of (replacement_u - o_u)

(where edges are kept apart by place, at the tokens of the edge's place alone),

then new values of v's node alone, then ``in_w' = in_w + (o_v' - o_v)`` for each w that reads v along a kept edge, and
so on to the logits. Heads and MLPs that no change reaches are not run. Attention itself is the model's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from edgewise.engine.partial.answer_logits import columns_of
from edgewise.engine.partial.circuit_values import CircuitValues, Places
from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.partial.propagation import Propagation, Trial
from edgewise.engine.run.places import TokenPlaces
from edgewise.engine.run.replacement import Baseline
from edgewise.graph.arrays import BoolArray
from edgewise.models import Model


class RunningCircuit:
    """A circuit with the values of its run; at first the whole model.

    Args:
        model: the model; untouched between calls.
        baseline: the prompts, and what patched edges carry.
        tokens: those of each prompt whose logits count, where not all do; see `narrowed`.

    Attributes:
        clean_logits: of the whole model, ``[batch, n_positions, vocab]``.
        narrowed: whether ``logits`` are of ``tokens`` alone: the unembedding is then made for these only, which a model
            that does more than multiply does not allow.
    """

    def __init__(self, model: Model, baseline: Baseline, tokens: Int64[Tensor, "batch n_tokens"] | None = None) -> None:
        """Run the prompts clean."""
        self._clean = CleanRun(model, baseline)
        columns = None if tokens is None else columns_of(self._clean, tokens)
        self._columns = columns
        self.clean_logits, self.narrowed = self._clean.logits, columns is not None
        self._values = CircuitValues(self._clean, columns)
        # Where the last trial was, the sources that all its variants removed, and what was read then.
        self._summed: tuple[tuple[int, ...], tuple[int, ...], Tensor] | None = None

    @property
    def kept(self) -> BoolArray:
        """The edges kept, ``[n_sources, n_destinations]``; of prompts whose tokens have places, at each of them."""
        return self._values.kept

    @property
    def logits(self) -> Tensor:
        """Of the present circuit, ``[batch, n_positions, vocab or n_tokens]``."""
        return self._values.logits

    @torch.no_grad()
    def begin(self, kept: BoolArray) -> None:
        """Make another circuit the present one, from which edges can then be removed from the output back.

        All that is not kept is removed from the whole model in one run, from the input on.

        Args:
            kept: the edges kept, of the shape of ``kept``.
        """
        self._values, self._summed = CircuitValues(self._clean, self._columns), None
        values, removed = self._values, self._values.kept & ~kept
        if not removed.any():
            return
        values.kept[removed] = False
        trial = Trial((values.graph.logits,), [()])
        Propagation(values, trial, removed).run()
        self.accept(trial)
        values.changes = self._clean.changes_from(values.outputs())

    def snapshot(self) -> CircuitValues:
        """The present circuit and its values, for `restore`."""
        return self._values.copied()

    def restore(self, values: CircuitValues) -> None:
        """Make the circuit of a `snapshot` the present one again."""
        self._values, self._summed = values.copied(), None

    @torch.no_grad()
    def trial(self, into: tuple[int, ...], removed: Sequence[int], more: Sequence[int] = ()) -> Trial:
        """What the present circuit would give without some edges into a destination.

        The destination's sources must still write what they wrote at first: since then no destination in front of it
        has lost an edge.

        Args:
            into: the column of the destination; and the place, where edges are kept apart by it.
            removed: sources whose edges every variant removes; their edges are kept now.
            more: sources that are removed one after the other: variant i removes the first i + 1 of them too. Without
                any, there is one variant.
        """
        read = self._without(into, removed)
        variants, reads = [tuple(removed)], [read]
        for source in more:
            read = read + self._values.change(source, into[0], self._where(into))
            variants.append((*variants[-1], source))
            reads.append(read)
        if more:
            variants, reads = variants[1:], reads[1:]
        trial = Trial(into, variants, reads={into[0]: torch.cat(reads)})
        Propagation(self._values, trial).run()
        return trial

    def accept(self, trial: Trial, variant: int = 0) -> None:
        """Make one variant of a trial the present circuit."""
        self._summed = None
        values, rows = self._values, len(self._clean.baseline.ids)
        mine = slice(variant * rows, (variant + 1) * rows)
        self._kept_into(trial.into)[list(trial.variants[variant])] = False
        values.logits = trial.logits[variant]
        values.reads.update({column: read[mine] for column, read in trial.reads.items()})
        values.projected.update({module: output[mine] for module, output in trial.projected.items()})
        for layer, z in trial.z.items():
            values.z[layer] = z[mine]
        for layer, out in trial.mlps.items():
            values.mlps[layer] = out[mine]

    def drop(self, into: tuple[int, ...]) -> None:
        """Remove all edges into a destination whose node nobody reads: nothing changes but the circuit."""
        self._kept_into(into)[:] = False
        if not self._values.kept[:, into[0]].any():
            self._values.reads.pop(into[0], None)

    def is_read(self, into: tuple[int, ...]) -> bool:
        """Whether any kept edge leads on from the node that a destination belongs to, or from one that it scales.

        At a place, from what the node writes there; a head that reads a key or a value there may write what it gathers
        of it anywhere, and ``logits`` are read where the metric reads them.
        """
        graph, (column, *place) = self._values.graph, into
        if column == graph.logits:
            return not place or bool(self._places.mask(place[0], at_answers=True).any())
        nodes = self._clean.with_peers(np.flatnonzero(graph.reads[:, column]).tolist())
        leading = self._values.kept[nodes]
        return bool((leading[..., place[0]] if place and not graph.moved[column] else leading).any())

    def _kept_into(self, into: tuple[int, ...]) -> BoolArray:
        """Which edges into a destination are kept, ``[n_sources]``; a view."""
        kept = self._values.kept[:, into[0]]
        return kept[:, into[1]] if len(into) > 1 else kept

    @property
    def _places(self) -> TokenPlaces:
        places = self._clean.baseline.places
        assert places is not None
        return places

    def _where(self, into: tuple[int, ...]) -> Places:
        """The place as one of all."""
        return np.arange(self._places.n) == into[1] if len(into) > 1 else np.bool_(True)

    def _without(self, into: tuple[int, ...], removed: Sequence[int]) -> Tensor:
        """What a destination reads without some sources; always summed in their order, so always the same bits."""
        known, read = 0, self._values.reading(into[0])
        if self._summed is not None:
            at, sources, summed = self._summed
            if at == into and tuple(removed[: len(sources)]) == sources:
                known, read = len(sources), summed
        for source in removed[known:]:
            read = read + self._values.change(source, into[0], self._where(into))
        self._summed = (into, tuple(removed), read)
        return read
