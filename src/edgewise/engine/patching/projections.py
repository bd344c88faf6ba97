"""q, k and v of heads that each read a stream of their own, in the place of what the attention's modules make.

What all heads of a layer read is mixed together, whichever modules they belong to, when the first of these has run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.patching.differentiable import TracedMixture
from edgewise.engine.patching.mixture import Mixture
from edgewise.engine.patching.read_plan import Reading
from edgewise.engine.run.hooks import Hooks
from edgewise.models.norms import Norm
from edgewise.models.wiring import Projection


class Latest:
    """The stream that a norm was last given."""

    def __init__(self, hooks: Hooks, norm: Norm) -> None:
        self._seen: list[Tensor] = []
        hooks.before(norm.module, self._keep)

    def get(self) -> Tensor:
        """The stream, ``[rows, pos, d_model]``."""
        return self._seen[0]

    def _keep(self, stream: Tensor) -> None:
        self._seen[:] = [stream]


@dataclass(frozen=True)
class Part:
    """One of q, k and v, and the columns of its destinations in the graph."""

    projection: Projection
    at: slice


def fed(
    normed: Tensor, mixture: Mixture | TracedMixture, norm: Norm, reading: Reading, number: int, stream: Latest
) -> Tensor:
    """What one of a place's modules is given: for some masks, the normed stream with every source replaced."""
    wanted = reading.given[number].replaced
    if not any(wanted):
        return normed
    replaced = norm(mixture.replaced(reading, stream.get()).to(normed.dtype)).to(normed.device)
    rows = torch.tensor(wanted, device=normed.device).repeat_interleave(len(normed) // len(wanted))
    return torch.where(rows[:, None, None], replaced, normed)


def patch_projections(
    hooks: Hooks,
    mixture: Mixture | TracedMixture,
    norm: Norm,
    modules: Mapping[nn.Module, Sequence[Part]],
    reading: Reading,
) -> None:
    """Let the modules of one attention give each patched head what it makes of its own stream.

    A module most of whose heads are made so is given one token, for its output's width and type.

    Args:
        hooks: hooks on the borrowed model.
        mixture: what destinations read.
        norm: the norm in front of the modules.
        modules: each with its parts, in the graph's order.
        reading: how the attention's destinations are made.
    """
    heads = _PatchedHeads([part for some in modules.values() for part in some], mixture, norm, reading, hooks)
    for number, (module, some) in enumerate(modules.items()):
        if reading.given[number].patched:
            patched = _PatchedModule(heads, number, some)
            hooks.before(module, patched.before)
            hooks.after(module, patched.after)


class _PatchedHeads:
    """What the heads of one attention make of what they read, for all its modules at once."""

    def __init__(
        self,
        parts: Sequence[Part],
        mixture: Mixture | TracedMixture,
        norm: Norm,
        reading: Reading,
        hooks: Hooks,
    ) -> None:
        self.reading, self._parts, self._mixture, self._norm = reading, parts, mixture, norm
        self._stream = Latest(hooks, norm)
        self._made: dict[int, Tensor] = {}

    def values(self, part: Part, like: Tensor) -> Float[Tensor, "n tokens d_head"]:
        """Those of one part; the first call makes all."""
        if not self._made:
            every = _values(self._parts, self._mixture, self._norm, self.reading, self._stream.get(), like.dtype)
            self._made = {one.at.start: value for one, value in zip(self._parts, every, strict=True)}
        return self._made[part.at.start]

    def fed(self, normed: Tensor, number: int) -> Tensor:
        """What the module of a number is given."""
        return fed(normed, self._mixture, self._norm, self.reading, number, self._stream)


class _PatchedModule:
    """One module of an attention: what it is given, and what its output becomes."""

    def __init__(self, heads: _PatchedHeads, number: int, parts: Sequence[Part]) -> None:
        self._heads, self._number, self._parts = heads, number, parts
        self._instead = heads.reading.given[number].instead
        self._given: list[Tensor] = []

    def before(self, normed: Tensor) -> Tensor:
        self._given = [self._heads.fed(normed, self._number)]
        return self._given[0][:1, :1] if self._instead else self._given[0]

    def after(self, output: Tensor) -> Tensor:
        (given,), self._given = self._given, []
        shape = given.shape[:2]
        changed = output.new_empty(*shape, output.shape[-1]) if self._instead else output.clone()
        for part in self._parts:
            heads = _heads(part, self._heads.reading)
            if self._instead:
                _write_rest(part, heads, given, changed)
            if len(heads):
                by_head = self._heads.values(part, output).unflatten(1, shape)
                part.projection.view.write(changed, heads, by_head.permute(1, 2, 0, 3))
        return changed


def _write_rest(
    part: Part, made: Tensor, given: Float[Tensor, "rows pos d_model"], output: Float[Tensor, "rows pos width"]
) -> None:
    """Write into a module's output the heads that all read what it was given, in its place."""
    weight, bias = part.projection.weight(), part.projection.bias()
    is_rest = torch.ones(weight.shape[1], dtype=torch.bool, device=made.device)
    is_rest[made] = False
    rest = is_rest.nonzero()[:, 0]
    if len(rest):
        flat, columns = given.flatten(0, 1), weight[:, rest].flatten(1)
        values = flat @ columns if bias is None else torch.addmm(bias[rest].flatten(), flat, columns)
        part.projection.view.write(output, rest, values.view(*given.shape[:2], len(rest), -1))


def _values(
    parts: Sequence[Part],
    mixture: Mixture | TracedMixture,
    norm: Norm,
    reading: Reading,
    stream: Float[Tensor, "rows pos d_model"],
    dtype: torch.dtype,
) -> list[Float[Tensor, "n tokens d_head"]]:
    """What each part's heads make of what they read."""
    weights, biases, counts = [], [], []
    for part in parts:
        heads, weight, bias = _heads(part, reading), part.projection.weight().permute(1, 0, 2), part.projection.bias()
        weights.append(weight if len(heads) == len(weight) else weight[heads])
        biases.append(None if bias is None else bias[heads][:, None])
        counts.append(len(heads))
    pieces: list[list[Tensor]] = [[] for _ in parts]
    for read in mixture.reads(reading, stream):
        normed = norm(read.stream.to(dtype)).flatten(1, 2).split(counts)
        for some, own, weight, bias in zip(pieces, normed, weights, biases, strict=True):
            some.append(torch.bmm(own, weight) if bias is None else torch.baddbmm(bias, own, weight))
    return [torch.cat(some, 1) for some in pieces]


def _heads(part: Part, reading: Reading) -> Tensor:
    """Those of a part's heads that are made one by one."""
    mine = (reading.columns >= part.at.start) & (reading.columns < part.at.stop)
    heads: Tensor = reading.columns[mine] - part.at.start
    return heads
