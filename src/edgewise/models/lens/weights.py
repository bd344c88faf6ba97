"""TransformerLens's tensors -> the parameters of `LensTransformer`; every name and every shape is checked.

TransformerLens keeps a tensor a kind, heads first: ``W_Q [n_heads, d_model, d_head]``, ``W_O [n_heads, d_head,
d_model]``, and multiplies from the left, ``x W``. A linear module here keeps ``[d_out, d_in]`` with the heads side by
side. Biases that a file leaves out in every block are zero; any other tensor that is missing, left over, or of another
shape is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from edgewise.errors import ModelError
from edgewise.models.lens.config import LensConfig
from edgewise.models.weight_names import listed, prefix_cause

BUFFERS = ("attn.mask", "attn.IGNORE", "attn.rotary_sin", "attn.rotary_cos")
Convert = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Slot:
    """One tensor of a checkpoint and where it goes.

    Args:
        names: its names in TransformerLens; the first that is there counts.
        shape: its shape there.
        axes: what the shape's numbers are, for messages.
        target: the parameter's name in the module.
        convert: from one layout to the other.
        bias: whether it may be left out, and is zero then.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    axes: str
    target: str
    convert: Convert
    bias: bool = False


def module_state(config: LensConfig, tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The state dict of a `LensTransformer`.

    Args:
        config: the model's config.
        tensors: the checkpoint's tensors.
        where: its name, for messages.

    Raises:
        ModelError: a tensor that is missing, left over, of another shape, or not of floating-point numbers.
    """
    left = {name: x for name, x in tensors.items() if not name.endswith(BUFFERS)}
    tied = config.tied and "unembed.W_U" not in left and "embed.W_E" in left
    if tied:
        left["unembed.W_U"] = left["embed.W_E"].T
    state: dict[str, Tensor] = {}
    absent: list[Slot] = []
    for slot in slots(config):
        name = next((name for name in slot.names if name in left), None)
        if name is None:
            absent.append(slot)
            continue
        state[slot.target] = slot.convert(_checked(left.pop(name), name, slot, where)).contiguous()
    _refuse_wrapped(absent, left, where)
    _refuse_missing(absent, state, config, where)
    _refuse_unexpected(left, config, where)
    reference = state["embed.weight"]
    for slot in absent:
        state[slot.target] = slot.convert(reference.new_zeros(slot.shape))
    return state


def slots(config: LensConfig) -> Iterator[Slot]:
    """Every tensor that a checkpoint of this config has."""
    d, out = config.d_model, config.d_vocab_out
    yield Slot(("embed.W_E",), (config.d_vocab, d), "d_vocab, d_model", "embed.weight", _same)
    if config.positions != "rotary":
        yield Slot(("pos_embed.W_pos",), (config.n_ctx, d), "n_ctx, d_model", "pos_embed.weight", _same)
    for layer in range(config.n_layers):
        here = f"blocks.{layer}"
        yield from _norm_slots(f"{here}.ln1", d, config.has_gains, config.centred)
        yield from _attention_slots(config, f"{here}.attn")
        if config.d_mlp is not None:
            yield from _norm_slots(f"{here}.ln2", d, config.has_gains, config.centred)
            yield from _mlp_slots(config, config.d_mlp, f"{here}.mlp")
    yield from _norm_slots("ln_final", d, config.has_gains, config.final_centred)
    yield Slot(("unembed.W_U",), (d, out), "d_model, d_vocab_out", "unembed.weight", _turned)
    yield Slot(("unembed.b_U",), (out,), "d_vocab_out", "unembed.bias", _same, bias=True)


def _norm_slots(place: str, width: int, gains: bool, centred: bool, target: str = "") -> Iterator[Slot]:
    if gains:
        yield Slot((f"{place}.w",), (width,), "width", f"{target or place}.weight", _same)
        if centred:
            yield Slot((f"{place}.b",), (width,), "width", f"{target or place}.bias", _same)


def _attention_slots(config: LensConfig, here: str) -> Iterator[Slot]:
    d, e = config.d_model, config.d_head
    for letter, heads in (("Q", config.n_heads), ("K", config.n_kv_heads), ("V", config.n_kv_heads)):
        marks = ("",) if letter == "Q" else ("_", "")  # grouped heads have an underscore in front
        kind = "n_heads" if heads == config.n_heads else "n_key_value_heads"
        names, biases = (tuple(f"{here}.{mark}{what}_{letter}" for mark in marks) for what in "Wb")
        linear = f"{here}.{letter.lower()}"
        yield Slot(names, (heads, d, e), f"{kind}, d_model, d_head", f"{linear}.weight", _heads_out)
        yield Slot(biases, (heads, e), f"{kind}, d_head", f"{linear}.bias", _flat, bias=True)
    axes = "n_heads, d_head, d_model"
    yield Slot((f"{here}.W_O",), (config.n_heads, e, d), axes, f"{here}.out.weight", _heads_in)
    yield Slot((f"{here}.b_O",), (d,), "d_model", f"{here}.out.bias", _same, bias=True)


def _mlp_slots(config: LensConfig, width: int, here: str) -> Iterator[Slot]:
    d = config.d_model
    yield Slot((f"{here}.W_in",), (d, width), "d_model, d_mlp", f"{here}.w_in.weight", _turned)
    inner = "b_in" if config.gated_mlp else "w_in.bias"
    yield Slot((f"{here}.b_in",), (width,), "d_mlp", f"{here}.{inner}", _same, bias=True)
    if config.gated_mlp:
        yield Slot((f"{here}.W_gate",), (d, width), "d_model, d_mlp", f"{here}.w_gate.weight", _turned)
    yield Slot((f"{here}.W_out",), (width, d), "d_mlp, d_model", f"{here}.w_out.weight", _turned)
    yield Slot((f"{here}.b_out",), (d,), "d_model", f"{here}.w_out.bias", _same, bias=True)
    if config.act_fn == "solu_ln":
        yield from _norm_slots(f"{here}.ln", width, config.normalization == "LN", True, f"{here}.act.ln")
    if config.act_fn == "xielu":
        for name in ("alpha_p", "alpha_n", "beta", "eps"):
            yield Slot((f"{here}.act_fn.{name}",), (), "one number", f"{here}.act.{name}", _same)


def _checked(tensor: Tensor, name: str, slot: Slot, where: str) -> Tensor:
    expected = f"{list(slot.shape)} ({slot.axes})"
    if not tensor.is_floating_point():
        raise ModelError(f"{where}: tensor {name!r} is of type {tensor.dtype}; save floating-point weights")
    if tuple(tensor.shape) == slot.shape:
        return tensor
    found = f"{where}: tensor {name!r} is {list(tensor.shape)}, but the config says {expected}"
    if tensor.ndim == len(slot.shape) > 1 and tuple(tensor.mT.shape) == slot.shape:
        raise ModelError(
            f"{found}: it is stored transposed, as in old SoLU checkpoints, which are not supported; load it with"
            " TransformerLens and save its state_dict"
        )
    raise ModelError(f"{found}; give the config that belongs to these weights")


def _refuse_wrapped(absent: Iterable[Slot], left: Mapping[str, Tensor], where: str) -> None:
    """Name what stands in the names of a file and not in ours, where that is why they are missing."""
    lacking = {name for slot in absent if not slot.bias for name in slot.names}
    why = prefix_cause(left, lacking) if lacking else None
    if why is not None:
        raise ModelError(f"{where}: {len(lacking)} tensors are missing ({listed(lacking)}): {why}")


def _refuse_missing(absent: Iterable[Slot], state: Mapping[str, Tensor], config: LensConfig, where: str) -> None:
    lacking = [(slot, slot.names[-1] if config.n_kv_heads == config.n_heads else slot.names[0]) for slot in absent]
    count = sum(not slot.bias for slot, _ in lacking)
    for slot, name in lacking:
        kind = slot.target.split(".", 2)[2] if slot.target.startswith("blocks.") else slot.target
        if slot.bias and not any(target.startswith("blocks.") and target.endswith(kind) for target in state):
            continue
        hint = "give the config that belongs to these weights"
        if slot.bias:
            hint = "other blocks have theirs, so the file is not whole; get it again"
        elif name.endswith((".w", ".b")):
            folded = "RMSPre" if config.normalization == "RMS" else "LNPre"
            hint = f"where norms were folded into the weights, normalization_type is {folded!r}"
        more = f" ({count} are missing in all)" if count > 1 and not slot.bias else ""
        raise ModelError(f"{where}: tensor {name!r}, {list(slot.shape)} ({slot.axes}), is missing; {hint}{more}")


def _refuse_unexpected(left: Mapping[str, Tensor], config: LensConfig, where: str) -> None:
    if not left:
        return
    name = min(left)
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    hint = "give the config that belongs to these weights"
    if ".ln" in f".{name}":
        hint = f"normalization is {config.normalization!r} and final_rms {config.final_rms}; {hint}"
    raise ModelError(f"{where}: tensor {name!r}, {list(left[name].shape)}{more}: this config has no such place; {hint}")


def _same(x: Tensor) -> Tensor:
    return x


def _turned(x: Tensor) -> Tensor:
    return x.T


def _flat(x: Tensor) -> Tensor:
    """``[heads, d_head]`` side by side."""
    return x.flatten()


def _heads_out(x: Tensor) -> Tensor:
    """``[heads, d_model, d_head]`` as ``[heads * d_head, d_model]``."""
    return x.transpose(1, 2).flatten(0, 1)


def _heads_in(x: Tensor) -> Tensor:
    """``[heads, d_head, d_model]`` as ``[d_model, heads * d_head]``."""
    return x.flatten(0, 1).T
