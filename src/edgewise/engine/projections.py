"""q, k and v of heads that each read a stream of their own, in the place of what the attention's modules make.

What all heads of a layer read is mixed together, whichever modules they belong to, when the first of these has run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.hooks import Hooks
from edgewise.engine.mixture import Mixture
from edgewise.engine.reading import Reading
from edgewise.engine.traced import TracedMixture
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
    replaced = norm(mixture.replaced(reading, stream.get()).to(normed.dtype))
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

    A module all of whose heads are made so is given one token, for its output's width and type.

    Args:
        hooks: hooks on the borrowed model.
        mixture: what destinations read.
        norm: the norm in front of the modules.
        modules: each with its parts, in the graph's order.
        reading: how the attention's destinations are made.
    """
    stream = Latest(hooks, norm)
    parts = [part for some in modules.values() for part in some]
    made: dict[int, Tensor] = {}

    def values(part: Part, like: Tensor) -> Tensor:
        if not made:
            every = _values(parts, mixture, norm, reading, stream.get(), like.dtype)
            made.update({one.at.start: value for one, value in zip(parts, every, strict=True)})
        return made[part.at.start]

    for number, (module, some) in enumerate(modules.items()):
        instead = reading.given[number].instead

        def before(normed: Tensor, number: int = number, instead: bool = instead) -> Tensor:
            return normed[:1, :1] if instead else fed(normed, mixture, norm, reading, number, stream)

        def after(output: Tensor, some: Sequence[Part] = some, instead: bool = instead) -> Tensor | None:
            chosen = [(part, heads) for part in some if len(heads := _heads(part, reading))]
            if not chosen:
                return None
            n_rows, length = stream.get().shape[:2]
            changed = output.new_empty(n_rows, length, output.shape[-1]) if instead else output.clone()
            for part, heads in chosen:
                by_head = values(part, output).unflatten(1, (n_rows, length))
                part.projection.view.write(changed, heads, by_head.permute(1, 2, 0, 3))
            return changed

        if reading.given[number].patched:
            hooks.before(module, before)
            hooks.after(module, after)


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
