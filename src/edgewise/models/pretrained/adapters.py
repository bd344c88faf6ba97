"""Adapters of ``peft``: told from models, and merged into a model's weights when they are asked for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers.utils import cached_file, find_adapter_config_file

from edgewise.errors import EdgewiseError, ModelError
from edgewise.models.pretrained.damage import read_object
from edgewise.models.pretrained.files import base_weights
from edgewise.models.pretrained.library import clipped
from edgewise.models.weight_file import read_tensors
from edgewise.models.weight_names import listed

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
INSTALL = "pip install 'edgewise[adapters]'"


@dataclass(frozen=True)
class Adapter:
    """An adapter's folder or hub repository.

    Args:
        source: its folder or hub name.
        kind: what ``peft`` calls its method.
        base: the name of the model that it was trained on, where it says.
    """

    source: str
    kind: str
    base: str | None

    @classmethod
    def at(cls, source: str) -> Adapter | None:
        """The adapter in a folder or hub repository; None where there is none."""
        try:
            config = find_adapter_config_file(source)
        except (OSError, ValueError):
            return None  # neither a folder nor a hub name: who reads the model says so
        if config is None:
            return None
        values = read_object(Path(config), f"adapter {source!r}")
        kind, base = values.get("peft_type"), values.get("base_model_name_or_path")
        if not isinstance(kind, str) or not isinstance(base, str | None):
            raise ModelError(f"adapter {source!r}: {CONFIG} is not one of peft's; save the adapter again")
        return cls(source, kind, base or None)

    @property
    def advice(self) -> str:
        """What model to give."""
        return f"give the model that it was trained on{f', {self.base!r}' if self.base else ''}"


def refuse_unasked(name: str, source: str, adapter: str | None) -> None:
    """Refuse a model that is an adapter, or that has one beside it which was not asked for.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        adapter: the adapter that was asked for.

    Raises:
        ModelError: saying what it is and what to do.
    """
    found = Adapter.at(source)
    if found is None:
        alone = next((one for one in WEIGHTS if (Path(source) / one).is_file()), None)
        if alone is not None:
            raise ModelError(
                f"model {name!r} has weights of an adapter ({alone}) without {CONFIG}; get that too, or move them"
                " elsewhere"
            )
        return
    if not _has_base(source):
        raise ModelError(
            f"model {name!r} is an adapter ({found.kind}) and no model; merge it into the one that it was trained on:"
            f" --model {found.base or 'BASE'} --adapter {name}"
        )
    if adapter is None:
        raise ModelError(
            f"model {name!r} holds a model and an adapter ({CONFIG}, {found.kind}), and which is meant is not said:"
            f" --adapter {name} merges it; to leave it out, move the adapter_* files elsewhere"
        )
    if not _same_place(source, adapter):
        raise ModelError(
            f"model {name!r} has an adapter of its own ({CONFIG}), and --adapter is {adapter!r}; move the adapter_*"
            " files of the one that is not meant elsewhere"
        )


def require_adapter(source: str) -> Adapter:
    """The adapter of a folder or hub name, before its model is read.

    Raises:
        ModelError: no adapter there, one that cannot be read or merged, or ``peft`` is not installed.
    """
    if find_spec("peft") is None:
        raise ModelError(f"an adapter is merged by peft, which is not installed; {INSTALL}")
    adapter = Adapter.at(source)
    if adapter is None:
        what = "folder" if Path(source).is_dir() else "name"
        raise ModelError(f"adapter {source!r}: there is no {CONFIG} under this {what}; give what peft saved")
    methods = import_module("peft").PEFT_TYPE_TO_TUNER_MAPPING
    tuner = methods.get(adapter.kind)
    if tuner is None or not hasattr(tuner, "merge_and_unload"):
        known = adapter.kind in set(methods) | {"PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING"}
        why = "changes what the model is given, not its weights" if known else "is none that this peft can merge"
        raise ModelError(f"adapter {source!r}: {adapter.kind} {why}, so it cannot be merged; use a LoRA adapter")
    if Path(source).is_dir():
        _tensors(Path(source))
    return adapter


def merged(module: nn.Module, adapter: Adapter) -> nn.Module:
    """The module with an adapter merged into its weights: a plain module again, in evaluation mode.

    Args:
        module: the model that it was trained on; its weights are changed.
        adapter: the adapter.

    Raises:
        ModelError: an adapter of another model, one that is not whole, or one that cannot be merged.
    """
    peft = import_module("peft")
    where = f"adapter {adapter.source!r}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is judged below
            wrapped = peft.PeftModel.from_pretrained(module, adapter.source, ignore_mismatched_sizes=True)
            _refuse_tied(wrapped, module, where)
            wanted = peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False)
            held = peft.load_peft_weights(adapter.source, device="cpu")
            _judge(held, wanted, wrapped.state_dict(), where, adapter)
            plain: nn.Module = wrapped.merge_and_unload(safe_merge=True)
    except EdgewiseError:
        raise
    except Exception as error:  # over an adapter that does not fit peft raises errors of every kind
        raise ModelError(
            f"{where} cannot be merged into this model ({clipped(error, 200)}); {adapter.advice}"
        ) from None
    return plain.requires_grad_(True).eval()


def refuse_unmerged(name: str, module: nn.Module) -> None:
    """Refuse a loaded module in which an adapter still stands beside the weights.

    Raises:
        ModelError: naming the first part and what to call.
    """
    for place, part in module.named_modules():
        if type(part).__module__.split(".")[0] == "peft":
            where = f"its part {place!r} is" if place else "it is"
            raise ModelError(
                f"model {name!r}: {where} a {type(part).__name__} of peft, an adapter that is not merged; give"
                " what model.merge_and_unload() returns, or load_model(BASE, adapter=FOLDER)"
            )


def _judge(
    held: Mapping[str, Tensor], wanted: Mapping[str, Tensor], whole: Mapping[str, Tensor], where: str, adapter: Adapter
) -> None:
    """Refuse an adapter's file that lacks something of `wanted`, or has what is nowhere in the whole model."""
    places = {**whole, **wanted}
    missing, strange = wanted.keys() - held.keys(), held.keys() - places.keys()
    if missing and not strange:
        raise ModelError(
            f"{where}: its file lacks {len(missing)} of {len(wanted)} weights ({listed(missing)}); it is not whole, or"
            f" of another model: {adapter.advice}"
        )
    for name in sorted(held.keys() & places.keys()):
        if held[name].shape != places[name].shape:
            found, made = list(held[name].shape), list(places[name].shape)
            raise ModelError(f"{where}: {name!r} is {found} in its file, and this model needs {made}; {adapter.advice}")
    if strange:
        raise ModelError(
            f"{where}: {len(strange)} of {len(held)} weights have no place in this model ({listed(strange)});"
            f" {adapter.advice}"
        )


def _refuse_tied(wrapped: Any, module: nn.Module, where: str) -> None:
    """Where embedding and head are one weight, merging into either changes the other."""
    ends = (module.get_input_embeddings(), module.get_output_embeddings())  # type: ignore[operator]
    if not getattr(module.config, "tie_word_embeddings", False):
        return
    parts = {id(part) for end in ends if end is not None for part in end.modules()}
    changed = [name for name, part in wrapped.get_base_model().named_modules() if id(part) in parts]
    targets = set(getattr(wrapped.base_model, "targeted_module_names", ()))
    both = sorted(name for name in targets if any(name == one or one.startswith(f"{name}.") for one in changed))
    if both:
        raise ModelError(
            f"{where} changes {both[0]!r}, one weight with the model's other end (tie_word_embeddings): merged, it"
            " would change both; save the base model untied first"
        )


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise ModelError(f"adapter {str(folder)!r} has no weights ({' or '.join(WEIGHTS)}); save it again")
    return read_tensors(path, shapes_only=True)


def _has_base(source: str) -> bool:
    folder = Path(source)
    if folder.is_dir():
        return bool(base_weights(folder))
    silent = {f"_raise_exceptions_for_{what}": False for what in ("gated_repo", "missing_entries", "connection_errors")}
    return cached_file(source, "config.json", **silent) is not None


def _same_place(source: str, adapter: str) -> bool:
    return source == adapter or (Path(source).is_dir() and Path(source).resolve() == Path(adapter).resolve())
