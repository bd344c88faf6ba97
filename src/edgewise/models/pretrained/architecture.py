"""Which class a checkpoint in Hugging Face's format is loaded into, by its config alone."""

from __future__ import annotations

from typing import Any

from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_MAPPING
from transformers.dynamic_module_utils import get_class_from_dynamic_module

from edgewise.errors import UnsupportedModelError
from edgewise.models.families import FAMILIES, REFUSED
from edgewise.models.pretrained.library import told

AUTO = "AutoModelForCausalLM"
# The same model, saved from another framework.
OTHER_FRAMEWORKS = ("TF", "Flax")


def class_of(name: str, source: str, config: Any, *, trust_remote_code: bool) -> type:
    """The class of language models that the checkpoint is loaded into, as ``transformers``' Auto classes choose it.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        config: its config.
        trust_remote_code: run code that it carries.

    Raises:
        UnsupportedModelError: there is none, or the checkpoint says that it holds another model.
    """
    carried = getattr(config, "auto_map", None) or {}
    if trust_remote_code and AUTO in carried:
        with told(name, source):
            kind: type = get_class_from_dynamic_module(carried[AUTO], source)
        return kind
    _require_language_model(name, config)
    return _first(MODEL_FOR_CAUSAL_LM_MAPPING[type(config)], config)


def _require_language_model(name: str, config: Any) -> None:
    """Refuse a checkpoint of another task's class, or of another kind of model than its ``model_type``."""
    saved, of_type = config.architectures or [], f"its model_type {config.model_type!r}"
    refused = next((one for one in saved if one in REFUSED), None)
    if refused is not None:
        raise UnsupportedModelError(f"architecture {refused!r} is not supported: {REFUSED[refused]}")
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        said = repr(saved[0]) if saved else "none named"
        raise UnsupportedModelError(
            f"model {name!r}: {of_type} has no decoder-only language model (architecture: {said});"
            f" supported: {', '.join(FAMILIES)}"
        )
    kind = _first(MODEL_FOR_CAUSAL_LM_MAPPING[type(config)], config)
    bare = _first(MODEL_MAPPING.get(type(config), kind), config)
    fitting = {one.lower() for one in (kind.__name__, bare.__name__, AUTO, "AutoModel")}
    if saved and not any(_plain(one) in fitting for one in saved):
        use = f"use a checkpoint of {kind.__name__}" if kind.__name__ in FAMILIES else "and it is not supported either"
        raise UnsupportedModelError(
            f"model {name!r} was saved as {saved[0]!r}, which is not {kind.__name__}, the language model of {of_type};"
            f" {use}"
        )


def _plain(architecture: str) -> str:
    for framework in OTHER_FRAMEWORKS:
        architecture = architecture.removeprefix(framework)
    return architecture.lower()


def _first(mapped: Any, config: Any) -> type:
    """The class that a config names where its ``model_type`` has several, else the first of them."""
    classes = mapped if isinstance(mapped, list | tuple) else (mapped,)
    named: type = next((one for one in classes if one.__name__ in (config.architectures or ())), classes[0])
    return named
