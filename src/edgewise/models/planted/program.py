"""The computation that is planted, as a small program in float64, before it is made into a transformer.

A *signal* is one number a position. ``input`` writes `CHANNELS` signals, looked up by token; every head and every MLP
writes one. With ``w[p, v]`` the weight with which destination v reads signal p, and ``b[v]`` its bias, v reads

    in_v = b[v] + sum over p of w[p, v] * signal_p            at every position.

1. Head h:  a = softmax over j <= i of q_i k_j,  signal_h at i = sum over j of a_ij v_j,  with q, k, v read as above.
2. MLP m:   signal_m = gelu(in_m), in the tanh form that GPT-2 uses.
3. Logits:  x = in_logits;  the right answer's logit is x, the wrong one's is -x, every other token's is 0.

Patching edge u -> v replaces u's signals by those of the corrupted prompt in ``in_v`` and nowhere else. Its effect is
the mean over prompts of (2 x patched - 2 x clean): 2 x is the logit difference.

A node is *live* if the logits read it, or a live node does. The circuit is every edge u -> v for which v reads a
signal of u with a weight that is not zero and v is the logits or an input of a live node. All other edges have an
effect of exactly zero here, alone and together: either v does not read u at all, or v's node writes a signal that
never reaches the logits. Such a node is not silent: it reads, and what it writes differs between prompts, but nothing
that counts reads it. So the truth is one set of edges, whatever else is patched beside them: resample ablation of all
edges outside the circuit at once changes no logit. This says nothing of other replacements (see ``weights``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from edgewise.graph import Circuit, Graph
from edgewise.graph.arrays import BoolArray, FloatArray, read_only

IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.integer[Any]]]

CHANNELS = 3


@dataclass(frozen=True)
class Patch:
    """One edge along which other signals are read.

    Args:
        row: the source.
        column: the destination.
        signals: what is read of the source instead, `[signal, prompt, pos]`.
    """

    row: int
    column: int
    signals: FloatArray


@dataclass(frozen=True, eq=False)
class PlantedProgram:
    """Wiring and weights; the arrays are copied and read-only.

    Args:
        graph: the nodes.
        embedding: signals of the input, `[vocab, CHANNELS]`.
        weights: how strongly each destination reads each signal, `[signal, destination]`.
        biases: `[destination]`.
    """

    graph: Graph
    embedding: FloatArray
    weights: FloatArray
    biases: FloatArray

    def __post_init__(self) -> None:
        """Copy and freeze the arrays."""
        for name in ("embedding", "weights", "biases"):
            object.__setattr__(self, name, read_only(np.array(getattr(self, name), dtype=np.float64)))

    def reads(self) -> BoolArray:
        """Which destinations read which sources, bool `[source, destination]`; those of unread nodes included."""
        read = self.weights != 0
        return np.asarray(np.concatenate([read[:CHANNELS].any(0, keepdims=True), read[CHANNELS:]]), dtype=np.bool_)

    def live(self) -> BoolArray:
        """Which sources reach the logits, bool `[source]`."""
        reads = self.reads()
        live: BoolArray = np.array(reads[:, self.graph.logits])
        for row in range(self.graph.n_sources - 1, 0, -1):  # a source reads earlier ones alone
            if live[row]:
                live |= (reads & self.graph.reads[row]).any(1)
        return live

    def circuit(self) -> Circuit:
        """The edges with an effect."""
        serves_live: BoolArray = np.array((self.graph.reads & self.live()[:, None]).any(0))
        serves_live[self.graph.logits] = True
        return Circuit(self.graph, self.reads() & serves_live)

    def signals(self, tokens: IntArray) -> FloatArray:
        """What every source writes for token ids `[prompt, pos]`: `[signal, prompt, pos]`."""
        return self._run(tokens, None, np.ones(self.graph.n_sources, dtype=np.bool_))[0]

    def answer(self, tokens: IntArray, patch: Patch | None = None) -> FloatArray:
        """The right answer's logit x at every position, `[prompt, pos]`."""
        return self._run(tokens, patch, self.live())[1]

    def _run(self, tokens: IntArray, patch: Patch | None, computed: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Signals and x; the signals of sources that are not to be computed stay zero."""
        graph, signals = self.graph, np.zeros((signal_count(self.graph), *tokens.shape))
        signals[signals_of(0)] = np.moveaxis(self.embedding[tokens], -1, 0)
        for layer in range(graph.spec.n_layers):
            for head, row in enumerate(range(graph.n_sources)[graph.head_sources(layer)]):
                if computed[row]:
                    q, k, v = (self._read(at.start + head, signals, patch) for at in self._qkv(layer))
                    signals[signal_of(row)] = (attend(q, k) @ v[..., None])[..., 0]
            row = graph.mlp_source(layer)
            if computed[row]:
                signals[signal_of(row)] = gelu(self._read(graph.mlp(layer), signals, patch))
        return signals, self._read(graph.logits, signals, patch)

    def _qkv(self, layer: int) -> tuple[slice, slice, slice]:
        return self.graph.q(layer), self.graph.k(layer), self.graph.v(layer)

    def _read(self, column: int, signals: FloatArray, patch: Patch | None) -> FloatArray:
        if patch is not None and patch.column == column:
            at = signals_of(patch.row)
            signals = signals.copy()
            signals[at] = patch.signals[at]
        weights = self.weights[:, column]
        used = np.flatnonzero(weights)
        return np.asarray(self.biases[column] + np.tensordot(weights[used], signals[used], 1))


def signal_count(graph: Graph) -> int:
    """Number of signals of a program on this graph."""
    return CHANNELS + graph.n_sources - 1


def signal_of(row: int) -> int:
    """The signal that a source other than ``input`` writes."""
    return CHANNELS + row - 1


def signals_of(row: int) -> slice:
    """The signals that any source writes."""
    return slice(0, CHANNELS) if row == 0 else slice(signal_of(row), signal_of(row) + 1)


def attend(q: FloatArray, k: FloatArray) -> FloatArray:
    """Causal softmax of ``q_i k_j``, `[prompt, query, key]`."""
    scores = q[..., :, None] * k[..., None, :]
    scores = np.where(np.tri(q.shape[-1], dtype=np.bool_), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def gelu(x: FloatArray) -> FloatArray:
    """``x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))``: transformers' ``gelu_new``."""
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))
