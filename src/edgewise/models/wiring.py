"""Which modules of a Hugging Face model read and write the residual stream.

A ``Wiring`` is a map, not a model: it points at the modules of the untouched model and says how their tensors divide
into heads. The engine needs nothing else to know about an architecture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from edgewise.errors import UnsupportedModelError
from edgewise.graph import GraphSpec
from edgewise.models.norms import Norm
from edgewise.models.placement import device_of
from edgewise.models.quantised import is_quantised, weight_of


def input_major(module: nn.Module) -> Float[Tensor, "d_in d_out"]:
    """The weight of a linear module as ``[d_in, d_out]``, whichever way the module stores it."""
    if is_quantised(module):
        return weight_of(module).T
    weight = module.weight
    if not isinstance(weight, Tensor):
        raise TypeError(f"{type(module).__name__} has no weight tensor")
    return weight.detach() if isinstance(module, Conv1D) else weight.detach().T


def linear_bias(module: nn.Module) -> Tensor | None:
    """The bias ``[d_out]`` of a linear module, where it has one."""
    bias = getattr(module, "bias", None)
    return bias.detach() if isinstance(bias, Tensor) else None


@dataclass(frozen=True)
class HeadView:
    """Which part of a module's output ``[..., slots * d_head]`` the heads of one projection have.

    Args:
        n_slots: how many heads lie side by side in the output, of all projections that the module makes.
        slots: those of this projection, in the order of its heads.
    """

    n_slots: int
    slots: range | tuple[int, ...]

    def __call__(self, output: Tensor) -> Tensor:
        """The output as ``[..., heads, d_head]``; a copy where the slots are no range, so never write to it."""
        apart: Tensor = output.unflatten(-1, (self.n_slots, -1))
        slots = self.slots
        return (
            apart[..., slots.start : slots.stop : slots.step, :] if isinstance(slots, range) else apart[..., slots, :]
        )

    def write(self, output: Tensor, heads: Tensor | int, values: Tensor) -> None:
        """Write ``[..., n, d_head]`` (``[..., d_head]`` for one head) to some heads' places in the output."""
        if isinstance(heads, int):
            mine: Tensor | int = self.slots[heads]
        elif isinstance(self.slots, range):
            mine = self.slots.start + self.slots.step * heads
        else:
            mine = torch.tensor(self.slots, device=heads.device)[heads]
        output.unflatten(-1, (self.n_slots, -1))[..., mine, :] = values


@dataclass(frozen=True)
class Projection:
    """One of q, k, v: a linear module and the part of its output that belongs to it.

    Args:
        module: the linear module; a fused one is shared by several projections.
        view: where its heads lie in the module's output; to be read, and written to by `HeadView.write` alone.
        weights: where their weights lie in the module's own, if elsewhere: heads that share weights.
    """

    module: nn.Module
    view: HeadView
    weights: HeadView | None = None

    def weight(self) -> Float[Tensor, "d_model heads d_head"]:
        """The columns of the module's weight that this projection uses, per head."""
        return (self.weights or self.view)(input_major(self.module))

    def bias(self) -> Float[Tensor, "heads d_head"] | None:
        """The module's bias, per head, where it has one."""
        bias = linear_bias(self.module)
        return None if bias is None else (self.weights or self.view)(bias)

    def project(self, normed: Float[Tensor, "batch pos d_model"], head: int) -> Float[Tensor, "batch pos d_head"]:
        """What the module would make of a stream for one head alone."""
        values, bias = normed @ self.weight()[:, head], self.bias()
        return values if bias is None else values + bias[head]


@dataclass(frozen=True)
class OutputProjection:
    """The linear module that maps all heads, side by side, to the stream; maybe through a norm.

    With a norm behind it, all heads together are scaled: of the module's output ``y = sum over h of z_h W_O[h]`` the
    stream gets ``s * y * g``, with the norm's gain ``g`` and the inverse scale ``s`` that it gives this ``y``. Then
    head h writes ``(s z_h) (W_O[h] diag(g))``, and the heads still sum to what the stream gets. So ``s z`` stands for
    what heads write as ``z`` does without a norm: it is as small, and what heads write is linear in it.

    Args:
        module: the linear module.
        n_heads: how many heads it reads.
        after: the norm between the module and the stream: an RMSNorm.
        multiplier: by which its product and its bias are multiplied in what the module is seen to return (`Adapted`).
    """

    module: nn.Module
    n_heads: int
    after: Norm | None = None
    multiplier: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what would make a constant of the stream depend on the run."""
        if self.after is None:
            return
        if self.bias() is not None or self.after.centred or self.after.bias() is not None:
            raise UnsupportedModelError(
                "a norm behind an attention's output projection is understood where it is an RMSNorm and the"
                " projection has no bias; use a model with these"
            )

    @property
    def writer(self) -> nn.Module:
        """The module whose output is added to the stream."""
        return self.module if self.after is None else self.after.module

    @property
    def width(self) -> int:
        """The width of the module's input, all heads together."""
        return int(input_major(self.module).shape[0])

    def heads(self, z: Float[Tensor, "... width"]) -> Float[Tensor, "... heads d_head"]:
        """The module's input, per head."""
        per_head: Tensor = z.unflatten(-1, (self.n_heads, -1))
        return per_head

    def scaled(
        self, z: Float[Tensor, "... width"], output: Float[Tensor, "... d_model"] | None = None
    ) -> Float[Tensor, "... width"]:
        """What heads write, in front of their slices: ``z``, or ``s z`` in float32 or more where a norm follows.

        Args:
            z: the module's input.
            output: what the module made of it; it is made here where it is not known and is needed.
        """
        if self.after is None:
            return z
        output = z @ input_major(self.module) if output is None else output
        dtype = torch.promote_types(z.dtype, torch.float32)
        return z.to(dtype) * self.after.scale(output.to(dtype))

    def weight(self, dtype: torch.dtype | None = None) -> Float[Tensor, "heads d_head d_model"]:
        """The slice of the weight that belongs to each head (``W_O``), times the gain of the norm behind it."""
        slices: Tensor = input_major(self.module).unflatten(0, (self.n_heads, -1))
        return self._with_gain(slices, dtype)

    def head_weight(self, head: int, dtype: torch.dtype | None = None) -> Float[Tensor, "d_head d_model"]:
        """The slice of one head."""
        return self._with_gain(input_major(self.module).unflatten(0, (self.n_heads, -1))[head], dtype)

    def bias(self) -> Float[Tensor, " d_model"] | None:
        """The bias: a constant that is added to the stream and belongs to no source."""
        bias = linear_bias(self.module)
        return bias if bias is None or self.multiplier == 1 else bias * self.multiplier

    def _with_gain(self, weight: Tensor, dtype: torch.dtype | None) -> Tensor:
        weight = weight if dtype is None else weight.to(dtype)
        weight = weight if self.multiplier == 1 else weight * self.multiplier
        gain = None if self.after is None else self.after.gain(weight.dtype)
        return weight if gain is None else weight * gain


@dataclass(frozen=True)
class Attention:
    """The attention of one block: its norm, its three projections and its output projection.

    Args:
        norm: the norm in front of the projections; `Norm.none` at the attention itself where there is none.
        q: from the normed stream to queries.
        k: likewise to keys.
        v: likewise to values.
        out: from what the heads gather to the stream.
        joint: whether queries or keys are normed over all heads together.
    """

    norm: Norm
    q: Projection
    k: Projection
    v: Projection
    out: OutputProjection
    joint: bool = False

    @property
    def coupled(self) -> bool:
        """Whether a change at one head changes what the others write, through a norm over all of them."""
        return self.joint or self.out.after is not None

    @property
    def projections(self) -> tuple[Projection, Projection, Projection]:
        """q, k and v, in the order of the graph's destinations."""
        return (self.q, self.k, self.v)


@dataclass(frozen=True)
class Mlp:
    """The MLP of one block, from the normed stream to what is added to the stream.

    Args:
        norm: the norm in front of it; in some parallel blocks the attention's own, which then runs once for both;
            `Norm.none` at the module itself where there is none.
        module: what reads the normed stream.
        out: what writes to the stream, where that is another module: a norm behind the MLP, or the second half of an
            MLP that is no module of its own.
    """

    norm: Norm
    module: nn.Module
    out: nn.Module = field(default_factory=nn.Identity)

    def __post_init__(self) -> None:
        """One module reads and writes, if none is named for writing."""
        if isinstance(self.out, nn.Identity):
            object.__setattr__(self, "out", self.module)


@dataclass(frozen=True)
class Block:
    """One decoder layer; its module's first argument is the stream."""

    module: nn.Module
    attention: Attention
    mlp: Mlp | None


@dataclass(frozen=True, repr=False)
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
        linear: classes of linear modules, beside torch's and ``Conv1D``, that compute the plain product.
    """

    module: nn.Module
    spec: GraphSpec
    blocks: tuple[Block, ...]
    final_norm: Norm
    unembedding: nn.Module
    causal: bool = True
    linear: tuple[type[nn.Module], ...] = ()

    def __repr__(self) -> str:
        """Show the model's class and shape."""
        return f"Wiring({type(self.module).__name__}, {self.spec})"

    def by_device(self) -> tuple[range, ...]:
        """The layers, first to last, parted where the next one is on another device; nearly always one part."""
        devices = [device_of(block.module) for block in self.blocks]
        starts = [layer for layer, device in enumerate(devices) if layer == 0 or device != devices[layer - 1]]
        return tuple(range(first, stop) for first, stop in pairwise([*starts, len(devices)]))


def separate_heads(n_heads: int) -> HeadView:
    """View for a projection of its own: ``[..., heads * d_head]``."""
    return HeadView(n_heads, range(n_heads))


def stacked_heads(part: int, n_heads: int, n_kv_heads: int | None = None) -> HeadView:
    """View for q, k, v fused one after the other: ``[..., (heads + 2 * kv_heads) * d_head]`` (GPT-2, Phi-3)."""
    kv_heads = n_heads if n_kv_heads is None else n_kv_heads
    ends = (0, n_heads, n_heads + kv_heads, n_heads + 2 * kv_heads)
    return HeadView(ends[-1], range(ends[part], ends[part + 1]))


def interleaved_heads(part: int, n_heads: int) -> HeadView:
    """View for q, k, v fused head by head: ``[..., heads * 3 * d_head]`` (GPT-NeoX)."""
    return HeadView(3 * n_heads, range(part, 3 * n_heads, 3))


def grouped_heads(part: int, n_heads: int, n_kv_heads: int) -> HeadView:
    """View for q, k, v fused group by group: ``[..., kv_heads * (group + 2) * d_head]`` (Falcon's later models)."""
    group, n_slots = n_heads // n_kv_heads, n_heads + 2 * n_kv_heads
    if part:
        return HeadView(n_slots, range(group + part - 1, n_slots, group + 2))
    slots = (kv * (group + 2) + head for kv in range(n_kv_heads) for head in range(group))
    return HeadView(n_slots, tuple(slots))
