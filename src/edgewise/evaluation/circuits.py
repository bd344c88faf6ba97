"""Which circuits an evaluation runs, in which order, each made when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgewise.evaluation.sizes import FRACTIONS, Ladder
from edgewise.graph import Circuit
from edgewise.graph.arrays import BoolArray
from edgewise.settings.evaluation import EvaluationRequest

# A circuit by what it is: ("empty",), ("top", size), ("random", number, size), ("without", source, destination), and
# the number of the place behind these where edges have one.
Key = tuple[str | int, ...]
FULL: Key = ("full",)
EMPTY: Key = ("empty",)
CIRCUIT: Key = ("circuit",)
COMPLEMENT: Key = ("complement",)


@dataclass(frozen=True, eq=False)
class Circuits:
    """The circuits of an evaluation, by number and by key.

    The whole model is not among them: it is run with every micro-batch of prompts. Sizes that two fractions share are
    run once; those of no edge and of all edges are the empty circuit and the whole model.

    Args:
        circuit: what is evaluated.
        wanted: what is measured of it.
        ladder: circuits of growing size; None for no curve.
    """

    circuit: Circuit
    wanted: EvaluationRequest
    ladder: Ladder | None = None
    keys: tuple[Key, ...] = field(init=False)
    numbers: dict[Key, int] = field(init=False)
    _ranked: dict[int, npt.NDArray[np.uint8]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Number the circuits."""
        keys = (EMPTY, CIRCUIT, COMPLEMENT, *self._sizes(), *self._removals())
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "numbers", {key: number for number, key in enumerate(keys)})

    def __len__(self) -> int:
        """Number of circuits."""
        return len(self.keys)

    def at(self, size: int, number: int | None = None) -> Key:
        """The key of a circuit of the ladder, or of that of a random ranking."""
        if self.ladder is None or size == self.ladder.total:
            return FULL
        if size == 0:
            return EMPTY
        return ("top", size) if number is None else ("random", number, size)

    def kept(self, number: int) -> BoolArray:
        """The edges that a circuit keeps, in the shape of its mask."""
        kind, *rest = self.keys[number]
        given = [int(value) for value in rest]
        if kind == "empty":
            return np.zeros_like(self.circuit.mask)
        if kind == "complement":
            return self.circuit.complement().mask
        if kind == "without":
            mask: BoolArray = self.circuit.mask.copy()
            mask[tuple(given)] = False
            return mask
        if self.ladder is None or kind == "circuit":
            return self.circuit.mask
        # Ranking every edge takes longer than unpacking an eighth of a byte for each.
        if number not in self._ranked:
            ladder = self.ladder if kind == "top" else self.ladder.shuffled(self.wanted.seed, given[0])
            self._ranked[number] = np.packbits(ladder.circuit(given[-1]).mask)
        shape = self.circuit.mask.shape
        bits = np.unpackbits(self._ranked[number], count=self.circuit.mask.size)
        return np.asarray(bits.reshape(shape), dtype=np.bool_)

    def words(self, number: int) -> str:
        """A circuit in words, for messages."""
        key = self.keys[number]
        kind, *rest = key
        if kind == "without":
            return f"the circuit without {self.circuit.graph.edge_name(*map(int, rest))}"
        what = self.ladder.what if self.ladder else "edges"
        if kind == "top":
            return f"the best {rest[0]} {what}"
        if kind == "random":
            return f"{rest[1]} random {what}"
        return "the circuit" if key == CIRCUIT else f"the {kind} circuit"

    def _sizes(self) -> Iterator[Key]:
        if self.ladder is None:
            return
        sizes = dict.fromkeys(map(self.ladder.size, FRACTIONS))
        inner = [size for size in sizes if 0 < size < self.ladder.total]
        yield from (("top", size) for size in inner)
        yield from (("random", number, size) for number in range(self.wanted.random) for size in inner)

    def _removals(self) -> Iterator[Key]:
        if self.wanted.minimality:
            for at in np.argwhere(self.circuit.mask).tolist():
                key: Key = ("without", *at)
                yield key
