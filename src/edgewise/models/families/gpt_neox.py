"""GPT-NeoX (Pythia): partial rotary positions, LayerNorm, q, k, v fused head by head, parallel or sequential blocks."""

from __future__ import annotations

from transformers import GPTNeoXForCausalLM

from edgewise.graph import GraphSpec
from edgewise.models.norms import Norm
from edgewise.models.understood import Understood
from edgewise.models.wiring import (
    Attention,
    Block,
    Mlp,
    OutputProjection,
    Projection,
    Wiring,
    interleaved_heads,
)

UNDERSTOOD = Understood(
    attributes=frozenset(
        """hidden_size intermediate_size num_hidden_layers num_attention_heads hidden_act max_position_embeddings
        layer_norm_eps rope_parameters rotary_pct rotary_emb_base use_parallel_residual attention_bias attention_dropout
        hidden_dropout classifier_dropout""".split()
    )
)


def wire(model: GPTNeoXForCausalLM) -> Wiring:
    """The wiring of a ``GPTNeoXForCausalLM``."""
    config, heads = model.config, model.config.num_attention_heads

    def norm(module: object) -> Norm:
        return Norm(module, centred=True, eps=config.layer_norm_eps)  # type: ignore[arg-type]

    blocks = tuple(
        Block(
            module=layer,
            attention=Attention(
                norm(layer.input_layernorm),
                q=Projection(layer.attention.query_key_value, interleaved_heads(0, heads)),
                k=Projection(layer.attention.query_key_value, interleaved_heads(1, heads)),
                v=Projection(layer.attention.query_key_value, interleaved_heads(2, heads)),
                out=OutputProjection(layer.attention.dense, heads),
            ),
            mlp=Mlp(norm(layer.post_attention_layernorm), layer.mlp),
        )
        for layer in model.gpt_neox.layers
    )
    spec = GraphSpec(
        n_layers=config.num_hidden_layers,
        n_heads=heads,
        d_model=config.hidden_size,
        parallel=config.use_parallel_residual,
    )
    return Wiring(model, spec, blocks, norm(model.gpt_neox.final_layer_norm), model.lm_head)
