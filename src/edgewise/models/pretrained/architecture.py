"""Which class a checkpoint in Hugging Face's format is loaded into, by its config alone: its name, then the class.

The name is known without any code of models, which takes longer to import than prompts to check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import MODEL_FOR_CAUSAL_LM_MAPPING
from transformers.dynamic_module_utils import get_class_from_dynamic_module
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_MAPPING_NAMES,
)

from edgewise.errors import UnsupportedModelError
from edgewise.models.families import FAMILIES, REFUSED
from edgewise.models.pretrained.library import told
from edgewise.models.recognise import family_named

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
    """
    if _is_carried(config, trust_remote_code):
        with told(name, source):
            kind: type = get_class_from_dynamic_module(config.auto_map[AUTO], source)
        return kind
    found = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    classes = {one.__name__: one for one in (found if isinstance(found, list | tuple) else (found,))}
    chosen: type = classes[_first(tuple(classes), config)]
    return chosen


def require_language_model(name: str, config: Any, *, trust_remote_code: bool) -> None:
    """Refuse a checkpoint of another task's class, or of another kind of model than its ``model_type``, or no family's.

    Args:
        name: what the user called the model.
        config: its config.
        trust_remote_code: whether code that it carries is run; of its classes nothing is known before that.

    Raises:
        UnsupportedModelError: naming the architecture.
    """
    if _is_carried(config, trust_remote_code):
        return
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
    kinds = _names(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, config)
    if not kinds:
        return  # registered with transformers by a package of the user's
    kind = _first(kinds, config)
    bare = _first(_names(MODEL_MAPPING_NAMES, config) or kinds, config)
    if kind not in FAMILIES and _is_encoder(saved, config):
        raise UnsupportedModelError(
            f"model {name!r} ({saved[0]}) is an encoder: its attention is bidirectional, and it says no next token;"
            f" use a decoder-only language model: {', '.join(FAMILIES)}"
        )
    fitting = {one.lower() for one in (kind, bare, AUTO, "AutoModel")}
    if saved and not any(_plain(one) in fitting for one in saved):
        use = f"use a checkpoint of {kind}" if kind in FAMILIES else "and it is not supported either"
        raise UnsupportedModelError(
            f"model {name!r} was saved as {saved[0]!r}, which is not {kind}, the language model of {of_type}; {use}"
        )
    family_named(kind)


def _is_encoder(saved: Sequence[str], config: Any) -> bool:
    """Whether it fills gaps in a text, or was saved for that kind of model, and is not made a decoder by its config."""
    masked = _names(MODEL_FOR_MASKED_LM_MAPPING_NAMES, config)
    decodes = any(getattr(config, name, False) for name in ("is_decoder", "is_encoder_decoder"))
    return bool(saved and masked) and not decodes


def _is_carried(config: Any, trust_remote_code: bool) -> bool:
    return trust_remote_code and AUTO in (getattr(config, "auto_map", None) or {})


def _plain(architecture: str) -> str:
    for framework in OTHER_FRAMEWORKS:
        architecture = architecture.removeprefix(framework)
    return architecture.lower()


def _names(classes: Mapping[str, Any], config: Any) -> tuple[str, ...]:
    """The classes of a config's ``model_type``, as in ``transformers`` the last that has its class of configs."""
    types = [one for one, kind in CONFIG_MAPPING_NAMES.items() if kind == type(config).__name__]
    found = next((classes[one] for one in (*types[-1:], *types) if one in classes), ())
    return (found,) if isinstance(found, str) else tuple(found)


def _first(classes: tuple[str, ...], config: Any) -> str:
    """The class that a config names where its ``model_type`` has several, else the first of them."""
    return next((one for one in classes if one in (config.architectures or ())), classes[0])
