"""From a name, a folder or a loaded module to a ``Model``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
from torch import nn

from edgewise import processes
from edgewise.errors import ModelError, did_you_mean
from edgewise.models.adapted import within
from edgewise.models.built import kind_of, load_built
from edgewise.models.catalogue import BUNDLED
from edgewise.models.lens import LensTransformer, hooked, sources
from edgewise.models.lens.load import open_lens
from edgewise.models.model import Model
from edgewise.models.outline import outlined
from edgewise.models.placement import require_finite, require_present, require_whole_blocks
from edgewise.models.pretrained.adapters import merged, refuse_unmerged, require_adapter
from edgewise.models.pretrained.config import read_config, require_understood
from edgewise.models.pretrained.find import find, is_config_file
from edgewise.models.pretrained.gguf import place as gguf_place
from edgewise.models.pretrained.gguf.load import open_gguf
from edgewise.models.pretrained.hub import asked_where_reachable
from edgewise.models.pretrained.tokenizer import read_tokenizer
from edgewise.models.pretrained.weights import read_module
from edgewise.models.reader import Opened, Reader
from edgewise.models.recognise import wire
from edgewise.models.wiring import Wiring
from edgewise.settings.device import AUTO, taken, type_taken
from edgewise.settings.model import DType, KvHeads

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in get_args(DType) if name != AUTO}
KV_HEADS: tuple[str, ...] = get_args(KvHeads)


def load_model(
    model: str | Path | nn.Module,
    *,
    config: str | Path | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    device_map: str | Mapping[str, Any] | None = None,
    tokenizer: Any | None = None,
    ignore_config: Collection[str] = (),
    trust_remote_code: bool = False,
    kv_heads: str = "native",
    attention: str | None = None,
    gguf_file: str | None = None,
    adapter: str | Path | None = None,
) -> Model:
    """Load a decoder-only language model, in Hugging Face's format, GGUF or TransformerLens's, or take a loaded one.

    The model is used as ``transformers`` loads it, or as the checkpoint holds it: no weight is folded or centred. A
    checkpoint that lacks a weight, or has one that the model has no place for, is refused.

    Args:
        model: a bundled name (``"demo"``), one built by hand (``"planted:3"``, ``"compiled:induction"``), a hub name
            (``"gpt2"``, ``"attn-only-4l"``), a folder, a GGUF file, a weights file in TransformerLens's format, or a
            loaded module: of ``transformers``, or TransformerLens's ``HookedTransformer`` or ``TransformerBridge`` with
            the weights it has, folded or not, whose logits the model taken over must give.
        config: the ``config.json`` of a weights file or folder in TransformerLens's format, where it lies elsewhere.
        dtype: its floating-point type; by default (``"auto"``) bfloat16 on CUDA, else float32; a loaded module's own.
        device: where it runs, ``"auto"`` for CUDA where there is one; the CPU by default, a loaded module's own.
        device_map: spread its layers over devices in the place of one, as accelerate does: ``"auto"`` or another of its
            rules, or from names of modules to devices. A loaded module may be spread so, each layer on one device.
        tokenizer: a Hugging Face tokenizer; by default the one stored with the model, if there is one.
        ignore_config: config attributes that are not understood but that you know to change nothing.
        trust_remote_code: run code that the folder or hub repository carries, and kernels of the hub; off by default.
        kv_heads: of a model in which several query heads share a key/value head, ``"native"`` for that head's k and v,
            or ``"query"`` for a k and a v of every query head.
        attention: how ``transformers`` computes attention, ``"eager"``, ``"sdpa"`` or another that is installed; its
            own choice by default.
        gguf_file: the name of a GGUF file in the folder or hub repository; it is run in `dtype`, unpacked.
        adapter: a folder or hub name with an adapter of ``peft``, merged into the weights in memory.

    Returns:
        The model with its wiring, in evaluation mode.

    Raises:
        ModelError: no such model, a folder without config or weights, weights that do not fit the config, an adapter
            that cannot be merged, a bad seed or program, or a loaded module in training mode or with weights elsewhere.
        UnsupportedModelError: an architecture or config attribute that is not understood.
    """
    if isinstance(model, nn.Module):
        _require_kv_heads(kv_heads)
        model = within(model)
        _require_no_settings(model, adapter, attention, (dtype, device, device_map, config, gguf_file))
        if hooked.kind_of(model) is not None:
            return _from_transformer_lens(hooked.take(model), tokenizer, ignore_config, kv_heads)
        return _taken(model, tokenizer, ignore_config, kv_heads)
    return open_model(
        model,
        config=config,
        dtype=dtype,
        device=device,
        device_map=device_map,
        tokenizer=tokenizer,
        ignore_config=ignore_config,
        trust_remote_code=trust_remote_code,
        kv_heads=kv_heads,
        attention=attention,
        gguf_file=gguf_file,
        adapter=adapter,
    ).load()


def open_model(
    model: str | Path,
    *,
    config: str | Path | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    device_map: str | Mapping[str, Any] | None = None,
    tokenizer: Any | None = None,
    ignore_config: Collection[str] = (),
    trust_remote_code: bool = False,
    kv_heads: str = "native",
    attention: str | None = None,
    gguf_file: str | None = None,
    adapter: str | Path | None = None,
    weights: bool = True,
) -> Opened:
    """Find a model and read its config and its tokenizer; its weights, which may be large, are read when asked for.

    All other arguments, and errors, are those of `load_model`.

    Args:
        weights: whether they will be; else nothing is fetched but config and tokenizer, and a folder without weights
            or a config file alone will do, for `Opened.outline`.
    """
    _require_kv_heads(kv_heads)
    if attention is not None and "/" in attention and not trust_remote_code:
        raise ModelError(
            f"attention {attention!r} is a kernel of the hub, which is code; give trust_remote_code"
            " (--trust-remote-code) to run it, or another attention"
        )
    name = str(model)
    place = _device(device if device_map is None else _mapped(device))
    kind = _dtype(AUTO if dtype is None else dtype, place)
    if gguf_file is not None and (name in BUNDLED or (kind_of(name) and config is None)):
        raise ModelError(f"model {name!r} is in no GGUF file; leave gguf_file {gguf_file!r} (--gguf-file) out")
    if kind_of(name) and config is None:
        _require_no_choice(name, attention, adapter, device_map)
        made = load_built(name, kind, place, tokenizer)
        return Opened(made.reader, lambda: made, lambda _: made)
    choices = _Choices(
        kind, place, device_map, tokenizer, ignore_config, trust_remote_code, kv_heads, attention, weights
    )
    if adapter is None and (name in BUNDLED or Path(name).exists()):
        return _open_stored(name, config, gguf_file, choices, adapter)
    with asked_where_reachable():
        found = _open_stored(name, config, gguf_file, choices, adapter)
    return replace(found, load=asked_where_reachable()(found.load))


def _open_stored(
    name: str, config: str | Path | None, gguf_file: str | None, chosen: _Choices, adapter: str | Path | None
) -> Opened:
    """Open a folder, a file, or a repository of the hub."""
    plain = name in BUNDLED or is_config_file(name)
    file = None if plain else gguf_place.find(name, gguf_file, config, weights=chosen.weights)
    none = file is not None or (plain and config is None)
    checkpoint = None if none else sources.find(name, config, weights=chosen.weights)
    if checkpoint is not None:
        _require_no_choice(name, chosen.attention, adapter, chosen.device_map)
        lens = open_lens(
            name,
            checkpoint,
            dtype=chosen.dtype,
            device=chosen.device,
            tokenizer=chosen.tokenizer,
            ignore_config=chosen.ignore_config,
        )
        return Opened(lens.reader, lambda: _finite(lens.load()), lens.outline)
    return _open_pretrained(name, file, chosen, None if adapter is None else str(adapter))


@dataclass(frozen=True, eq=False)
class _Choices:
    """How a model in Hugging Face's format is loaded; see `load_model`."""

    dtype: torch.dtype
    device: torch.device
    device_map: str | Mapping[str, Any] | None
    tokenizer: Any | None
    ignore_config: Collection[str]
    trust_remote_code: bool
    kv_heads: str
    attention: str | None
    weights: bool = True


def _open_pretrained(name: str, file: Path | None, chosen: _Choices, adapter: str | None) -> Opened:
    """Open a GGUF file, or where there is none, a folder or hub name with a Hugging Face checkpoint."""
    spread = chosen.device_map
    if spread is not None and adapter is not None:
        raise ModelError(f"adapter {adapter!r} is merged on one device; leave device_map out, or merge it beforehand")
    weights: dict[str, Any] = {"dtype": chosen.dtype, "attention": chosen.attention, "device_map": spread}
    read: Callable[[], nn.Module]
    if file is not None:
        merging = None if adapter is None else require_adapter(adapter)
        found = open_gguf(name, file, ignore_config=chosen.ignore_config)
        config, own, read = found.config, found.tokenizer, partial(found.module, **weights)
    else:
        source = find(name, adapter, weights=chosen.weights)
        trusted = dict[str, Any](trust_remote_code=chosen.trust_remote_code)
        config = read_config(name, source, **trusted)
        merging = None if adapter is None else require_adapter(adapter)
        own = read_tokenizer(name, str(Path(source).parent) if is_config_file(source) else source, **trusted)
        read = partial(_understood, name, source, config, chosen.ignore_config, trusted, weights)
    reader = Reader(name, config, chosen.tokenizer or own)

    def load() -> Model:
        module = read()
        if spread is None:
            module = (module if merging is None else merged(module, merging)).to(chosen.device)
        require_present(name, module)
        return _finite(Model(name, _wired(name, module, chosen.ignore_config, chosen.kv_heads), reader.tokenizer))

    def outline(layers: int | None) -> Model:
        if file is None:
            require_understood(name, source, config, ignore_config=chosen.ignore_config, **trusted)
        module = outlined(
            config,
            layers,
            dtype=chosen.dtype,
            attention=chosen.attention,
            trust_remote_code=chosen.trust_remote_code,
        )
        return Model(name, wire(module, chosen.ignore_config, chosen.kv_heads), reader.tokenizer)

    return Opened(reader, load, outline, file)


def _understood(
    name: str,
    source: str,
    config: Any,
    ignore_config: Collection[str],
    trusted: dict[str, Any],
    weights: dict[str, Any],
) -> nn.Module:
    require_understood(name, source, config, ignore_config=ignore_config, **trusted)
    return read_module(name, source, config, **weights, **trusted)


def _wired(name: str, module: nn.Module, ignore_config: Collection[str], kv_heads: str) -> Wiring:
    wiring = wire(module, ignore_config, kv_heads)
    require_whole_blocks(name, [block.module for block in wiring.blocks])
    return wiring


def _finite(model: Model) -> Model:
    require_finite(model.name, model.module)
    return model


def _require_kv_heads(kv_heads: str) -> None:
    if kv_heads not in KV_HEADS:
        near = did_you_mean(kv_heads, KV_HEADS)
        raise ModelError(f"kv_heads {kv_heads!r} is not known{near}; use one of {', '.join(KV_HEADS)}")


def _require_no_settings(
    module: nn.Module, adapter: str | Path | None, attention: str | None, others: tuple[object, ...]
) -> None:
    """Refuse settings of the loading for a module that is loaded."""
    loaded = f"model {_own_name(module)!r} is already loaded"
    if adapter is not None:
        raise ModelError(
            f"{loaded}: merge the adapter into it yourself, by"
            f" peft.PeftModel.from_pretrained(model, {str(adapter)!r}).merge_and_unload()"
        )
    if attention is not None:
        raise ModelError(f"{loaded}: attention is its own; call set_attn_implementation")
    if any(one is not None for one in others):
        raise ModelError(f"{loaded}: dtype, devices, config and file are its own; call model.to(...) yourself")


def _require_no_choice(name: str, attention: str | None, adapter: str | Path | None, device_map: object) -> None:
    if device_map is not None:
        raise ModelError(
            f"model {name!r} is none of Hugging Face's, and those alone are spread over devices; leave device_map out"
        )
    if adapter is not None:
        raise ModelError(
            f"model {name!r} is none of Hugging Face's, and adapters are merged into those alone; leave adapter"
            f" {str(adapter)!r} out"
        )
    if attention is not None:
        raise ModelError(f"model {name!r} has one way to compute attention; leave attention {attention!r} out")


def _taken(module: nn.Module, tokenizer: Any | None, ignore_config: Collection[str], kv_heads: str) -> Model:
    """A model from a module that is loaded."""
    refuse_unmerged(_own_name(module), module)
    require_present(_own_name(module), module)
    require_finite(_own_name(module), module)
    bos = module.config.prepend_bos if isinstance(module, LensTransformer) else None
    name = _own_name(module)
    model = Model(name, _wired(name, module, ignore_config, kv_heads), tokenizer, bos)
    model.require_eval()
    return model


def _from_transformer_lens(
    taken: hooked.Taken, tokenizer: Any | None, ignore_config: Collection[str], kv_heads: str
) -> Model:
    model = _taken(taken.module, tokenizer or taken.tokenizer, ignore_config, kv_heads)
    return replace(model, name=taken.name, bos=taken.bos)


def _own_name(module: nn.Module) -> str:
    named: str = getattr(getattr(module, "config", None), "name_or_path", "")
    return named or type(module).__name__


def _dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    if isinstance(dtype, torch.dtype):
        return dtype
    named = type_taken(dtype, str(device))
    if named not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not known{did_you_mean(dtype, DTYPES)}; use one of {', '.join(DTYPES)}")
    return DTYPES[named]


def _mapped(device: str | torch.device | None) -> str:
    """The kind of device that a map spreads over: the best one here, which alone may be named beside it."""
    best = taken(AUTO)
    if device is not None and str(device) not in (AUTO, best):
        raise ModelError(f"device {str(device)!r} and device_map both say where the model goes; give one of them")
    if processes.size() > 1:
        raise ModelError("device_map spreads one process over all devices; leave device_map or the processes out")
    return best


def _device(device: str | torch.device | None) -> torch.device:
    try:
        chosen = torch.device(taken(device) if isinstance(device, str) else device or "cpu")
    except RuntimeError:
        raise ModelError(f"device {str(device)!r} is none; use auto, cpu, cuda or cuda:1") from None
    try:
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device {str(device)!r} cannot be used here: {reason}; use 'cpu'") from None
    return chosen
