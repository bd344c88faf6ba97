"""GPT-2: learned positions, LayerNorm, fused q, k, v in a transposed linear (``Conv1D``), sequential blocks."""

from __future__ import annotations

from transformers import GPT2LMHeadModel

from edgewise.graph import GraphSpec
from edgewise.models.norms import Norm
from edgewise.models.understood import Understood
from edgewise.models.wiring import Attention, Block, Mlp, OutputProjection, Projection, Wiring, stacked_heads

UNDERSTOOD = Understood(
    attributes=frozenset(
        """n_positions n_embd n_layer n_head n_inner n_ctx activation_function layer_norm_epsilon scale_attn_weights
        scale_attn_by_inverse_layer_idx reorder_and_upcast_attn add_cross_attention embd_pdrop attn_pdrop resid_pdrop
        summary_type summary_use_proj summary_activation summary_proj_to_labels summary_first_dropout""".split()
    ),
    required={"add_cross_attention": False},
)


def wire(model: GPT2LMHeadModel) -> Wiring:
    """The wiring of a ``GPT2LMHeadModel``."""
    config, heads = model.config, model.config.n_head

    def norm(module: object) -> Norm:
        return Norm(module, centred=True, eps=config.layer_norm_epsilon)  # type: ignore[arg-type]

    blocks = tuple(
        Block(
            module=layer,
            attention=Attention(
                norm(layer.ln_1),
                q=Projection(layer.attn.c_attn, stacked_heads(0, heads)),
                k=Projection(layer.attn.c_attn, stacked_heads(1, heads)),
                v=Projection(layer.attn.c_attn, stacked_heads(2, heads)),
                out=OutputProjection(layer.attn.c_proj, heads),
            ),
            mlp=Mlp(norm(layer.ln_2), layer.mlp),
        )
        for layer in model.transformer.h
    )
    spec = GraphSpec(n_layers=config.n_layer, n_heads=heads, d_model=config.n_embd)
    return Wiring(model, spec, blocks, norm(model.transformer.ln_f), model.lm_head)
