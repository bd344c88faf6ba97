"""A program of lookups, as attention and MLPs compute them: what is written where, who reads it, and what counts.

At every position each *variable* holds one of `SIZE` values, or nothing. ``token`` holds the letter there and
``position`` its number, both written by ``input``; every head and every MLP writes one more.

1. Head ``out = v[k == q - step]``: at i, the value of v at the position j <= i whose k is q at i, less the step; where
   there is none it is nothing, where there are several it is their mixture.
2. MLP ``out = table[reads]``: a lookup by one or two variables.
3. The logits read one variable: its value is the next word.

Heads and MLPs that the program does not need are given lookups of their own, drawn at random, which read what the
others read and are read by each other, never by the program.

The circuit is every edge u -> v for which v is the logits or an input of a node that the answer depends on, and reads a
variable of u that depends on the prompt's letters. A variable that depends on positions alone is the same in the clean
and the corrupted prompt, so an edge that carries nothing else has no effect under resample ablation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from edgewise.graph import Circuit, Graph, GraphSpec
from edgewise.models.compiled.language import LETTERS, SIZE

HEADS = 4
TOKEN, POSITION = "token", "position"


@dataclass(frozen=True)
class Head:
    """``out = v[k == q - step]``.

    Args:
        out: the variable it writes.
        layer: of the head.
        head: its number.
        q: the variable that asks.
        k: the variable that is asked for.
        v: the variable that is copied.
        step: how much less than q's the value asked for is.
    """

    out: str
    layer: int
    head: int
    q: str
    k: str
    v: str
    step: int = 0

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Destination -> variables read there."""
        return {f"{self.source}<{part}>": (getattr(self, part),) for part in "qkv"}

    @property
    def source(self) -> str:
        """Name of the node."""
        return f"a{self.layer}.h{self.head}"


@dataclass(frozen=True)
class Lookup:
    """``out = table[inputs]``.

    Args:
        out: the variable it writes.
        layer: of the MLP.
        inputs: the variables it looks up by, one or two.
        table: values of the inputs -> value of the output; nothing where there is no row.
        otherwise: the output where the first input holds nothing.
    """

    out: str
    layer: int
    inputs: tuple[str, ...]
    table: Mapping[tuple[int, ...], int]
    otherwise: int | None = None

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Destination -> variables read there."""
        return {self.source: self.inputs}

    @property
    def source(self) -> str:
        """Name of the node."""
        return f"m{self.layer}"


@dataclass(frozen=True)
class CompiledProgram:
    """Heads and MLPs in the order in which they run, and the variable that the logits read."""

    name: str
    layers: int
    parts: tuple[Head | Lookup, ...]
    answer: str

    @property
    def graph(self) -> Graph:
        """The nodes of its model."""
        return Graph(GraphSpec(self.layers, HEADS, d_model(self)))

    @property
    def variables(self) -> tuple[str, ...]:
        """All of them, in the order in which the stream holds them."""
        return (TOKEN, POSITION, *(part.out for part in self.parts))

    def circuit(self) -> Circuit:
        """The edges with an effect."""
        by = {part.out: part for part in self.parts}
        source = {TOKEN: "input", POSITION: "input"} | {part.out: part.source for part in self.parts}
        varies = {TOKEN: True, POSITION: False}
        for part in self.parts:
            varies[part.out] = any(varies[one] for read in part.reads.values() for one in read)
        graph = self.graph
        mask, left = np.zeros(graph.mask.shape, dtype=np.bool_), [("logits", self.answer)]
        while left:
            destination, variable = left.pop()
            if varies[variable]:
                mask[graph.source_index(source[variable]), graph.destination_index(destination)] = True
                reads = by[variable].reads if variable in by else {}
                left += [(there, one) for there, read in reads.items() for one in read]
        return Circuit(graph, mask)


def d_model(program: CompiledProgram) -> int:
    """Width of its stream: a pair for each value of each variable, a third as many for the constant."""
    pairs = len(program.variables) * SIZE
    return 8 * -(-pairs // 3)


def with_idle(name: str, layers: int, needed: tuple[Head | Lookup, ...], answer: str) -> CompiledProgram:
    """The program of the parts that are needed and of random ones for every other head and MLP."""
    rng, taken, parts = Random(f"compiled/{name}"), {part.source: part for part in needed}, list[Head | Lookup]()
    letters = range(len(LETTERS))
    for layer in range(layers):
        before = [TOKEN, *(part.out for part in parts)]
        for head in range(HEADS):
            node = f"a{layer}.h{head}"
            asks, asked, copied = (rng.choice(before) for _ in range(3))
            parts.append(taken.get(node) or Head(f"idle {node}", layer, head, asks, asked, copied))
        node, read = f"m{layer}", rng.choice([TOKEN, *(part.out for part in parts)])
        shuffled: dict[tuple[int, ...], int] = {
            (one,): value for one, value in enumerate(rng.sample(letters, len(letters)))
        }
        parts.append(taken.get(node) or Lookup(f"idle {node}", layer, (read,), shuffled))
    return CompiledProgram(name, layers, tuple(parts), answer)
