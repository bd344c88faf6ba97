"""Values of a config that would only fail, without a word of which they are, when the model is built."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from edgewise.errors import ModelError, did_you_mean
from edgewise.json_text import shown

# More than any model has, and few enough to be made on the meta device in a moment.
MOST_LAYERS = 10_000
ACTIVATIONS = ("hidden_act", "hidden_activation", "activation_function", "activation")

# What prompts are checked against, and the least that each can be.
COUNTS = {"vocab_size": 1, "max_position_embeddings": 1}


def check_sizes(name: str, config: Any) -> None:
    """Refuse numbers of layers, tokens and positions that no model has.

    Args:
        name: what the user called the model.
        config: its config.

    Raises:
        ModelError: naming the field.
    """
    depth = type(config).attribute_map.get("num_hidden_layers", "num_hidden_layers")
    require_depth(name, depth, getattr(config, depth, None))
    for field, least in COUNTS.items():
        value = getattr(config, field, None)
        if (value is not None or field == "vocab_size") and not _is_count(value, least):
            raise ModelError(
                f"model {name!r}: config.json: {field} is {shown(value, 60)}, no number that a model can have; mend"
                " config.json, or get it again"
            )


def check_fields(name: str, config: Any) -> None:
    """Refuse activations, rotary positions and quantisations that ``transformers`` does not have.

    Args:
        name: what the user called the model.
        config: its config.

    Raises:
        ModelError: naming the field and what it may be.
    """
    from transformers.activations import ACT2FN  # the libraries of models, which reading prompts does without

    _require_quantisation(name, getattr(config, "quantization_config", None))
    for field in ACTIVATIONS:
        value = getattr(config, field, None)
        if value is not None and field in type(config).__dataclass_fields__:
            _require(name, field, value, ACT2FN)
    for kind in _rope_types(getattr(config, "rope_parameters", None)):
        _require(name, "rope_type", kind, {"default", *ROPE_INIT_FUNCTIONS})


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31


def require_depth(name: str, field: str, layers: object) -> None:
    """Refuse a number of layers that only a damaged file has.

    Args:
        name: what the user called the model.
        field: what its file calls the number.
        layers: the number.

    Raises:
        ModelError: naming the field.
    """
    if isinstance(layers, int) and not 0 < layers <= MOST_LAYERS:
        raise ModelError(f"model {name!r}: {field} is {layers} in its file; mend it, or get the file again")


def _require_quantisation(name: str, quantisation: Any) -> None:
    if quantisation is None:
        return
    if not isinstance(quantisation, dict):
        raise ModelError(
            f"model {name!r}: config.json: quantization_config is {shown(quantisation, 60)}; it must be an object"
        )
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

    # Files of bitsandbytes may name no method.
    if any(quantisation.get(switch) for switch in ("load_in_4bit", "load_in_8bit")):
        return
    _require(name, "quant_method", quantisation.get("quant_method"), AUTO_QUANTIZATION_CONFIG_MAPPING)


def _rope_types(parameters: Any) -> Iterator[Any]:
    """The kinds of rotary positions, one for all layers or one for each type of layer."""
    if isinstance(parameters, dict):
        if (kind := parameters.get("rope_type")) is not None:
            yield kind
        for one in parameters.values():
            yield from _rope_types(one)


def _require(name: str, field: str, value: Any, known: Collection[str]) -> None:
    if not isinstance(value, str) or value not in known:
        near = did_you_mean(shown(value), known)
        raise ModelError(
            f"model {name!r}: config.json: {field} is {shown(value, 60)}, which transformers does not have{near};"
            f" it has {', '.join(sorted(known))}"
        )
