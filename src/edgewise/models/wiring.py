"""Which modules of a Hugging Face model read and write the residual stream.

A ``Wiring`` is a map, not a model: it points at the modules of the untouched model and says how their tensors divide
into heads. The engine needs nothing else to know about an architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from edgewise.graph import GraphSpec
from edgewise.models.norms import Norm

HeadView = Callable[[Tensor], Tensor]


def input_major(module: nn.Module) -> Float[Tensor, "d_in d_out"]:
    """The weight of a linear module as ``[d_in, d_out]``, whichever way the module stores it."""
    weight = module.weight
    if not isinstance(weight, Tensor):
        raise TypeError(f"{type(module).__name__} has no weight tensor")
    return weight.detach() if isinstance(module, Conv1D) else weight.detach().T


def linear_bias(module: nn.Module) -> Tensor | None:
    """The bias ``[d_out]`` of a linear module, where it has one."""
    bias = getattr(module, "bias", None)
    return bias.detach() if isinstance(bias, Tensor) else None


@dataclass(frozen=True)
class Projection:
    """One of q, k, v: a linear module and the view of its output that belongs to it.

    Args:
        module: the linear module; a fused one is shared by several projections.
        view: a view (never a copy) of the module's output ``[..., d_out]`` as ``[..., heads, d_head]``.
    """

    module: nn.Module
    view: HeadView

    def weight(self) -> Float[Tensor, "d_model heads d_head"]:
        """The columns of the module's weight that this projection uses, per head."""
        return self.view(input_major(self.module))

    def bias(self) -> Float[Tensor, "heads d_head"] | None:
        """The module's bias, per head, where it has one."""
        bias = linear_bias(self.module)
        return None if bias is None else self.view(bias)


@dataclass(frozen=True)
class OutputProjection:
    """The linear module that maps all heads, side by side, to the stream."""

    module: nn.Module
    n_heads: int

    @property
    def width(self) -> int:
        """The width of the module's input, all heads together."""
        return int(input_major(self.module).shape[0])

    def heads(self, z: Float[Tensor, "... width"]) -> Float[Tensor, "... heads d_head"]:
        """The module's input, per head."""
        per_head: Tensor = z.unflatten(-1, (self.n_heads, -1))
        return per_head

    def weight(self) -> Float[Tensor, "heads d_head d_model"]:
        """The slice of the weight that belongs to each head (``W_O``)."""
        slices: Tensor = input_major(self.module).unflatten(0, (self.n_heads, -1))
        return slices

    def bias(self) -> Float[Tensor, " d_model"] | None:
        """The bias: a constant that is added to the stream and belongs to no source."""
        return linear_bias(self.module)


@dataclass(frozen=True)
class Attention:
    """The attention of one block: its norm, its three projections and its output projection."""

    norm: Norm
    q: Projection
    k: Projection
    v: Projection
    out: OutputProjection

    @property
    def projections(self) -> tuple[Projection, Projection, Projection]:
        """q, k and v, in the order of the graph's destinations."""
        return (self.q, self.k, self.v)


@dataclass(frozen=True)
class Mlp:
    """The MLP of one block: ``module`` maps the normed stream to what is added to the stream."""

    norm: Norm
    module: nn.Module


@dataclass(frozen=True)
class Block:
    """One decoder layer; its module's first argument is the stream."""

    module: nn.Module
    attention: Attention
    mlp: Mlp | None


@dataclass(frozen=True)
class Wiring:
    """Every place where a model reads or writes the residual stream.

    Args:
        module: the whole model; called with ``input_ids``, it returns ``.logits``.
        spec: the shape of its graph.
        blocks: its decoder layers, first to last.
        final_norm: the norm in front of the unembedding.
        unembedding: the module that turns the normed stream into logits.
        causal: whether a position reads none after it; False for bidirectional attention, where every position of a
            prompt counts and no prompt can be padded.
    """

    module: nn.Module
    spec: GraphSpec
    blocks: tuple[Block, ...]
    final_norm: Norm
    unembedding: nn.Module
    causal: bool = True


def separate_heads(n_heads: int) -> HeadView:
    """View for a projection of its own: ``[..., heads * d_head]``."""
    return lambda out: out.unflatten(-1, (n_heads, -1))


def stacked_heads(part: int, n_heads: int) -> HeadView:
    """View for q, k, v fused one after the other: ``[..., 3 * heads * d_head]`` (GPT-2)."""
    return lambda out: out.unflatten(-1, (3, n_heads, -1)).select(-3, part)


def interleaved_heads(part: int, n_heads: int) -> HeadView:
    """View for q, k, v fused head by head: ``[..., heads * 3 * d_head]`` (GPT-NeoX)."""
    return lambda out: out.unflatten(-1, (n_heads, 3, -1)).select(-2, part)
