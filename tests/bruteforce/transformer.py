"""A transformer in which every edge of the computational graph is its own tensor.

A destination (each head's q, k and v input by itself, each MLP, the logits) does not read a residual stream.
It adds up its own list of edge tensors `[batch, pos, d_model]`, one for each earlier source, and the
constants that belong to no source (biases of earlier attention output projections), and applies the norm:

    in_v = constants + sum over u of edge(u, v)
    edge(u, v) = o_u + mask[u, v] * (replacement_u - o_u)      o_u: the output of u in this very run

So autograd gives dL/d(edge) with no argument about shared endpoints, and any set of edges can be patched,
wholly (mask 1) or by a fraction. A mask may differ from row to row of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bruteforce.parts import Attention, Mlp, NoNorm, Norm, Rotary, together

Edge = tuple[str, str]


@dataclass(frozen=True)
class Block:
    attention_norm: Norm | NoNorm
    attention: Attention
    mlp_norm: Norm | NoNorm | None = None
    mlp: Mlp | None = None
    mlp_after: Norm | None = None


@dataclass(frozen=True)
class Transformer:
    """Weights and wiring.

    `parallel`: attention and MLP of a block read the same sources. `query_key_positions` (shortformer) are added to
    what queries and keys read, after the norm; `positions` to the embedding. `softcap` bounds the logits.
    """

    embedding: Float[Tensor, "vocab d_model"]
    blocks: tuple[Block, ...]
    final_norm: Norm | NoNorm
    unembedding: Float[Tensor, "d_model vocab"]
    positions: Float[Tensor, "max_pos d_model"] | None = None
    rotary: Rotary | None = None
    unembedding_bias: Float[Tensor, " vocab"] | None = None
    parallel: bool = False
    causal: bool = True
    query_key_positions: Float[Tensor, "max_pos d_model"] | None = None
    softcap: float | None = None

    def logits(self, stream: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos vocab"]:
        """What the final norm and the unembedding make of a stream."""
        logits = self.final_norm(stream) @ self.unembedding
        logits = logits if self.unembedding_bias is None else logits + self.unembedding_bias
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """`input`, then layer by layer the heads and the MLP."""
        names = ["input"]
        for layer, block in enumerate(self.blocks):
            names += head_names(block, layer)
            names += [f"m{layer}"] if block.mlp is not None else []
        return tuple(names)

    @cached_property
    def destinations(self) -> tuple[str, ...]:
        """Layer by layer all q, all k, all v, then the MLP; `logits` last."""
        names: list[str] = []
        for layer, block in enumerate(self.blocks):
            for letter in "qkv":
                names += [f"{name}<{letter}>" for name in reader_names(block, layer, letter)]
            names += [f"m{layer}"] if block.mlp is not None else []
        return (*names, "logits")

    @cached_property
    def places(self) -> dict[Edge, tuple[int, int]]:
        """Where an edge stands in a mask; pairs that are no edge have a place too."""
        return {(s, d): (i, j) for i, s in enumerate(self.sources) for j, d in enumerate(self.destinations)}


@dataclass(frozen=True)
class Patch:
    """How far each edge is replaced, and each source's replacement `[batch, pos, d_model]`.

    The mask, `[source, destination]` or one a row of the batch, holds 0 (current output) to 1 (replacement);
    numbers outside that range go on along the same line. One a row may have a fourth axis, of positions, and a fifth,
    of the positions of readers: then each query reads keys and values that are made for it alone.
    """

    mask: Float[Tensor, "*batch source destination"]
    replacements: Mapping[str, Float[Tensor, "batch pos d_model"]]


@dataclass(frozen=True)
class Run:
    """What one forward pass computed. `inputs` is what each destination read, before its norm."""

    logits: Float[Tensor, "batch pos vocab"]
    outputs: Mapping[str, Float[Tensor, "batch pos d_model"]]
    edges: Mapping[Edge, Float[Tensor, "batch pos d_model"]]
    inputs: Mapping[str, Float[Tensor, "batch pos d_model"]]
    patterns: Mapping[str, Float[Tensor, "batch query key"]]


def run(model: Transformer, tokens: Int[Tensor, "batch pos"], patch: Patch | None = None) -> Run:
    """Run the model; with gradients enabled, anything computed from the logits has one for every edge."""
    return _Pass(model, patch).forward(tokens)


def head_names(block: Block, layer: int) -> list[str]:
    return [f"a{layer}.h{head}" for head in range(len(block.attention.q))]


def reader_names(block: Block, layer: int, letter: str) -> list[str]:
    """The heads that own a layer's q, k or v inputs; key/value heads are named `kv` where they are shared."""
    attention = block.attention
    if letter == "q" or len(attention.k) == len(attention.q):
        return head_names(block, layer)
    return [f"a{layer}.kv{group}" for group in range(len(attention.k))]


@dataclass
class _Pass:
    """One forward pass under way: what has been written so far, in order."""

    model: Transformer
    patch: Patch | None
    outputs: dict[str, Tensor] = field(default_factory=dict)
    edges: dict[Edge, Tensor] = field(default_factory=dict)
    inputs: dict[str, Tensor] = field(default_factory=dict)
    patterns: dict[str, Tensor] = field(default_factory=dict)
    constants: list[Tensor] = field(default_factory=list)
    reader: int | None = None

    def forward(self, tokens: Tensor) -> Run:
        model = self.model
        embedded = model.embedding[tokens]
        if model.positions is not None:
            embedded = embedded + model.positions[: tokens.shape[1]]
        # A leaf, so that every edge downstream has a gradient although no weight has one.
        self.outputs["input"] = embedded.detach().requires_grad_(torch.is_grad_enabled())
        for layer, block in enumerate(model.blocks):
            self._block(layer, block)
        logits = model.logits(self._read("logits", list(self.outputs), self.constants))
        return Run(logits, self.outputs, self.edges, self.inputs, self.patterns)

    def _block(self, layer: int, block: Block) -> None:
        earlier, constants = list(self.outputs), list(self.constants)
        self.outputs.update(self._heads(layer, block, earlier, constants))
        if block.attention.output_bias is not None:
            self.constants.append(block.attention.output_bias)
        if block.mlp is None or block.mlp_norm is None:
            return
        if not self.model.parallel:
            earlier, constants = list(self.outputs), list(self.constants)
        thought = block.mlp(block.mlp_norm(self._read(f"m{layer}", earlier, constants)))
        self.outputs[f"m{layer}"] = thought if block.mlp_after is None else block.mlp_after(thought)

    def _heads(self, layer: int, block: Block, earlier: list[str], constants: list[Tensor]) -> dict[str, Tensor]:
        attention, turn = block.attention, self.model.rotary or (lambda x: x)

        def project(letter: str) -> list[Tensor]:
            owners = reader_names(block, layer, letter)
            reads = [self._read(f"{owner}<{letter}>", earlier, constants) for owner in owners]
            normed = [block.attention_norm(x) for x in reads]
            if letter != "v" and self.model.query_key_positions is not None:
                normed = [x + self.model.query_key_positions[: x.shape[1]] for x in normed]
            return [p(x) for p, x in zip(getattr(attention, letter), normed, strict=True)]

        q = [turn(x) for x in together(attention.q_norm, project("q"))]

        def gathered() -> list[Tensor]:
            k = [turn(x) for x in together(attention.k_norm, project("k"))]
            v, patterns = project("v"), attention.patterns(q, k, self.model.causal)
            self.patterns.update(zip(names, patterns, strict=True))
            return [pattern @ v[attention.group_of(head)] for head, pattern in enumerate(patterns)]

        names = head_names(block, layer)
        if self.patch is None or self.patch.mask.ndim < 5:
            return dict(zip(names, attention.write(gathered()), strict=True))
        by_reader = []
        for self.reader in range(q[0].shape[1]):
            by_reader.append([z[:, self.reader] for z in gathered()])
        self.reader = None
        return dict(zip(names, attention.write([torch.stack(z, 1) for z in zip(*by_reader, strict=True)]), strict=True))

    def _read(self, destination: str, earlier: list[str], constants: list[Tensor]) -> Tensor:
        total = torch.zeros_like(self.outputs["input"])
        for constant in constants:
            total = total + constant
        for source in earlier:
            edge = self._edge(source, destination)
            self.edges[source, destination] = edge
            total = total + edge
        self.inputs[destination] = total
        return total

    def _edge(self, source: str, destination: str) -> Tensor:
        current = self.outputs[source]
        if self.patch is None:
            return current.clone()
        i, j = self.model.places[source, destination]
        mask = self.patch.mask
        if mask.ndim > 4:
            moved = destination.endswith(("<k>", "<v>"))
            of_edge = mask[:, i, j, :, self.reader] if moved else mask[:, i, j].diagonal(dim1=1, dim2=2)
            amount = of_edge[..., None]
        else:
            amount = mask[:, i, j, :, None] if mask.ndim > 3 else mask[..., i, j].reshape(-1, 1, 1)
        return current + amount * (self.patch.replacements[source] - current)
