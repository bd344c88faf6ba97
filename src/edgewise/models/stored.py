"""From a name to a model that is found and understood: built, in memory, a folder, a file, a repository of the hub."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgewise.errors import ModelError
from edgewise.models import in_memory
from edgewise.models.built import kind_of, load_built
from edgewise.models.catalogue import BUNDLED
from edgewise.models.choices import Choices, device_of, dtype_of, mapped_device, require_kv_heads, require_no_choice
from edgewise.models.lens import sources
from edgewise.models.lens.load import open_lens
from edgewise.models.model import Model
from edgewise.models.outline import outlined
from edgewise.models.placement import require_finite, require_present
from edgewise.models.pretrained.adapters import merged, require_adapter
from edgewise.models.pretrained.config import read_config, require_understood
from edgewise.models.pretrained.find import find, is_config_file
from edgewise.models.pretrained.gguf import place as gguf_place
from edgewise.models.pretrained.gguf.load import open_gguf
from edgewise.models.pretrained.hub import asked_where_reachable
from edgewise.models.pretrained.tokenizer import read_tokenizer
from edgewise.models.pretrained.weights import read_module
from edgewise.models.reader import Opened, Reader
from edgewise.models.recognise import wire, wire_whole
from edgewise.models.taken import require_no_settings, take_module
from edgewise.settings.device import AUTO
from edgewise.settings.memory_names import is_of_memory


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
    require_kv_heads(kv_heads)
    if attention is not None and "/" in attention and not trust_remote_code:
        raise ModelError(
            f"attention {attention!r} is a kernel of the hub, which is code; give trust_remote_code"
            " (--trust-remote-code) to run it, or another attention"
        )
    name = str(model)
    place = device_of(device if device_map is None else mapped_device(device))
    kind = dtype_of(AUTO if dtype is None else dtype, place)
    if is_of_memory(name):
        require_no_settings(in_memory.held(name)[0], adapter, attention, (device_map, config, gguf_file))
        return _open_held(name, kind, place, tokenizer, ignore_config, kv_heads)
    if gguf_file is not None and (name in BUNDLED or (kind_of(name) and config is None)):
        raise ModelError(f"model {name!r} is in no GGUF file; leave gguf_file {gguf_file!r} (--gguf-file) out")
    if kind_of(name) and config is None:
        require_no_choice(name, attention, adapter, device_map)
        made = load_built(name, kind, place, tokenizer)
        return Opened(made.reader, lambda: made, lambda _: made)
    choices = Choices(
        kind, place, device_map, tokenizer, ignore_config, trust_remote_code, kv_heads, attention, weights
    )
    if adapter is None and (name in BUNDLED or Path(name).exists()):
        return _open_stored(name, config, gguf_file, choices, adapter)
    with asked_where_reachable():
        found = _open_stored(name, config, gguf_file, choices, adapter)
    return replace(found, load=asked_where_reachable()(found.load))


def _open_held(
    name: str,
    dtype: torch.dtype,
    device: torch.device,
    tokenizer: Any | None,
    ignore_config: Collection[str],
    kv_heads: str,
) -> Opened:
    """Open a model in memory; it is as it is."""
    module, own = in_memory.held(name)
    taken = replace(take_module(module, tokenizer or own, ignore_config, kv_heads), name=name)
    if (taken.dtype, taken.device.type) != (dtype, device.type):
        raise ModelError(
            f"model '{name}' is in memory as {str(taken.dtype).removeprefix('torch.')} on {taken.device}, and stays so;"
            " leave dtype and device out, or call model.to(...) yourself"
        )
    return Opened(taken.reader, lambda: taken, lambda _: taken)


def _open_stored(
    name: str, config: str | Path | None, gguf_file: str | None, chosen: Choices, adapter: str | Path | None
) -> Opened:
    """Open a folder, a file, or a repository of the hub."""
    plain = name in BUNDLED or is_config_file(name)
    file = None if plain else gguf_place.find(name, gguf_file, config, weights=chosen.weights)
    none = file is not None or (plain and config is None)
    checkpoint = None if none else sources.find(name, config, weights=chosen.weights)
    if checkpoint is not None:
        require_no_choice(name, chosen.attention, adapter, chosen.device_map)
        lens = open_lens(
            name,
            checkpoint,
            dtype=chosen.dtype,
            device=chosen.device,
            tokenizer=chosen.tokenizer,
            ignore_config=chosen.ignore_config,
            kv_heads=chosen.kv_heads,
        )
        return Opened(lens.reader, lambda: _finite(lens.load()), lens.outline)
    return _open_pretrained(name, file, chosen, None if adapter is None else str(adapter))


def _open_pretrained(name: str, file: Path | None, chosen: Choices, adapter: str | None) -> Opened:
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
        return _finite(Model(name, wire_whole(name, module, chosen.ignore_config, chosen.kv_heads), reader.tokenizer))

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


def _finite(model: Model) -> Model:
    require_finite(model.name, model.module)
    return model
