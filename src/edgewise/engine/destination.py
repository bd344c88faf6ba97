"""What a destination's own norm does to a change of its input: from gradients behind the norm to edge scores.

With ``g`` the gradient at the norm's output, gain and centring applied, ``c`` the norm's (centred) input, ``s`` its
inverse scale, ``d_u`` a source's change (centred), ``D`` the width, per position:

    true       s (g . d_u - s^2 (c . g)(c . d_u) / D)      the norm's derivative
    frozen     s  g . d_u                                  its scale as a constant
    exact      s_u (c + d_u) . g - s c . g                 the norm itself, 1/s_u^2 = 1/s^2 + (2 c . d_u + |d_u|^2)/D
    secant     its finite difference to the reference run (`edgewise.engine.rules.statistics`)

With ``exact`` the edges into ``logits`` have their exact effects where L is linear in the logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.buffers import Buffers
from edgewise.engine.heads import rows_at_once
from edgewise.engine.products import edge_products
from edgewise.engine.ruled import Arrival
from edgewise.engine.rules.statistics import NormStatistics
from edgewise.engine.sources import SourceChanges
from edgewise.engine.tally import Tally
from edgewise.models.norms import Norm


class Destination(Enum):
    """The rules."""

    TRUE = "true"
    FROZEN = "frozen"
    EXACT = "exact"
    SECANT = "secant"


@dataclass(frozen=True)
class Weight:
    """How much an edge's score counts, by how large the source's change is beside that of the whole stream.

    ``w = min(1, factor |d_u| / |d|)``, with ``d`` the change of what the destination reads between the clean and the
    corrupted run, per position; or ``1 - w``.

    Args:
        factor: see above.
        of_small: count ``1 - w``.
    """

    factor: float
    of_small: bool


class Scorer:
    """Receives arrivals and adds edge scores to a tally.

    Args:
        rule: the destination rule.
        changes: ``o'_u - o_u`` of every source.
        tally: where scores go.
        buffers: memory to write into.
        weight: by the size of a source's change; for the exact rule.
    """

    def __init__(
        self,
        rule: Destination,
        changes: SourceChanges,
        tally: Tally,
        buffers: Buffers,
        weight: Weight | None = None,
    ) -> None:
        self._rule, self._changes, self._tally, self._buffers, self._weight = rule, changes, tally, buffers, weight

    def receive(self, at: Arrival) -> None:
        """Add the scores of one arrival's edges."""
        known = self._changes.at_answers if at.at_answers else self._changes.everywhere
        changes = known[: at.n_sources]
        own = _statistics(at.norm, at.stream, changes.dtype)
        ref = None if at.reference is None else _statistics(at.norm, at.reference, changes.dtype)
        for rows, behind in _behind(at, changes.dtype, self._buffers):
            scores = self._scores(own, ref, rows, behind, changes[:, rows])
            self._tally.add(rows, at.columns, scores)

    def _scores(
        self, own: NormStatistics | None, ref: NormStatistics | None, rows: slice, behind: Tensor, changes: Tensor
    ) -> Tensor:
        if own is None:  # a model without norms
            if self._rule is Destination.EXACT and self._weight is not None:
                return _weighted_products(behind, changes, self._weight)
            return edge_products(changes, behind)
        here = _rows(own, rows)
        if self._rule is Destination.EXACT:
            return _exact(here, behind, changes, self._weight)
        if self._rule is Destination.FROZEN:
            return edge_products(changes, here.scale * behind)
        if self._rule is Destination.TRUE or ref is None:
            return edge_products(changes, here.pull(behind))
        return edge_products(changes, here.secant(behind, _rows(ref, rows)))


def _statistics(norm: Norm, stream: Tensor, dtype: torch.dtype) -> NormStatistics | None:
    if not norm.scaled:
        return None
    return NormStatistics.of(stream.to(dtype), removes_mean=norm.centred, eps=norm.eps)


def _rows(of: NormStatistics, rows: slice) -> NormStatistics:
    return NormStatistics(of.centred[rows], of.scale[rows], of.removes_mean)


def _behind(
    at: Arrival, dtype: torch.dtype, buffers: Buffers
) -> Iterator[tuple[slice, Float[Tensor, "destination rows pos d_model"]]]:
    """The gradient behind the norm for each destination, gain and centring applied, a few prompts at a time."""
    if at.direct is not None:
        gain = at.norm.gain()
        gradient = at.direct.to(dtype)
        gradient = gradient if gain is None else gradient * gain.to(dtype)
        yield slice(None), (gradient - gradient.mean(-1, keepdim=True) if at.norm.centred else gradient)[None]
        return
    heads = [part.projection.view(part.gradient).permute(2, 0, 1, 3).to(dtype).contiguous() for part in at.heads]
    weights = [at.norm.fold(part.projection.weight().to(dtype)).permute(1, 2, 0) for part in at.heads]
    counts = [len(part) for part in heads]
    at_once = rows_at_once(at.stream)
    for first in range(0, len(at.stream), at_once):
        rows = slice(first, min(first + at_once, len(at.stream)))
        shape = (sum(counts), *at.stream[rows].shape)
        behind = buffers.take("gradients", shape, at.stream, dtype)
        for part, weight, into in zip(heads, weights, behind.split(counts), strict=True):
            torch.bmm(part[:, rows].flatten(1, 2), weight, out=into.flatten(1, 2))
        yield rows, behind


def _exact(
    own: NormStatistics,
    behind: Float[Tensor, "destination rows pos d_model"],
    changes: Float[Tensor, "source rows pos d_model"],
    weight: Weight | None,
) -> Float[Tensor, "rows source destination"]:
    """The norm's own change, position by position; one more column of the product gives ``c . d_u``."""
    n_rows, pos, width = behind.shape[1:]
    centred = own.centred.expand(1, n_rows, pos, width)
    products = _by_token(changes, torch.cat([behind, centred]))
    along, toward = products[..., :-1], products[..., -1:]
    size = _squares(changes, own.removes_mean)
    scale = own.scale.reshape(-1, 1, 1)
    # Rounding must not take the square below what it can be.
    square = (scale**-2 + (2 * toward + size) / width).clamp_min(torch.finfo(scale.dtype).tiny)
    patched = square.rsqrt()
    base = (behind * own.centred).sum(-1).flatten(1).T[:, None]
    scores = along * patched + base * (patched - scale)
    if weight is not None:
        scores = scores * _share(weight, changes, size, own.removes_mean)
    return _over_positions(scores, n_rows)


def _weighted_products(behind: Tensor, changes: Tensor, weight: Weight) -> Tensor:
    scores = _by_token(changes, behind) * _share(weight, changes, _squares(changes, False), False)
    return _over_positions(scores, behind.shape[1])


def _over_positions(
    scores: Float[Tensor, "token source destination"], n_rows: int
) -> Float[Tensor, "rows source destination"]:
    return scores.view(n_rows, -1, *scores.shape[1:]).sum(1)


def _by_token(
    changes: Float[Tensor, "source rows pos d_model"], behind: Float[Tensor, "destination rows pos d_model"]
) -> Float[Tensor, "token source destination"]:
    """The dot products of every source's change with every destination's gradient, token by token."""
    return torch.bmm(changes.flatten(1, 2).transpose(0, 1), behind.flatten(1, 2).permute(1, 2, 0))


def _squares(changes: Float[Tensor, "source rows pos d_model"], centred: bool) -> Float[Tensor, "token source one"]:
    """``|d_u|^2``, without the mean where the norm removes it."""
    size: Tensor = torch.linalg.vector_norm(changes, dim=-1).square()
    if centred:
        size = size - changes.shape[-1] * changes.mean(-1).square()
    return size.flatten(1).T[..., None]


def _share(weight: Weight, changes: Tensor, size: Tensor, centred: bool) -> Float[Tensor, "token source one"]:
    whole = changes.sum(0)
    whole = whole - whole.mean(-1, keepdim=True) if centred else whole
    length: Tensor = torch.linalg.vector_norm(whole, dim=-1).reshape(-1, 1, 1)
    share: Tensor = (
        weight.factor * size.clamp_min(0).sqrt() / length.clamp_min(torch.finfo(length.dtype).tiny)
    ).clamp_max(1.0)
    return 1 - share if weight.of_small else share
