"""Which circuits of heads and neurons an evaluation runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgewise.evaluation.sizes import FRACTIONS
from edgewise.graph.arrays import BoolArray
from edgewise.graph.neurons import NeuronCircuit, NeuronScores
from edgewise.graph.scores import Ranking

NODES, NEURONS = "nodes", "neurons"
EMPTY, CIRCUIT, COMPLEMENT = "nothing", "the circuit", "all but the circuit"
HEADS, WITH_HEADS = "every head", "the circuit and every head"


@dataclass(frozen=True, eq=False)
class KeyedMasks:
    """Circuits by number, each with what it is."""

    masks: tuple[tuple[tuple[Any, ...], BoolArray], ...]

    def __len__(self) -> int:
        """Number of circuits."""
        return len(self.masks)

    def kept(self, number: int) -> BoolArray:
        """The heads and neurons that a circuit keeps, ``[n_nodes]``."""
        return self.masks[number][1]

    def words(self, number: int) -> str:
        """A circuit in words, for messages."""
        return " ".join(map(str, self.masks[number][0]))


@dataclass(frozen=True, eq=False)
class NeuronCircuits:
    """The circuits of one evaluation, by number and by what they are.

    Args:
        circuit: the one that is evaluated.
        scores: by which the curve's are chosen; None for no curve.
        by: how.
        random: random circuits of each size.
        seed: of these.
    """

    circuit: NeuronCircuit
    scores: NeuronScores | None = None
    by: Ranking = "abs"
    random: int = 0
    seed: int = 0

    def masks(self) -> dict[tuple[Any, ...], BoolArray]:
        """What is kept, by what it is."""
        graph, kept = self.circuit.graph, self.circuit.mask
        heads = ~graph.is_neuron
        found: dict[tuple[Any, ...], BoolArray] = {
            (EMPTY,): np.zeros_like(kept),
            (CIRCUIT,): kept,
            (COMPLEMENT,): ~kept,
            (HEADS,): heads,
            (WITH_HEADS,): kept | heads,
        }
        if self.scores is None:
            return found
        rng = np.random.default_rng(abs(self.seed))
        for what in (NODES, NEURONS):
            for size in self.sizes(what):
                best = self._best(what, size)
                found[what, size] = best
                for number in range(self.random if size < self._total(what) else 0):
                    found[what, size, number] = self._like(best, rng)
        return found

    def sizes(self, what: str) -> tuple[int, ...]:
        """Those of the curve: the fractions of the MIB benchmark, at least one node, each once."""
        total = self._total(what)
        return tuple(dict.fromkeys(max(1, math.floor(fraction * total + 1e-9)) for fraction in FRACTIONS))

    def _total(self, what: str) -> int:
        return self.circuit.graph.n_nodes if what == NODES else self.circuit.graph.n_neurons

    def _best(self, what: str, size: int) -> BoolArray:
        """The best of all nodes; or the best neurons, and every head."""
        assert self.scores is not None
        if what == NODES:
            return self.scores.best(size, self.by).mask
        is_neuron = self.circuit.graph.is_neuron
        ranks = np.where(is_neuron, self.scores.ranking(self.by), -np.inf)
        kept = ~is_neuron
        kept[np.argsort(-ranks, kind="stable")[:size]] = True
        return kept

    def _like(self, best: BoolArray, rng: np.random.Generator) -> BoolArray:
        """As many heads and as many neurons, each as likely as any other."""
        is_neuron, kept = self.circuit.graph.is_neuron, np.zeros_like(best)
        for kind in (is_neuron, ~is_neuron):
            kept[rng.choice(np.flatnonzero(kind), int((best & kind).sum()), replace=False)] = True
        return kept
