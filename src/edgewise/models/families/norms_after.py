"""Llama's kind with a norm between what attention or MLP makes and the stream, and maybe none in front of them.

Where no norm stands in front, the attention and the MLP themselves are given the stream. Queries and keys may be normed
head by head, or all heads together: then a change at one head's query changes them all. Soft-caps, scaled embeddings,
windows and layers without positions are the model's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from edgewise.graph import GraphSpec
from edgewise.models.families.llama import COMMON, WINDOW, gemma_norm, projections
from edgewise.models.family import Family, NormKind, rms_norm, understood
from edgewise.models.norms import Norm
from edgewise.models.wiring import Attention, Block, Mlp, OutputProjection, Wiring


@dataclass(frozen=True)
class Names:
    """What a decoder layer calls its norms.

    Args:
        before: the names of those in front of attention and MLP; None where there are none.
        after: likewise behind them.
    """

    before: tuple[str, str] | None
    after: tuple[str, str]


GEMMA = Names(
    before=("input_layernorm", "pre_feedforward_layernorm"),
    after=("post_attention_layernorm", "post_feedforward_layernorm"),
)
GLM = Names(
    before=("input_layernorm", "post_attention_layernorm"),
    after=("post_self_attn_layernorm", "post_mlp_layernorm"),
)
OLMO = Names(before=None, after=("post_attention_layernorm", "post_feedforward_layernorm"))


def wire(model: Any, *, names: Names, norm: NormKind = rms_norm, joint: bool = False) -> Wiring:
    """The wiring of a class of this kind.

    Args:
        model: the module.
        names: where its norms are.
        norm: what they are.
        joint: whether queries and keys are normed over all heads together.
    """
    config = model.config
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads

    def named(layer: Any, name: str) -> Norm:
        return norm(config, getattr(layer, name))

    def before(layer: Any, which: int, reader: nn.Module) -> Norm:
        return Norm.none(reader) if names.before is None else named(layer, names.before[which])

    def block(layer: Any) -> Block:
        attention, mlp = layer.self_attn, layer.mlp
        q, k, v = projections(attention, heads, kv_heads)
        out = OutputProjection(attention.o_proj, heads, after=named(layer, names.after[0]))
        return Block(
            layer,
            Attention(before(layer, 0, attention), q, k, v, out, joint=joint),
            Mlp(before(layer, 1, mlp), mlp, out=getattr(layer, names.after[1])),
        )

    body = model.model
    spec = GraphSpec(config.num_hidden_layers, heads, config.hidden_size, n_kv_heads=kv_heads)
    return Wiring(model, spec, tuple(map(block, body.layers)), norm(config, body.norm), model.lm_head)


# A bias would be scaled by the norm behind it, so a constant of the stream would depend on what the heads write.
NO_BIAS = {"attention_bias": False}


def _row(
    architecture: str, note: str, attributes: str, required: Mapping[str, Any] | None = None, **differs: Any
) -> Family:
    attributes = f"{COMMON} rms_norm_eps {attributes}"
    return Family(architecture, note, understood(attributes, required), partial(wire, **differs))


GEMMA_ATTRIBUTES = f"""hidden_activation query_pre_attn_scalar attn_logit_softcapping final_logit_softcapping
    {WINDOW}"""

ROWS = (
    _row(
        "Gemma2ForCausalLM",
        "as Gemma, norms before and after, soft-caps, every other layer with a sliding window",
        GEMMA_ATTRIBUTES,
        NO_BIAS,
        names=GEMMA,
        norm=gemma_norm,
    ),
    _row(
        "Gemma3ForCausalLM",
        "as Gemma 2, with norms of queries and keys; the text models",
        GEMMA_ATTRIBUTES,
        NO_BIAS,
        names=GEMMA,
        norm=gemma_norm,
    ),
    _row(
        "Olmo2ForCausalLM",
        "as Llama, norms after instead of before, queries and keys normed over all heads",
        "",
        NO_BIAS,
        names=OLMO,
        joint=True,
    ),
    _row(
        "Olmo3ForCausalLM",
        "as OLMo 2, most layers with a sliding window",
        WINDOW,
        NO_BIAS,
        names=OLMO,
        joint=True,
    ),
    _row(
        "Exaone4ForCausalLM",
        "as OLMo 2, queries and keys normed by head, some layers with a sliding window",
        f"sliding_window_pattern {WINDOW}",
        names=OLMO,
    ),
    _row("Glm4ForCausalLM", "as Llama, norms before and after", "attention_bias", names=GLM),
)

REFUSED = {
    "Gemma3ForConditionalGeneration": (
        "it reads images too; give load_model its text part, loaded: text = Gemma3ForCausalLM(whole.config.text_config)"
        " with text.model = whole.model.language_model and text.lm_head = whole.lm_head"
    ),
}
