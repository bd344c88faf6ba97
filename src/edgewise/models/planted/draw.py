"""From a seed to a program whose every planted edge has a clear effect.

1. Draw the shape: one of those with 50 to 800 edges.
2. Draw the wiring. Some nodes are eligible; the logits and eligible nodes read eligible nodes or the input alone, so
   that whatever is not eligible stays unread. Nodes that are not eligible read anything.
3. Draw weights, most of them positive: loud words make large signals and quiet ones small, all the way to the logits,
   so effects keep their sign from prompt to prompt and do not cancel.
4. Set the logits' bias half-way between the clean prompts of a sample and the corrupted ones.
5. Go back to 2 with the next attempt's randomness unless
   - the circuit has at least 12 edges of at least 8 of the 15 kinds, the kind whose turn it is with this seed among
     them, and at least two nodes are unread;
   - the worst clean prompt is above the best corrupted one, by `GAP` of the difference of their means;
   - every planted edge's effect is clear: its mean over the sample exceeds `MARGIN` by `ERRORS` standard errors of
     the mean of `PROMPTS` prompts.

Randomness is that of `random.Random`, which gives the same numbers on every machine. All numbers of a program are
multiples of 1/64, so they are the same in float32 and float64. How a machine rounds decides nothing but whether an
attempt passes whose effect lies within 1e-12 of the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

import numpy as np

from edgewise.errors import ModelError
from edgewise.graph import Circuit, Graph
from edgewise.graph.arrays import FloatArray
from edgewise.models.planted.language import ID, INSTRUMENTS, LONGEST, VOCABULARY, draw_sentence
from edgewise.models.planted.program import CHANNELS, IntArray, Patch, PlantedProgram, signal_count, signals_of
from edgewise.models.planted.shapes import shapes
from edgewise.models.word_tokenizer import PADDING

MARGIN, ERRORS, PROMPTS = 0.1, 4.0, 20
GAP = 0.25
LEAST_PLANTED, LEAST_KINDS, LEAST_UNREAD = 12, 8, 2
KINDS = tuple(f"{u}->{v}" for u in ("input", "head", "mlp") for v in ("q", "k", "v", "mlp", "logits"))
_ATTEMPTS = 20_000
_SAMPLE = 48
_GRID = 64
_SOURCE_KINDS = {"i": "input", "a": "head", "m": "mlp"}


@dataclass(frozen=True)
class _Role:
    """How destinations of one kind read.

    Args:
        total: about what their weights sum to.
        most: from how many sources they read at most.
        negative: the chance that a weight is negative.
        late: how much later sources are preferred.
    """

    total: float
    most: int
    negative: float = 0.0
    late: float = 0.0


_QUERY, _KEY, _VALUE = _Role(2.5, 2), _Role(2.5, 2, negative=0.15), _Role(1.0, 2)
_MLP, _LOGITS = _Role(1.5, 3, negative=0.1), _Role(4.0, 4, negative=0.2, late=0.3)
_ATTENDS, _ASKS = 0.7, 0.7  # chances that a head's keys depend on what it reads, and its queries too


@lru_cache(maxsize=32)
def draw_program(seed: int) -> PlantedProgram:
    """The program of a seed; equal seeds give equal programs on every machine.

    Raises:
        ModelError: no attempt was good enough (not known to happen).
    """
    graph = Graph(Random(f"planted/{seed}").choice(shapes()))
    for attempt in range(_ATTEMPTS):
        rng = Random(f"planted/{seed}/{attempt}")
        program = _Draw(rng, graph).program()
        if _is_varied(program, KINDS[seed % len(KINDS)]):
            fitted = _fitted(program, _Sample.draw(rng))
            if fitted is not None:
                return fitted
    raise ModelError(f"planted model of seed {seed}: no circuit found in {_ATTEMPTS} attempts; use another seed")


def kinds(circuit: Circuit) -> frozenset[str]:
    """The kinds of a circuit's edges, such as ``"head->q"`` or ``"mlp->logits"``."""
    ends = (name.split("->") for name in circuit.edges())
    return frozenset(f"{_SOURCE_KINDS[source[0]]}->{_destination_kind(destination)}" for source, destination in ends)


def _destination_kind(name: str) -> str:
    if name.endswith(">"):
        return name[-2]
    return "mlp" if name.startswith("m") else name


class _Draw:
    """Wiring and weights under way."""

    def __init__(self, rng: Random, graph: Graph) -> None:
        self._rng, self._graph = rng, graph
        is_mlp = [name.startswith("m") for name in graph.sources]
        head = min(0.6, 9 / graph.n_sources)  # larger circuits than that hardly ever come out clear
        self._eligible = np.array([True, *(rng.random() < (0.7 if mlp else head) for mlp in is_mlp[1:])])
        self._preference = np.where(is_mlp, graph.spec.n_heads / 2, 1.0)  # MLPs are few
        self._weights = np.zeros((signal_count(graph), graph.n_destinations))
        self._biases = np.zeros(graph.n_destinations)

    def program(self) -> PlantedProgram:
        """Draw everything but the logits' bias."""
        graph = self._graph
        for layer in range(graph.spec.n_layers):
            for head in range(graph.spec.n_heads):
                self._head(layer, head)
            column = graph.mlp(layer)
            self._read(column, _MLP, bool(self._eligible[graph.mlp_source(layer)]))
            self._biases[column] = self._number(-0.5, 0.0)
        self._read(graph.logits, _LOGITS, True)
        return PlantedProgram(graph, self._embedding(), self._weights, self._biases)

    def _head(self, layer: int, head: int) -> None:
        """Attention everywhere alike, to large keys alike from every query, or the more so the larger the query."""
        graph = self._graph
        q, k, v = (columns.start + head for columns in (graph.q(layer), graph.k(layer), graph.v(layer)))
        eligible = bool(self._eligible[graph.head_sources(layer).start + head])
        self._read(v, _VALUE, eligible)
        attends = self._rng.random() < _ATTENDS
        if attends:
            self._read(k, _KEY, eligible)
        if attends and self._rng.random() < _ASKS:
            self._read(q, _QUERY, eligible)
        else:
            self._biases[q] = self._number(1.0, 2.0)

    def _read(self, column: int, role: _Role, eligible: bool) -> None:
        """Let a destination read a few earlier sources, one signal of each."""
        rng = self._rng
        rows = np.flatnonzero(self._graph.mask[:, column] & (self._eligible | (not eligible))).tolist()
        n = min(len(rows), rng.randint(1, role.most))
        chosen: set[int] = set()
        while len(chosen) < n:
            chosen.update(rng.choices(rows, [self._preference[row] * (1 + role.late * row) for row in rows]))
        for row in sorted(chosen):
            sign = -1 if rng.random() < role.negative else 1
            signal = rng.choice(range(*signals_of(row).indices(len(self._weights))))
            self._weights[signal, column] = sign * self._number(0.8 * role.total / n, 1.2 * role.total / n)

    def _embedding(self) -> FloatArray:
        """Loud words near one, quiet ones near zero, all other tokens zero, `[vocab, CHANNELS]`."""
        embedding, n = np.zeros((len(VOCABULARY), CHANNELS)), len(INSTRUMENTS)
        embedding[-2 * n : -n] = [[self._number(0.0, 0.25) for _ in range(CHANNELS)] for _ in range(n)]
        embedding[-n:] = [[self._number(0.75, 1.25) for _ in range(CHANNELS)] for _ in range(n)]
        return embedding

    def _number(self, low: float, high: float) -> float:
        return self._rng.randint(round(low * _GRID), round(high * _GRID)) / _GRID


@dataclass(frozen=True, eq=False)
class _Sample:
    """Prompts to measure a program on: ids `[prompt, pos]`, right-padded, and the last position of each."""

    clean: IntArray
    corrupted: IntArray
    last: IntArray

    @classmethod
    def draw(cls, rng: Random) -> _Sample:
        """Draw `_SAMPLE` prompts; what follows the last position changes nothing there, attention being causal."""
        sentences = [draw_sentence(rng) for _ in range(_SAMPLE)]
        clean, corrupted = np.full((2, _SAMPLE, LONGEST), ID[PADDING])
        for row, sentence in enumerate(sentences):
            clean[row, : len(sentence.clean)] = sentence.clean
            corrupted[row, : len(sentence.corrupted)] = sentence.corrupted
        return cls(clean, corrupted, np.array([len(sentence.clean) - 1 for sentence in sentences]))

    def read(self, x: FloatArray) -> FloatArray:
        """The value at each prompt's last position."""
        return np.asarray(x[np.arange(len(x)), self.last])


def _is_varied(program: PlantedProgram, kind: str) -> bool:
    circuit = program.circuit()
    found = kinds(circuit)
    unread = int((~program.live()[1:]).sum())
    enough = circuit.n_edges >= LEAST_PLANTED and len(found) >= LEAST_KINDS and unread >= LEAST_UNREAD
    return enough and kind in found


def _with_bias(program: PlantedProgram, bias: float) -> PlantedProgram:
    biases = program.biases.copy()
    biases[program.graph.logits] = bias
    return replace(program, biases=biases)


def _fitted(program: PlantedProgram, sample: _Sample) -> PlantedProgram | None:
    """The program with the bias of its logits, or None if clean prompts or an effect do not stand out."""
    clean, corrupted = (sample.read(program.answer(tokens)) for tokens in (sample.clean, sample.corrupted))
    gap = clean.min() - corrupted.max()
    if gap < GAP * (clean.mean() - corrupted.mean()):
        return None
    bias = -round((clean.min() + corrupted.max()) / 2 * _GRID) / _GRID
    signals = program.signals(sample.corrupted)
    for row, column in np.argwhere(program.circuit().mask).tolist():
        effects = 2 * (sample.read(program.answer(sample.clean, Patch(row, column, signals))) - clean)
        if abs(effects.mean()) < MARGIN + ERRORS * effects.std() / PROMPTS**0.5:
            return None
    return _with_bias(program, bias)
