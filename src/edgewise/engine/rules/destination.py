"""What a destination's own norm does to a change of its input: from gradients behind the norm to edge scores.

With ``g`` the gradient at the norm's output, gain and centring applied, ``c`` the norm's (centred) input, ``s`` its
inverse scale, ``d_u`` a source's change (centred), ``D`` the width, per position:

    frozen     s  g . d_u                                  its scale as a constant
    exact      s_u (c + d_u) . g - s c . g                 the norm itself, 1/s_u^2 = 1/s^2 + (2 c . d_u + |d_u|^2)/D
    secant     its finite difference to the reference run (`edgewise.engine.rules.statistics`); without one the
               derivative, s (g . d_u - s^2 (c . g)(c . d_u) / D)

With ``exact`` the edges into ``logits`` have their exact effects where L is linear in the logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.gradients.edge_sums import Tally
from edgewise.engine.gradients.heads import rows_at_once
from edgewise.engine.gradients.products import edge_products
from edgewise.engine.rules.run import Arrival
from edgewise.engine.rules.statistics import NormStatistics
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.sources import ChangesThere, SourceChanges
from edgewise.models.norms import Norm


class Destination(Enum):
    """The rules."""

    FROZEN = "frozen"
    EXACT = "exact"
    SECANT = "secant"


@dataclass(frozen=True)
class Weight:
    """How much an edge's score counts, by how large the source's change is beside that of the whole stream.

    ``w = min(1, (factor |d_u| / |d|)^power)``, with ``d`` the change of what the destination reads between the clean
    and the corrupted run, per position; or ``1 - w``.

    Args:
        factor: see above.
        power: likewise.
        whole: a column whose ``w`` is 1 whatever the change.
        of_small: count ``1 - w``.
    """

    factor: float
    power: float
    whole: int
    of_small: bool

    def of(self, share: Float[Tensor, "*lead"], columns: slice) -> Float[Tensor, "*lead"]:
        """What counts, from ``|d_u| / |d|``."""
        large = torch.ones_like(share) if columns.start == self.whole else (self.factor * share).pow(self.power)
        large = large.clamp_max_(1.0)
        return 1 - large if self.of_small else large


class Scorer:
    """Receives arrivals and adds edge scores to a tally.

    Args:
        rule: the destination rule.
        geometry: ``o'_u - o_u`` of every source, and what is known of it.
        tally: where scores go.
        buffers: memory to write into.
        weight: by the size of a source's change; for the exact rule.
    """

    def __init__(
        self, rule: Destination, geometry: Geometry, tally: Tally, buffers: Buffers, weight: Weight | None = None
    ) -> None:
        self._rule, self._geometry, self._tally, self._buffers, self._weight = rule, geometry, tally, buffers, weight

    def receive(self, at: Arrival) -> None:
        """Add the scores of one arrival's edges."""
        dtype, there = self._geometry.dtype, self._geometry.read_by(at)
        own = _statistics(at.norm, at.stream, dtype)
        ref = None if at.reference is None else _statistics(at.norm, at.reference, dtype)
        if own is None and self._weight is None:  # a model without norms reads the stream itself
            own, rule = _unscaled(at.stream.to(dtype)), Destination.FROZEN
        else:
            rule = self._rule
        for rows, behind in _behind(at, dtype, self._buffers):
            here = None if own is None else own[rows]
            if rule is Destination.EXACT:
                for part in there:
                    self._tally.add(rows, at.columns, self._exact(at, part, here, rows, behind), part.first)
                continue
            assert here is not None
            gradient = _pulled(rule, here, ref and ref[rows], behind[:-1])
            for part in there:
                mine = part.changes(at)[:, rows]
                self._tally.add(rows, at.columns, edge_products(mine, gradient.to(mine.device)), part.first)

    def _exact(
        self, at: Arrival, part: Sizes, own: NormStatistics | None, rows: slice, behind: Tensor
    ) -> Float[Tensor, "rows source destination"]:
        """The norm's own change, position by position; one more column of the product gives ``c . d_u``."""
        changes, n_rows, key = part.changes(at)[:, rows], behind.shape[1], (at.columns.start, rows.start)
        here, behind = None if own is None else own.on(changes.device), behind.to(changes.device)
        size, patched = part.size(at, rows), part.patched.get(key)
        if here is None:
            scores = _by_token(changes, behind[:-1])
        elif patched is None:
            behind[-1] = here.centred
            products = _by_token(changes, behind)
            patched = part.patched[key] = _patched_scale(here, products[..., -1:], size)
            scores = products[..., :-1] * patched
        else:
            scores = _by_token(changes, behind[:-1]) * patched
        if here is not None and patched is not None:
            base = (behind[:-1] * here.centred).sum(-1).flatten(1).T[:, None]
            scores += base * (patched - here.scale.reshape(-1, 1, 1))
        if self._weight is not None:
            scores *= self._weight.of(self._geometry.share(at, rows, part), at.columns)
        return scores.view(n_rows, -1, *scores.shape[1:]).sum(1)


class Sizes:
    """How large the changes of one device's sources are, kept between backward passes.

    Args:
        there: these changes.

    Attributes:
        first: the first of the sources.
        patched: the scales of norms with each source patched, ``[token, source, 1]``, by column and first prompt.
        shares: ``|d_u| / |d|``, likewise.
    """

    def __init__(self, there: ChangesThere) -> None:
        self.first = there.first
        self.patched: dict[tuple[int, int | None], Tensor] = {}
        self.shares: dict[tuple[int, int | None], Tensor] = {}
        self._there = there
        self._sizes: dict[tuple[bool, bool], Tensor] = {}

    def changes(self, at: Arrival) -> Float[Tensor, "source batch read d_model"]:
        """Of the sources that an arrival's destinations read; of none, if all of them come later."""
        return self._there.of(at.at_answers)[: max(0, at.n_sources - self.first)]

    def size(self, at: Arrival, rows: slice) -> Float[Tensor, "token source one"]:
        """``|d_u|^2``, without the mean where the norm removes it."""
        key = at.at_answers, at.norm.scaled and at.norm.centred
        if key not in self._sizes:
            self._sizes[key] = _squares(self._there.of(at.at_answers), centred=key[1])
        return self._sizes[key][: len(self.changes(at)), rows].flatten(1).T[..., None]


class Geometry:
    """How large the sources' changes are, each device's on that device.

    Args:
        changes: ``o'_u - o_u`` of every source.

    Attributes:
        dtype: the accumulation type.
    """

    def __init__(self, changes: SourceChanges) -> None:
        self.dtype = changes.parts[0].at_answers.dtype
        self._parts = [Sizes(there) for there in changes.parts]

    def read_by(self, at: Arrival) -> list[Sizes]:
        """Those with sources that an arrival's destinations read."""
        return [part for part in self._parts if len(part.changes(at))]

    def share(self, at: Arrival, rows: slice, part: Sizes) -> Float[Tensor, "token source one"]:
        """``|d_u| / |d|``, d the sum of all changes that the destination reads."""
        key = at.columns.start, rows.start
        if key not in part.shares:
            size = part.size(at, rows)
            sums = [other.changes(at)[:, rows].sum(0).to(size.device) for other in self.read_by(at)]
            change = sums[0] if len(sums) == 1 else torch.stack(sums).sum(0)
            whole = _squares(change, centred=at.norm.scaled and at.norm.centred).reshape(-1, 1, 1)
            least = torch.finfo(whole.dtype).tiny
            part.shares[key] = (size / whole.clamp_min(least)).sqrt()
        return part.shares[key]


def _squares(x: Float[Tensor, "*lead d_model"], *, centred: bool) -> Float[Tensor, "*lead"]:
    size: Tensor = torch.linalg.vector_norm(x, dim=-1).square()
    return (size - x.shape[-1] * x.mean(-1).square()).clamp_min(0) if centred else size


def _pulled(rule: Destination, own: NormStatistics, ref: NormStatistics | None, behind: Tensor) -> Tensor:
    """The gradient at the norm's input."""
    if rule is Destination.FROZEN:
        return own.scale * behind
    return own.secant(behind, ref) if rule is Destination.SECANT and ref is not None else own.pull(behind)


def _patched_scale(own: NormStatistics, toward: Tensor, size: Tensor) -> Float[Tensor, "token source one"]:
    scale = own.scale.reshape(-1, 1, 1)
    # Rounding must not take the square below what it can be.
    square = scale**-2 + (2 * toward + size) / own.centred.shape[-1]
    return square.clamp_min_(torch.finfo(scale.dtype).tiny).rsqrt_()


def _unscaled(stream: Tensor) -> NormStatistics:
    return NormStatistics(stream, torch.ones_like(stream[..., :1]), removes_mean=False)


def _statistics(norm: Norm, stream: Tensor, dtype: torch.dtype) -> NormStatistics | None:
    if not norm.scaled:
        return None
    return NormStatistics.of(stream.to(dtype), removes_mean=norm.centred, eps=norm.eps)


def _behind(
    at: Arrival, dtype: torch.dtype, buffers: Buffers
) -> Iterator[tuple[slice, Float[Tensor, "destination rows pos d_model"]]]:
    """The gradient behind the norm for each destination, gain and centring applied, a few prompts at a time.

    Behind the last destination there is room for one more.
    """
    if at.direct is not None:
        gain, gradient = at.norm.gain(), at.direct.to(at.stream.device, dtype)
        gradient = gradient if gain is None else gradient * gain.to(dtype)
        behind = buffers.take("gradients", (2, *gradient.shape), gradient, dtype)
        behind[0] = gradient - gradient.mean(-1, keepdim=True) if at.norm.centred else gradient
        yield slice(0, len(gradient)), behind
        return
    heads = [part.projection.view(part.gradient).permute(2, 0, 1, 3).to(dtype).contiguous() for part in at.heads]
    weights = [at.norm.fold(part.projection.weight().to(dtype)).permute(1, 2, 0) for part in at.heads]
    counts = [len(part) for part in heads]
    at_once = rows_at_once(at.stream)
    for first in range(0, len(at.stream), at_once):
        rows = slice(first, min(first + at_once, len(at.stream)))
        shape = (sum(counts) + 1, *at.stream[rows].shape)
        behind = buffers.take("gradients", shape, at.stream, dtype)
        for part, weight, into in zip(heads, weights, behind[:-1].split(counts), strict=True):
            torch.bmm(part[:, rows].flatten(1, 2), weight, out=into.flatten(1, 2))
        yield rows, behind


def _by_token(
    changes: Float[Tensor, "source rows pos d_model"], behind: Float[Tensor, "destination rows pos d_model"]
) -> Float[Tensor, "token source destination"]:
    """The dot products of every source's change with every destination's gradient, token by token."""
    return torch.bmm(changes.flatten(1, 2).transpose(0, 1), behind.flatten(1, 2).permute(1, 2, 0))
