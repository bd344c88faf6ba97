"""The edges of a few neurons: into each from every source, out of it to every destination, and among themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgewise.errors import ScoreError, SelectionError
from edgewise.graph.arrays import BoolArray, FloatArray, read_only
from edgewise.graph.graph import Graph
from edgewise.graph.ranked import RankedScore, RankedScores

__all__ = ["NeuronEdges"]


@dataclass(frozen=True, eq=False, repr=False)
class NeuronEdges:
    """Scores of edges such as ``a0.h1->m5.n123``, ``m5.n123->a7.h2<q>`` and ``m2.n8->m5.n123``.

    Args:
        graph: of the model: its sources and destinations.
        neurons: the names of the neurons, in their order in the model.
        into: mean over prompts of the signed score, ``[n_neurons, n_sources + n_neurons]``: from every source, then
            from every one of the neurons. What stands where no edge exists does not matter; it becomes NaN.
        out_of: likewise ``[n_neurons, n_destinations]``.
        into_stderr: standard errors of these means.
        out_of_stderr: likewise.

    Raises:
        ScoreError: a wrong shape, or a score that is not finite.
    """

    graph: Graph
    neurons: tuple[str, ...]
    into: FloatArray
    out_of: FloatArray
    into_stderr: FloatArray
    out_of_stderr: FloatArray

    def __post_init__(self) -> None:
        """Copy, check and freeze the arrays."""
        for name, exists in (("into", self.into_exists), ("out_of", self.out_of_exists)):
            for field in (name, f"{name}_stderr"):
                array = np.array(getattr(self, field))
                if array.shape != exists.shape:
                    raise ScoreError(f"{field} has shape {list(array.shape)}; these neurons need {list(exists.shape)}")
                array[~exists] = np.nan
                if field == name and not np.isfinite(array[exists]).all():
                    raise ScoreError(f"{field}: a score is not finite; try dtype float32")
                object.__setattr__(self, field, read_only(array))

    @property
    def into_exists(self) -> BoolArray:
        """Which edges into the neurons there are."""
        graph, layers = self.graph, [_layer(name) for name in self.neurons]
        before = np.array([graph.sources_before_mlp(layer) for layer in layers])
        of_sources = np.arange(graph.n_sources) < before[:, None]
        return np.hstack([of_sources, np.array(layers) < np.array(layers)[:, None]])

    @property
    def out_of_exists(self) -> BoolArray:
        """Which edges out of the neurons there are: those of their MLPs."""
        mask: BoolArray = self.graph.mask[[self.graph.mlp_source(_layer(name)) for name in self.neurons]]
        return mask

    def __getitem__(self, name: str) -> float:
        """Return the score of an edge, in units of the metric. Raises SelectionError where there is none such."""
        for row in self:
            if row.name == name:
                return row.score
        raise SelectionError(f"no edge '{name}' of the neurons {', '.join(self.neurons)}")

    def __iter__(self) -> Iterator[RankedScore]:
        """Go through all edges, neuron after neuron, those into it first; one between two neurons once."""
        for number in range(len(self.neurons)):
            yield from self._into(number)
            yield from self._out_of(number)

    def __len__(self) -> int:
        """Number of edges."""
        return int(self.into_exists.sum() + self.out_of_exists.sum())

    def best_into(self, neuron: str, n: int = 10) -> RankedScores:
        """Return the ``n`` edges into a neuron of largest size."""
        return _best(self._into(self._number(neuron)), n)

    def best_out_of(self, neuron: str, n: int = 10) -> RankedScores:
        """Return the ``n`` edges out of a neuron to destinations of largest size."""
        return _best(self._out_of(self._number(neuron)), n)

    def __repr__(self) -> str:
        """Show how many there are, and of which neurons."""
        return f"NeuronEdges({len(self):,} edges of {', '.join(self.neurons)})"

    def _number(self, neuron: str) -> int:
        if neuron not in self.neurons:
            raise SelectionError(f"no edges of '{neuron}' were scored; those of {', '.join(self.neurons)} were")
        return self.neurons.index(neuron)

    def _into(self, number: int) -> Iterator[RankedScore]:
        names, own = (*self.graph.sources, *self.neurons), self.neurons[number]
        return _rows([f"{name}->{own}" for name in names], self.into[number], self.into_stderr[number])

    def _out_of(self, number: int) -> Iterator[RankedScore]:
        own = self.neurons[number]
        names = [f"{own}->{name}" for name in self.graph.destinations]
        return _rows(names, self.out_of[number], self.out_of_stderr[number])


def _rows(names: list[str], scores: FloatArray, stderrs: FloatArray) -> Iterator[RankedScore]:
    for name, score, stderr in zip(names, scores.tolist(), stderrs.tolist(), strict=True):
        if not np.isnan(score):
            yield RankedScore(name, score, None if np.isnan(stderr) else stderr)


def _best(rows: Iterator[RankedScore], n: int) -> RankedScores:
    return RankedScores("edge", tuple(sorted(rows, key=lambda row: -abs(row.score))[:n]))


def _layer(name: str) -> int:
    found = re.fullmatch(r"m(\d+)\.n\d+", name)
    if found is None:
        raise SelectionError(f"'{name}' is no neuron; neurons are called m0.n0 and the like")
    return int(found[1])
