"""The config of a checkpoint in Hugging Face's format: read before prompts are, understood before weights are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import transformers
from transformers import AutoConfig, PreTrainedConfig

from edgewise.errors import ModelError
from edgewise.models.families import FAMILIES
from edgewise.models.pretrained.architecture import class_of, require_language_model
from edgewise.models.pretrained.fields import check_fields, check_sizes
from edgewise.models.pretrained.library import told
from edgewise.models.recognise import family_of


def read_config(name: str, source: str, *, trust_remote_code: bool) -> Any:
    """The config of a model that may be understood: enough to check prompts for it.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        trust_remote_code: run code that it carries.

    Raises:
        ModelError: a config that cannot be read.
        UnsupportedModelError: an architecture that is not supported.
    """
    with told(name, source, "config.json"):
        values, _ = PreTrainedConfig.get_config_dict(source)
        loader = _loader(name, values, trust_remote_code)
        trusted = {"trust_remote_code": trust_remote_code} if loader is AutoConfig else {}
        config = loader.from_pretrained(source, **trusted)
        # Logits are asked for by name, and nothing beside them.
        config.return_dict, config.output_attentions, config.output_hidden_states = True, False, False
        require_language_model(name, config, trust_remote_code=trust_remote_code)
        check_sizes(name, config)
    return config


def require_understood(
    name: str, source: str, config: Any, *, trust_remote_code: bool, ignore_config: Collection[str]
) -> None:
    """Refuse a config with attributes or values that are not understood, by the code of the model's class.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        config: its config.
        trust_remote_code: run code that it carries.
        ignore_config: attributes the user vouches for.

    Raises:
        ModelError: a value that no model can be made of.
        UnsupportedModelError: an architecture or config attribute that is not understood.
    """
    with told(name, source, "config.json"):
        kind = class_of(name, source, config, trust_remote_code=trust_remote_code)
        family_of(kind, config, ignore_config)
        check_fields(name, config)


def _loader(name: str, values: Mapping[str, Any], trust_remote_code: bool) -> Any:
    """What reads the config: of old files, which name no ``model_type``, the config class of their architecture."""
    architectures, model_type = values.get("architectures"), values.get("model_type")
    if architectures is not None and not (
        isinstance(architectures, list) and all(isinstance(one, str) for one in architectures)
    ):
        raise ModelError(
            f"model {name!r}: config.json: architectures is {architectures!r:.60}; it must be a list of class names"
        )
    carries = values.get("auto_map") or {}
    if not isinstance(carries, dict):
        raise ModelError(f"model {name!r}: config.json: auto_map is {carries!r:.60}; it must be an object, or left out")
    if isinstance(model_type, str) and model_type:
        carried = "AutoConfig" in carries
        if model_type not in transformers.CONFIG_MAPPING and not (carried and trust_remote_code):
            its_code = "; the code that it carries runs with trust_remote_code" if carried else ""
            raise ModelError(
                f"model {name!r}: config.json: model_type is {model_type!r}, which transformers"
                f" {transformers.__version__} does not know{its_code}"
            )
        return AutoConfig
    spelt = {one.lower(): one for one in FAMILIES}
    known = [spelt[one.lower()] for one in architectures or () if one.lower() in spelt]
    if model_type is not None or not known:
        said = "missing" if model_type is None else repr(model_type)
        raise ModelError(
            f"model {name!r}: config.json: model_type is {said}; it must say which kind of model this is, like 'gpt2'"
        )
    return getattr(transformers, known[0]).config_class
