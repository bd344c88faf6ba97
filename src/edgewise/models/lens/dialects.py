"""``config.json`` in either of TransformerLens's dialects -> `LensConfig`.

1. The hub repositories of small models: ``normalization``, ``shortformer_pos``, ``ln_eps``, and training settings.
2. A dump of ``HookedTransformerConfig``: ``normalization_type``, ``positional_embedding_type``, ``eps``, ...

A key may come in both; they must then agree. Keys left out have the default of ``HookedTransformerConfig``. A key that
is not understood is refused by name: it could change what the model computes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from edgewise.errors import ModelError, UnsupportedModelError, did_you_mean
from edgewise.json_text import json_bytes, parse_json
from edgewise.models.lens.activations import ACTIVATIONS
from edgewise.models.lens.config import LensConfig, Normalization, Positions
from edgewise.models.lens.fields import Fields
from edgewise.models.lens.keys import HARMLESS, MUST_BE_OFF, MUST_BE_ONE, OF_NEURONS, OTHER_LAYOUTS

NORMALIZATIONS = ("LN", "LNPre", "RMS", "RMSPre")
# More than any model has; only a damaged file says so.
MOST_LAYERS = 10_000
POSITIONS = ("standard", "shortformer", "rotary")


def is_lens_config(values: object) -> bool:
    """Whether the content of a config.json is in TransformerLens's format and not in Hugging Face's."""
    if not isinstance(values, dict) or values.get("model_type") or values.get("architectures"):
        return False
    return {"d_model", "n_layers"} <= values.keys()


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ModelError when there is none."""
    try:
        return parse_json(json_bytes(path))
    except OSError as error:
        raise ModelError(f"config {str(path)!r} cannot be read ({error.strerror}); check the path") from None
    except ValueError as error:
        raise ModelError(f"config {str(path)!r} is not JSON ({error!s:.80}); save it again") from None


def read_config(values: Mapping[str, Any], where: str, ignore: Collection[str] = ()) -> LensConfig:
    """Understand a config, or refuse it.

    Args:
        values: the content of the JSON file.
        where: its name, for messages.
        ignore: keys that are not understood but that the user vouches for.

    Raises:
        ModelError: a key that is missing, of the wrong type, or contradicted by another.
        UnsupportedModelError: a key or value that is not understood.
    """
    fields = Fields(values, where)
    attention_only = fields.flag("attn_only", False)
    config = _config(fields, attention_only)
    _refuse_the_rest(fields, attention_only, ignore)
    return config


def _config(fields: Fields, attention_only: bool) -> LensConfig:
    act_fn, d_mlp, gated = _neurons(fields, attention_only)
    d_model, d_head = fields.count("d_model"), fields.count("d_head")
    n_heads, d_vocab = _heads(fields, d_model, d_head), fields.count("d_vocab")
    positions = _positions(fields)
    return LensConfig(
        n_layers=_layers(fields),
        d_model=d_model,
        n_heads=n_heads,
        d_head=d_head,
        n_ctx=fields.count("n_ctx"),
        d_vocab=d_vocab,
        d_vocab_out=fields.count("d_vocab_out", d_vocab, unset=-1),
        d_mlp=d_mlp,
        act_fn=act_fn,
        normalization=_normalization(fields),
        final_rms=fields.flag("final_rms", False),
        eps=fields.agreed(("eps", "ln_eps"), fields.number, 1e-5),
        positions=positions,
        rotary_dim=_rotary_dim(fields, positions, d_head),
        rotary_base=fields.number("rotary_base", 10000.0),
        rotary_adjacent_pairs=fields.flag("rotary_adjacent_pairs", False),
        causal=_causal(fields),
        attn_scale=_attn_scale(fields, d_head),
        scale_by_layer=fields.flag("scale_attn_by_inverse_layer_idx", False),
        n_kv_heads=_kv_heads(fields, n_heads),
        gated_mlp=gated,
        parallel=_parallel(fields, attention_only),
        tied=fields.flag("tie_word_embeddings", False),
        prepend_bos=fields.flag("default_prepend_bos", True),
        tokenizer_name=fields.text("tokenizer_name"),
    )


def _layers(fields: Fields) -> int:
    layers = fields.count("n_layers")
    if layers > MOST_LAYERS:
        raise ModelError(f"{fields.where}: n_layers is {layers}; mend it, or get the file again")
    return layers


def _normalization(fields: Fields) -> Normalization | None:
    default: str | None = "LN"
    named = fields.agreed(("normalization_type", "normalization"), fields.text, default)
    if named is not None and named not in NORMALIZATIONS:
        near = did_you_mean(named, NORMALIZATIONS)
        raise UnsupportedModelError(
            f"{fields.where}: normalization {named!r} is not supported{near}; known: {', '.join(NORMALIZATIONS)}, null"
        )
    if fields.flag("uses_rms_norm", False) and named not in ("RMS", "RMSPre"):
        raise ModelError(f"{fields.where}: uses_rms_norm is true, but normalization is {named!r}; correct one of them")
    return cast("Normalization | None", named)


def _positions(fields: Fields) -> Positions:
    named = fields.text("positional_embedding_type", None)
    if fields.has("shortformer_pos"):
        short = "shortformer" if fields.flag("shortformer_pos", False) else "standard"
        if named not in (None, short):
            raise ModelError(
                f"{fields.where}: shortformer_pos says {short!r} positions, positional_embedding_type {named!r};"
                " leave the wrong one out"
            )
        named = short
    named = "standard" if named is None else named
    if named not in POSITIONS:
        raise UnsupportedModelError(
            f"{fields.where}: positional_embedding_type {named!r} is not supported{did_you_mean(named, POSITIONS)};"
            f" use a model with {', '.join(POSITIONS)} positions"
        )
    return cast("Positions", named)


def _rotary_dim(fields: Fields, positions: Positions, d_head: int) -> int:
    dim = fields.count("rotary_dim", d_head)
    if positions == "rotary" and (dim % 2 or dim > d_head):
        raise ModelError(f"{fields.where}: rotary_dim is {dim}; it must be even and at most d_head, {d_head}")
    return dim


def _neurons(fields: Fields, attention_only: bool) -> tuple[str | None, int | None, bool]:
    """Activation, neurons a block, and whether there is a gate."""
    if attention_only:
        fields.skip("act_fn", "gated_mlp", "d_mlp")
        return None, None, False
    act_fn, gated = fields.text("act_fn", None), fields.flag("gated_mlp", False)
    d_mlp = fields.count("d_mlp", 4 * fields.count("d_model"), unset=-1)
    if act_fn is None:
        raise ModelError(f"{fields.where}: act_fn is missing; a model with MLPs needs one (or attn_only true)")
    if act_fn not in ACTIVATIONS:
        near = did_you_mean(act_fn, ACTIVATIONS)
        raise UnsupportedModelError(
            f"{fields.where}: act_fn {act_fn!r} is not supported{near}; known: {', '.join(ACTIVATIONS)}"
        )
    if gated and act_fn.endswith("_ln"):
        raise UnsupportedModelError(f"{fields.where}: gated_mlp with act_fn {act_fn!r} is not supported; use either")
    return act_fn, d_mlp, gated


def _parallel(fields: Fields, attention_only: bool) -> bool:
    parallel = fields.flag("parallel_attn_mlp", False)
    if parallel and attention_only:
        raise ModelError(f"{fields.where}: parallel_attn_mlp is true and so is attn_only; set one of them to false")
    return parallel


def _heads(fields: Fields, d_model: int, d_head: int) -> int:
    if not d_model % d_head:
        return fields.count("n_heads", d_model // d_head, unset=-1)
    return fields.count("n_heads")


def _kv_heads(fields: Fields, n_heads: int) -> int:
    heads = fields.count("n_key_value_heads", n_heads)
    if n_heads % heads:
        raise ModelError(f"{fields.where}: n_key_value_heads is {heads}, which does not divide n_heads, {n_heads}")
    return heads


def _causal(fields: Fields) -> bool:
    direction = fields.text("attention_dir", "causal")
    if direction not in ("causal", "bidirectional"):
        raise UnsupportedModelError(
            f"{fields.where}: attention_dir {direction!r} is not supported; it is 'causal' or 'bidirectional'"
        )
    return direction == "causal"


def _attn_scale(fields: Fields, d_head: int) -> float:
    stated = fields.number("attn_scale", -1.0)
    if not fields.flag("use_attn_scale", True):
        return 1.0
    if stated == -1.0:
        return math.sqrt(d_head)
    if stated <= 0:
        raise ModelError(f"{fields.where}: attn_scale is {stated:g}; scores are divided by it, so it must be positive")
    return stated


def _refuse_the_rest(fields: Fields, attention_only: bool, ignore: Collection[str]) -> None:
    vouched = {*HARMLESS, *ignore, *(OF_NEURONS if attention_only else ())}
    for key, value in fields.rest():
        reason = None if key in vouched else _objection(key, value)
        if reason is not None:
            raise UnsupportedModelError(f"{fields.where}: {key} is {value!r:.60}: {reason}")


def _objection(key: str, value: object) -> str | None:
    """Why a key that nothing has read cannot stay; None where it can."""
    vouch = f"if it changes nothing here, name it: ignore_config=[{key!r}] or --ignore-config {key}"
    if key in MUST_BE_OFF:
        return None if _is_off(value) else f"{MUST_BE_OFF[key]} is not supported; use a model without"
    if key in MUST_BE_ONE:
        return None if value == 1 else f"only 1 is understood; {vouch}"
    if key == "architecture":
        advice = "load it with TransformerLens and save its state_dict"
        return f"{OTHER_LAYOUTS[str(value)]}; {advice}" if value in OTHER_LAYOUTS else None
    return f"the key is not understood, and could change what the model computes; {vouch}"


def _is_off(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or value is False or (number and cast("float", value) <= 0)
