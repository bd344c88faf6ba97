"""The config of a checkpoint in Hugging Face's format, read and understood before its weights are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from transformers import AutoConfig

from edgewise.models.pretrained.library import from_pretrained
from edgewise.models.recognise import family_of


def read_config(name: str, source: str, *, trust_remote_code: bool, ignore_config: Collection[str]) -> Any:
    """The config, of a class and with attributes that are understood.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        trust_remote_code: run code that it carries.
        ignore_config: attributes the user vouches for.

    Raises:
        ModelError: a config that cannot be read.
        UnsupportedModelError: an architecture or config attribute that is not understood.
    """
    config = from_pretrained(name, AutoConfig, source, trust_remote_code=trust_remote_code)
    family_of(_architecture(config), config, ignore_config)
    return config


def _architecture(config: Any) -> str:
    named = (config.architectures or ["(none named in config.json)"])[0]
    return str(named)
