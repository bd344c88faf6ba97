"""Values of a config that would only fail, without a word of which they are, when the model is built."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from transformers.activations import ACT2FN
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from edgewise.errors import ModelError, did_you_mean

ACTIVATIONS = ("hidden_act", "hidden_activation", "activation_function", "activation")


def check_fields(name: str, config: Any) -> None:
    """Refuse activations and kinds of rotary positions that ``transformers`` does not have.

    Args:
        name: what the user called the model.
        config: its config.

    Raises:
        ModelError: naming the field and what it may be.
    """
    for field in ACTIVATIONS:
        value = getattr(config, field, None)
        if value is not None and field in type(config).__dataclass_fields__:
            _require(name, field, value, ACT2FN)
    for kind in _rope_types(getattr(config, "rope_parameters", None)):
        _require(name, "rope_type", kind, {"default", *ROPE_INIT_FUNCTIONS})


def _rope_types(parameters: Any) -> Iterator[Any]:
    """The kinds of rotary positions, one for all layers or one for each type of layer."""
    if isinstance(parameters, dict):
        if (kind := parameters.get("rope_type")) is not None:
            yield kind
        for one in parameters.values():
            yield from _rope_types(one)


def _require(name: str, field: str, value: Any, known: Collection[str]) -> None:
    if not isinstance(value, str) or value not in known:
        near = did_you_mean(str(value), known)
        raise ModelError(
            f"model {name!r}: config.json: {field} is {value!r:.60}, which transformers does not have{near};"
            f" it has {', '.join(sorted(known))}"
        )
