"""A circuit that is changed from the output back: each change is carried on along kept edges alone.

While destinations are visited from ``logits`` back, every source in front of the one at hand still writes what it wrote
at first (in the clean run; or, where the search begins with some edges removed, in the run without them), and every
destination behind it reads the little that is kept. So the run of the present circuit is kept whole, and to remove
edges into v means:

    in_v' = in_v + sum over the removed u of (replacement_u - o_u)

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
from edgewise.engine.partial.circuit_values import CircuitValues
from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.partial.propagation import Propagation, Trial
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
        # The destination of the last trial, the sources that all its variants removed, and what was read then.
        self._summed: tuple[int, tuple[int, ...], Tensor] | None = None

    @property
    def kept(self) -> BoolArray:
        """The edges kept, ``[n_sources, n_destinations]``."""
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
            kept: the edges kept, ``[n_sources, n_destinations]``.
        """
        self._values, self._summed = CircuitValues(self._clean, self._columns), None
        values, removed = self._values, self._values.kept & ~kept
        if not removed.any():
            return
        values.kept[removed] = False
        trial = Trial(values.graph.logits, [()])
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
    def trial(self, column: int, removed: Sequence[int], more: Sequence[int] = ()) -> Trial:
        """What the present circuit would give without some edges into a destination.

        The destination's sources must still write what they wrote at first: since then no destination in front of it
        has lost an edge.

        Args:
            column: the destination.
            removed: sources whose edges every variant removes; their edges are kept now.
            more: sources that are removed one after the other: variant i removes the first i + 1 of them too. Without
                any, there is one variant.
        """
        read = self._without(column, removed)
        variants, reads = [tuple(removed)], [read]
        for source in more:
            read = read + self._values.change(source, column)
            variants.append((*variants[-1], source))
            reads.append(read)
        if more:
            variants, reads = variants[1:], reads[1:]
        trial = Trial(column, variants, reads={column: torch.cat(reads)})
        Propagation(self._values, trial).run()
        return trial

    def accept(self, trial: Trial, variant: int = 0) -> None:
        """Make one variant of a trial the present circuit."""
        self._summed = None
        values, rows = self._values, len(self._clean.baseline.ids)
        mine = slice(variant * rows, (variant + 1) * rows)
        values.kept[list(trial.variants[variant]), trial.column] = False
        values.logits = trial.logits[variant]
        values.reads.update({column: read[mine] for column, read in trial.reads.items()})
        values.projected.update({module: output[mine] for module, output in trial.projected.items()})
        for layer, z in trial.z.items():
            values.z[layer] = z[mine]
        for layer, out in trial.mlps.items():
            values.mlps[layer] = out[mine]

    def drop(self, column: int) -> None:
        """Remove all edges into a destination whose node nobody reads: nothing changes but the circuit."""
        self._values.kept[:, column] = False
        self._values.reads.pop(column, None)

    def is_read(self, column: int) -> bool:
        """Whether any kept edge leads on from the node that a destination belongs to, or from one that it scales."""
        graph = self._values.graph
        nodes = self._clean.with_peers(np.flatnonzero(graph.reads[:, column]).tolist())
        return column == graph.logits or bool(self._values.kept[nodes].any())

    def _without(self, column: int, removed: Sequence[int]) -> Tensor:
        """What a destination reads without some sources; always summed in their order, so always the same bits."""
        known, read = 0, self._values.reading(column)
        if self._summed is not None:
            at, sources, summed = self._summed
            if at == column and tuple(removed[: len(sources)]) == sources:
                known, read = len(sources), summed
        for source in removed[known:]:
            read = read + self._values.change(source, column)
        self._summed = (column, tuple(removed), read)
        return read
