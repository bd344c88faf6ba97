"""Where a `LensTransformer` reads and writes the residual stream."""

from __future__ import annotations

from typing import cast

from torch import nn

from edgewise.errors import UnsupportedModelError
from edgewise.models.family import Family, understood
from edgewise.models.lens.module import LensBlock, LensTransformer
from edgewise.models.norms import Norm
from edgewise.models.query_heads import by_query_head
from edgewise.models.wiring import Attention, Block, Mlp, OutputProjection, Projection, Wiring, separate_heads


def wire_lens(model: LensTransformer, kv_heads: str = "native") -> Wiring:
    """The wiring of a native module, with its own key/value heads or one for every query head.

    Raises:
        UnsupportedModelError: keys that positions are added to, where one for every query head is asked for.
    """
    wiring = _native(model)
    if kv_heads == "native" or not wiring.spec.is_grouped:
        return wiring
    if model.config.positions == "shortformer":
        raise UnsupportedModelError(
            "this model adds positions to the keys of its groups of heads, so they cannot be separated for every query"
            " head; use kv_heads='native'"
        )
    told = {"kv_heads": wiring.spec.n_heads}
    return by_query_head(wiring, Family("LensTransformer", "TransformerLens's", understood(""), _native, told=told))


def _native(model: LensTransformer) -> Wiring:
    config = model.config

    def norm(module: nn.Module, centred: bool) -> Norm:
        return Norm.none(module) if config.normalization is None else Norm(module, centred, config.eps)

    def block(module: LensBlock) -> Block:
        attention = module.attn
        return Block(
            module=module,
            attention=Attention(
                norm(module.ln1, config.centred),
                q=Projection(attention.q, separate_heads(config.n_heads)),
                k=Projection(attention.k, separate_heads(config.n_kv_heads)),
                v=Projection(attention.v, separate_heads(config.n_kv_heads)),
                out=OutputProjection(attention.out, config.n_heads),
            ),
            mlp=None if module.mlp is None or module.ln2 is None else Mlp(norm(module.ln2, config.centred), module.mlp),
        )

    blocks = tuple(block(cast("LensBlock", module)) for module in model.blocks)
    final = norm(model.ln_final, config.final_centred)
    return Wiring(model, config.spec, blocks, final, model.unembed, causal=config.causal)
