"""What the destinations of a patched run read, worked out from the masks alone before the run begins.

A destination reads one of two streams, plus or minus the changes of some sources:

    in_v = stream           + sum over u of  mask[u, v]      (replacement_u - o_u)
         = replaced stream  + sum over u of (mask[u, v] - 1) (replacement_u - o_u)

where the replaced stream carries every source's replacement. Circuits are sparse, or their complements are: the stream
is chosen that leaves few sources to add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from edgewise.graph import Graph

Mask = Bool[Tensor, "masks source destination *place"] | Float[Tensor, "masks source destination *place"]

# A column begins with the replaced stream where it has this many times more patched edges than unpatched ones: that
# stream has to be kept, by the price of one output projection a layer.
MANY_TIMES = 4
# A module that would make this share of its heads in vain is not run: the rest is made by a smaller product.
IN_VAIN = 0.2
# Of the entries that are not zero, above which a dense product is faster than adding row by row.
DENSE = 0.3


@dataclass(frozen=True)
class Given:
    """What one module at a place is given to read.

    Args:
        patched: whether any of its destinations is; else it is left alone.
        replaced: for each mask, whether it is given the stream with every source replaced.
        instead: whether so many of its destinations are made one by one that it need not run.
    """

    patched: bool
    replaced: tuple[bool, ...]
    instead: bool


@dataclass(frozen=True)
class Reading:
    """How the destinations of one place in the model are made.

    Args:
        columns: those that are made one by one, ascending, ``[n]``; the others read what their module is given.
        n_sources: how many sources precede the place.
        at_answers: whether it reads where logits are wanted alone.
        weights: ``[masks, n, 2 + n_sources]``: of the stream, of the replaced stream and of the sources' changes; under
            autograd of the changes alone, at each place where masks are by place.
        dense: whether enough weights differ from zero for a dense product.
        given: what each of the place's modules is given.
    """

    columns: Int[Tensor, " n"]
    n_sources: int
    at_answers: bool
    weights: Float[Tensor, "masks n terms *place"]
    dense: bool
    given: tuple[Given, ...]


class ReadPlan:
    """What all places read, place after place, and which sources that needs.

    Args:
        graph: the model's graph.
        masks: which edges are patched, or by what share, on the CPU; of masks by place, one for each place.
        n_masks: how many masks are run together; as many as there are by default.

    Attributes:
        n_masks: likewise.
        needed: the sources whose change some place reads.
        n_replaced: the replaced stream is needed as far as it carries the first so many sources.
    """

    def __init__(
        self, graph: Graph, masks: Float[Tensor, "masks source destination"], n_masks: int | None = None
    ) -> None:
        self.n_masks = len(masks) if n_masks is None else n_masks
        exists = torch.tensor(graph.mask)
        share = masks * exists
        patched = (share != 0).sum(1)
        unpatched = ((share != 1) & exists).sum(1)
        self._from_replaced = MANY_TIMES * unpatched < patched
        self._rest = torch.where(self._from_replaced[:, None] & exists, share - 1, share)
        self.needed = [False] * graph.n_sources
        self.n_replaced = 0

    def read(
        self, modules: Sequence[slice], n_sources: int, device: torch.device | None, *, at_answers: bool = False
    ) -> Reading | None:
        """How the destinations of one place are made; None where none of them is patched.

        Args:
            modules: the columns of each module that reads there.
            n_sources: how many sources precede it.
            device: where it is; None for where masks are.
            at_answers: whether it reads where logits are wanted alone.
        """
        given, columns = zip(*(self._give(module) for module in modules), strict=True)
        if not any(one.patched for one in given):
            return None
        chosen = torch.cat(columns)
        rest, replaced = self._rest[:, :n_sources, chosen], self._from_replaced[:, None, chosen]
        # A single column reads every change once either way.
        dense = len(chosen) > 1 and bool((rest != 0).double().mean() > DENSE)
        read = (rest != 0).any(2).any(0).tolist()
        self.needed[:n_sources] = [dense or old or new for old, new in zip(self.needed, read, strict=False)]
        if replaced.any() or any(any(one.replaced) for one in given):
            self.n_replaced = max(self.n_replaced, n_sources)
        begun = replaced.to(rest.dtype)
        weights = torch.cat([1 - begun, begun, rest], 1).mT.contiguous()
        return Reading(chosen.to(device), n_sources, at_answers, weights.to(device), dense, given)

    def _give(self, module: slice) -> tuple[Given, Int[Tensor, " n"]]:
        """What a module is given, and its columns that are made one by one."""
        mixed, replaced = (self._rest[:, :, module] != 0).any(1), self._from_replaced[:, module]
        whole, untouched = replaced & ~mixed, ~replaced & ~mixed
        fed = whole.sum(1) > untouched.sum(1)
        made = (mixed | (replaced != fed[:, None])).any(0)
        instead = bool(made.sum() > IN_VAIN * len(made))
        columns = made.nonzero()[:, 0] + module.start
        return Given(not bool(untouched.all()), tuple(fed.tolist()), instead), columns
