"""From a name, a folder or a loaded module to a ``Model``."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging

from edgewise.errors import EdgewiseError, ModelError, UnknownNameError, UnsupportedModelError, did_you_mean
from edgewise.models.adapted import Adapted, within
from edgewise.models.built import kind_of, load_built
from edgewise.models.catalogue import BUNDLED, KNOWN
from edgewise.models.families import FAMILIES, REFUSED
from edgewise.models.family import Family
from edgewise.models.lens import LensTransformer, sources
from edgewise.models.lens.checkpoint import SUFFIXES
from edgewise.models.lens.load import load_lens
from edgewise.models.lens.wiring import wire_lens
from edgewise.models.model import Model
from edgewise.models.quantised import is_quantised, refusal, unpacked
from edgewise.models.query_heads import by_query_head
from edgewise.models.wiring import Wiring

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
KV_HEADS = ("native", "query")


def load_model(
    model: str | Path | nn.Module,
    *,
    config: str | Path | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    tokenizer: Any | None = None,
    ignore_config: Collection[str] = (),
    trust_remote_code: bool = False,
    kv_heads: str = "native",
    attention: str | None = None,
) -> Model:
    """Load a decoder-only language model, in Hugging Face's format or in TransformerLens's, or take one that is loaded.

    The model is used as ``transformers`` loads it, or as the checkpoint holds it: no weight is folded or centred.

    Args:
        model: a bundled name (``"demo"``), one built by hand (``"planted:3"``, ``"compiled:induction"``), a hub name
            (``"gpt2"``, ``"attn-only-4l"``), a folder, a weights file in TransformerLens's format, or a loaded module.
        config: the ``config.json`` of a weights file or folder in TransformerLens's format, where it lies elsewhere.
        dtype: its floating-point type; float32 by default, a loaded module's own.
        device: where it runs; the CPU by default, a loaded module's own.
        tokenizer: a Hugging Face tokenizer; by default the one stored with the model, if there is one.
        ignore_config: config attributes that are not understood but that you know to change nothing.
        trust_remote_code: run code that the hub repository carries; off by default.
        kv_heads: of a model in which several query heads share a key/value head, ``"native"`` for that head's k and v,
            or ``"query"`` for a k and a v of every query head.
        attention: how ``transformers`` computes attention, ``"eager"``, ``"sdpa"`` or another that is installed; its
            own choice by default.

    Returns:
        The model with its wiring, in evaluation mode.

    Raises:
        ModelError: no such model, a folder without config or weights, a bad seed or program, or a loaded module in
            training mode.
        UnsupportedModelError: an architecture or config attribute that is not understood.
    """
    if kv_heads not in KV_HEADS:
        near = did_you_mean(kv_heads, KV_HEADS)
        raise ModelError(f"kv_heads {kv_heads!r} is not known{near}; use one of {', '.join(KV_HEADS)}")
    if isinstance(model, nn.Module):
        model = within(model)
        if attention is not None:
            raise ModelError(
                f"model {_own_name(model)!r} is already loaded: attention is its own; call set_attn_implementation"
            )
        if dtype is not None or device is not None or config is not None:
            raise ModelError(
                f"model {_own_name(model)!r} is already loaded: dtype, device and config are its own;"
                " call model.to(...) yourself"
            )
        return _taken(model, tokenizer, ignore_config, kv_heads)
    name = str(model)
    kind, place = _dtype(dtype) or torch.float32, _device(device)
    if kind_of(name) and config is None:
        _require_no_choice(name, attention)
        return load_built(name, kind, place, tokenizer)
    checkpoint = None if name in BUNDLED and config is None else sources.find(name, config)
    if checkpoint is not None:
        _require_no_choice(name, attention)
        return load_lens(name, checkpoint, dtype=kind, device=place, tokenizer=tokenizer, ignore_config=ignore_config)
    source = _find(name)
    settings = _pretrained(name, AutoConfig, source, trust_remote_code=trust_remote_code)
    family_of(_architecture(settings), settings, ignore_config)
    # The kernel for experts that transformers takes by default knows no float64.
    experts = {"experts_implementation": "eager"} if kind == torch.float64 else {}
    chosen = {} if attention is None else {"attn_implementation": attention}
    options = {"config": settings, "dtype": kind, "trust_remote_code": trust_remote_code, **experts, **chosen}
    module = _pretrained(name, AutoModelForCausalLM, source, **options)
    module = module.eval().to(place)
    return Model(name, wire(module, ignore_config, kv_heads), tokenizer or _tokenizer(source, trust_remote_code))


def _require_no_choice(name: str, attention: str | None) -> None:
    if attention is not None:
        raise ModelError(f"model {name!r} has one way to compute attention; leave attention {attention!r} out")


def _taken(module: nn.Module, tokenizer: Any | None, ignore_config: Collection[str], kv_heads: str) -> Model:
    """A model from a module that is loaded."""
    bos = module.config.prepend_bos if isinstance(module, LensTransformer) else None
    model = Model(_own_name(module), wire(module, ignore_config, kv_heads), tokenizer, bos)
    model.require_eval()
    return model


def _own_name(module: nn.Module) -> str:
    named: str = getattr(getattr(module, "config", None), "name_or_path", "")
    return named or type(module).__name__


def wire(module: nn.Module, ignore_config: Collection[str] = (), kv_heads: str = "native") -> Wiring:
    """The wiring of a loaded module, with its own key/value heads or one for every query head.

    Raises:
        UnsupportedModelError: a class or config attribute that is not understood.
    """
    if isinstance(module, LensTransformer):
        return wire_lens(module)
    config = getattr(module, "config", None)
    if not isinstance(module, PreTrainedModel) or config is None:
        raise UnsupportedModelError(
            f"{type(module).__name__} is not a transformers language model; give one of {', '.join(FAMILIES)}"
        )
    family = family_of(type(module).__name__, config, ignore_config)
    wiring = family.wire(module)
    _require_plain(wiring)
    told = unpacked(module)
    wiring = replace(wiring, module=Adapted(wiring.module, {}, told)) if told else wiring
    return wiring if kv_heads == "native" else by_query_head(wiring, family)


def _require_plain(wiring: Wiring) -> None:
    """Refuse projections that compute something else than their weight's product: adapters, quantised weights."""
    names = {id(module): name for name, module in wiring.module.named_modules()}
    for block in wiring.blocks:
        for part in (*block.attention.projections, block.attention.out):
            weight = part.module.weight
            if is_quantised(part.module):
                reason = refusal(part.module, next(wiring.module.parameters()).dtype)
                if reason is not None:
                    raise UnsupportedModelError(f"{names[id(part.module)]} is a {type(part.module).__name__}: {reason}")
                continue
            plain = type(part.module) in (nn.Linear, Conv1D, *wiring.linear) and isinstance(weight, torch.Tensor)
            if not (plain and torch.is_floating_point(weight)):  # type: ignore[arg-type]
                raise UnsupportedModelError(
                    f"{names[id(part.module)]} is a {type(part.module).__name__}, and only plain linear modules with"
                    " floating-point weights are understood; merge adapters first, or load the model unquantised, or by"
                    " bitsandbytes"
                )


def family_of(architecture: str, config: Any, ignore_config: Collection[str] = ()) -> Family:
    """The family of a class name, after its config was checked."""
    if architecture in REFUSED:
        raise UnsupportedModelError(f"architecture {architecture!r} is not supported: {REFUSED[architecture]}")
    if architecture not in FAMILIES:
        near = did_you_mean(architecture, FAMILIES)
        raise UnsupportedModelError(
            f"architecture {architecture!r} is not supported{near}; supported: {', '.join(FAMILIES)}"
        )
    family = FAMILIES[architecture]
    family.understood.check(config, ignore_config)
    return family


def _architecture(config: Any) -> str:
    named = (config.architectures or ["(none named in config.json)"])[0]
    return str(named)


def _find(name: str) -> str:
    """The folder or hub name to load from; a name that can be neither is refused at once."""
    if name in BUNDLED:
        return str(Path(__file__).parent / BUNDLED[name])
    folder = Path(name)
    if folder.is_dir():
        _check_folder(folder)
        return name
    if folder.is_file():
        raise ModelError(f"model {name!r} is a file; give the folder that holds config.json and the weights")
    if folder.suffix in SUFFIXES:
        raise ModelError(f"model {name!r}: there is no such weights file; check the path")
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ModelError(f"model {name!r}: there is no such folder; give a folder, a hub name or 'demo'")
    return name


def _check_folder(folder: Path) -> None:
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(
            f"model folder {str(folder)!r} has no config.json; give a folder saved by save_pretrained,"
            " or --config FILE.json for weights in TransformerLens's format"
        )
    try:
        json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"model folder {str(folder)!r}: config.json is not JSON ({error}); save it again") from None
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        raise ModelError(
            f"model folder {str(folder)!r} has no weights (*.safetensors or *.bin); save the model there again"
        )


def _pretrained(name: str, loader: Any, source: str, **options: Any) -> Any:
    """``from_pretrained``, with what can go wrong there said in one line."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # a bar for every tensor; downloads have their own
    try:
        return loader.from_pretrained(source, **options)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise _load_error(name, source, error) from error
    finally:
        if shown:
            logging.enable_progress_bar()


def _load_error(name: str, source: str, error: Exception) -> EdgewiseError:
    reason = " ".join(str(error).split())
    if Path(source).is_dir():
        return ModelError(f"model folder {source!r} cannot be loaded: {reason:.300}")
    near = "" if name in KNOWN else did_you_mean(name, KNOWN)
    known = f"model {name!r}" if name in KNOWN else f"unknown model {name!r}"
    return UnknownNameError(
        f"{known}{near or ';'} it is no folder here, and the hub did not give it"
        f" (check the name, the network, and `hf auth login` for gated models): {reason:.160}"
    )


def _tokenizer(source: str, trust_remote_code: bool) -> Any | None:
    """The tokenizer stored with the model, or None: data may be token ids."""
    if Path(source).is_dir() and not any(
        (Path(source) / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
    ):
        return None
    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError):
        return None


def _dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    if dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not known{did_you_mean(dtype, DTYPES)}; use one of {', '.join(DTYPES)}")
    return DTYPES[dtype]


def _device(device: str | torch.device | None) -> torch.device:
    try:
        chosen = torch.device(device or "cpu")
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device {str(device)!r} cannot be used here: {reason}; use 'cpu'") from None
    return chosen
