"""A GGUF file's keys as a config, and the config held against them.

``transformers`` takes the keys that it has names for and passes over the others, also over those that change what the
model computes. So every key of the architecture must be one whose meaning is known here, and the config must say the
same as the file; another file is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from transformers import AutoConfig
from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from edgewise.errors import UnsupportedModelError
from edgewise.models.pretrained.gguf.header import Header
from edgewise.models.pretrained.gguf.reader import reading_quickly
from edgewise.models.pretrained.gguf.rotary import mend_rotary, rotary_size, scaling, thetas
from edgewise.models.pretrained.library import from_pretrained

# Shapes of weights show these, and text about the training.
SHOWN_BY_SHAPES = frozenset(
    """context_length block_count embedding_length feed_forward_length vocab_size expert_count
    expert_feed_forward_length expert_shared_feed_forward_length rope.scaling.original_context_length
    rope.scaling.finetuned""".split()
)
# Which the reader of configs puts into configs that have no use for them.
_STRAY = ("unk_token_id", "n_ctx", "feed_forward_length")
# llama.cpp knows by the number of layers which Gemma scales queries by another size than a head's; no key says it.
_GEMMA_27B = {"gemma2": 46, "gemma3_text": 62}


def _attribute(*names: str) -> Callable[[Any], Any]:
    """The first of these attributes that a config has."""
    return lambda config: next((getattr(config, name) for name in names if hasattr(config, name)), None)


_head_size = _attribute("head_dim")
MEANINGS: Mapping[str, Callable[[Any], Any]] = {
    "attention.head_count": _attribute("num_attention_heads"),
    "attention.head_count_kv": _attribute("num_key_value_heads", "num_kv_heads", "num_attention_heads"),
    "attention.key_length": _head_size,
    "attention.value_length": _head_size,
    "attention.layer_norm_rms_epsilon": _attribute("rms_norm_eps", "layer_norm_epsilon"),
    "attention.layer_norm_epsilon": _attribute("layer_norm_epsilon", "layer_norm_eps"),
    "attention.sliding_window": _attribute("sliding_window"),
    "attention.causal": lambda config: True,
    "attn_logit_softcapping": _attribute("attn_logit_softcapping"),
    "final_logit_softcapping": _attribute("final_logit_softcapping"),
    "use_parallel_residual": _attribute("use_parallel_residual"),
    "expert_used_count": _attribute("num_experts_per_tok"),
    "rope.dimension_count": rotary_size,
    "rope.freq_base": lambda config: thetas(config)[0],
    "rope.freq_base_swa": lambda config: thetas(config)[-1],
    "rope.scaling.type": lambda config: scaling(config)[0],
    "rope.scaling.factor": lambda config: scaling(config)[1],
}


def read_settings(name: str, header: Header) -> Any:
    """The config of a file.

    Raises:
        UnsupportedModelError: an architecture that ``transformers`` does not read, or that predicts no next token.
    """
    _require_readable(header)
    options = {} if header.vocabulary is None else {"vocab_size": header.vocabulary}
    with reading_quickly():
        config = from_pretrained(name, AutoConfig, str(header.path.parent), gguf_file=header.path.name, **options)
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise UnsupportedModelError(
            f"GGUF file {str(header.path)!r}: architecture {header.architecture!r} is no decoder-only language model;"
            " use another model"
        )
    config.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[config.model_type]]
    for stray in _STRAY:
        vars(config).pop(stray, None)
    if hasattr(config, "head_dim") and "attention.key_length" in header.own:
        config.head_dim = header.own["attention.key_length"]
    if config.model_type in _GEMMA_27B:
        special = config.num_hidden_layers == _GEMMA_27B[config.model_type]
        scale = config.hidden_size // config.num_attention_heads if special else config.head_dim
        config.query_pre_attn_scalar = scale
    mend_rotary(header, config)
    return config


def _require_readable(header: Header) -> None:
    known = {_letters(architecture) for architecture in GGUF_SUPPORTED_ARCHITECTURES}
    if _letters(header.architecture) not in known:
        raise UnsupportedModelError(
            f"GGUF file {str(header.path)!r}: transformers does not read architecture {header.architecture!r} from"
            " GGUF; use the model's own checkpoint (safetensors)"
        )


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def require_same(header: Header, config: Any, ignore: Collection[str] = ()) -> None:
    """Refuse keys without a known meaning, and values that the config does not have.

    Args:
        header: the file's header.
        config: what ``transformers`` made of it.
        ignore: keys the user vouches for.

    Raises:
        UnsupportedModelError: naming the keys.
    """
    own = {key: value for key, value in header.own.items() if key not in SHOWN_BY_SHAPES}
    own = {key: value for key, value in own.items() if not {key, f"{header.architecture}.{key}"} & set(ignore)}
    unknown = [f"{header.architecture}.{key}" for key in own if key not in MEANINGS]
    if unknown:
        raise UnsupportedModelError(
            f"GGUF file {str(header.path)!r}: {', '.join(unknown)} not understood, and could change what the model"
            " computes; if they do not, name them: ignore_config=[...] or --ignore-config KEY"
        )
    for key, value in own.items():
        meant = MEANINGS[key](config)
        if not _same(value, meant):
            raise UnsupportedModelError(
                f"GGUF file {str(header.path)!r}: {header.architecture}.{key} is {value!r:.60}, but transformers reads"
                f" it as {meant!r}; use the model's own checkpoint (safetensors)"
            )


def _same(value: Any, meant: Any) -> bool:
    if isinstance(value, list):
        return all(_same(one, meant) for one in value)
    if isinstance(value, int | float) and isinstance(meant, int | float):
        return math.isclose(value, meant, rel_tol=1e-6)
    return bool(value == meant)
