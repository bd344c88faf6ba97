"""A transformer that computes what TransformerLens computes, in as few modules as the engine needs to hook.

Queries, keys and values are linear modules of their own, heads side by side; the residual stream is the first argument
of every block.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import Cache

from edgewise.errors import ModelError
from edgewise.models.lens.activations import activation
from edgewise.models.lens.config import LensConfig
from edgewise.models.lens.positions import Placement, visible


@dataclass(frozen=True)
class LensOutput:
    """What a run returns.

    Args:
        logits: ``[batch, pos, d_vocab_out]``.
    """

    logits: Float[Tensor, "batch pos d_vocab_out"]


class LensTransformer(nn.Module):
    """The whole model.

    Args:
        config: its shape and switches.
    """

    def __init__(self, config: LensConfig) -> None:
        """Random parameters, which a checkpoint replaces."""
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.d_vocab, config.d_model)
        self.pos_embed = nn.Embedding(config.n_ctx, config.d_model) if config.positions != "rotary" else None
        self.blocks = nn.ModuleList(LensBlock(config, layer) for layer in range(config.n_layers))
        self.ln_final = norm(config, centred=config.final_centred)
        self.unembed = nn.Linear(config.d_model, config.d_vocab_out)

    def forward(
        self,
        input_ids: Int[Tensor, "batch pos"],
        past_key_values: Cache | None = None,
        use_cache: bool = False,
        return_dict: bool = True,
    ) -> LensOutput:
        """Logits of token ids.

        Args:
            input_ids: token ids; with a cache, those that follow what it holds.
            past_key_values: keys and values of the tokens before, to which these tokens' own are added; for causal
                models.
            use_cache: of no effect: keys and values are kept where a cache is given.
            return_dict: only True; the result is an object with `logits`.

        Raises:
            ModelError: more tokens than the model has positions.
        """
        start = 0 if past_key_values is None else past_key_values.get_seq_length()
        stop = start + input_ids.shape[1]
        if stop > self.config.n_ctx:
            raise ModelError(f"{stop} tokens exceed the model's context of {self.config.n_ctx}; give shorter prompts")
        stream = self.embed(input_ids)
        learned = None if self.pos_embed is None else self.pos_embed.weight[start:stop]
        if self.config.positions == "standard" and learned is not None:
            stream = stream + learned
        placement = Placement.of(self.config, start, stop, learned, stream)
        for block in self.blocks:
            stream = block(stream, placement=placement, cache=past_key_values)
        return LensOutput(self.unembed(self.ln_final(stream)))


class LensBlock(nn.Module):
    """Attention, and the MLP where the model has one."""

    def __init__(self, config: LensConfig, layer: int) -> None:
        """The block of one layer."""
        super().__init__()
        self.parallel = config.parallel
        self.ln1 = norm(config, centred=config.centred)
        self.attn = LensAttention(config, layer)
        self.ln2 = norm(config, centred=config.centred) if config.d_mlp is not None else None
        self.mlp = mlp(config, config.d_mlp) if config.d_mlp is not None else None

    def forward(
        self, stream: Float[Tensor, "batch pos d_model"], placement: Placement, cache: Cache | None
    ) -> Float[Tensor, "batch pos d_model"]:
        """The stream after this block."""
        after: Tensor = stream + self.attn(self.ln1(stream), placement, cache)
        if self.mlp is None or self.ln2 is None:
            return after
        written: Tensor = self.mlp(self.ln2(stream if self.parallel else after))
        return after + written


class LensAttention(nn.Module):
    """Multi-head attention; several query heads may share a key/value head."""

    def __init__(self, config: LensConfig, layer: int) -> None:
        """The attention of one layer."""
        super().__init__()
        self.layer, self.causal = layer, config.causal
        self.n_heads, self.kv_heads = config.n_heads, config.n_kv_heads
        self.scale = config.score_scale(layer)
        width, kv_width = config.n_heads * config.d_head, config.n_kv_heads * config.d_head
        self.q = nn.Linear(config.d_model, width)
        self.k = nn.Linear(config.d_model, kv_width)
        self.v = nn.Linear(config.d_model, kv_width)
        self.out = nn.Linear(width, config.d_model)

    def forward(
        self, normed: Float[Tensor, "batch pos d_model"], placement: Placement, cache: Cache | None
    ) -> Float[Tensor, "batch pos d_model"]:
        """What the heads write together, bias included."""
        q = placement.turn(_by_head(placement.shift(self.q(normed), self.q), self.n_heads))
        k = placement.turn(_by_head(placement.shift(self.k(normed), self.k), self.kv_heads))
        v = _by_head(self.v(normed), self.kv_heads)
        if cache is not None:
            k, v = cache.update(k, v, self.layer)
        if self.kv_heads != self.n_heads:
            k, v = (x.repeat_interleave(self.n_heads // self.kv_heads, dim=1) for x in (k, v))
        seen = visible(q.shape[-2], k.shape[-2], q.device) if self.causal else None
        causal = self.causal and seen is None
        z = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=causal, scale=self.scale)
        written: Tensor = self.out(z.transpose(1, 2).flatten(2))
        return written


class LensMlp(nn.Module):
    """``act(x W_in + b_in) W_out + b_out``."""

    def __init__(self, config: LensConfig, width: int) -> None:
        """An MLP of `width` neurons."""
        super().__init__()
        self.w_in = nn.Linear(config.d_model, width)
        self.act = activation(config)
        self.w_out = nn.Linear(width, config.d_model)

    def forward(self, normed: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """What the MLP writes."""
        written: Tensor = self.w_out(self.act(self.w_in(normed)))
        return written


class LensGatedMlp(nn.Module):
    """``(act(x W_gate) * (x W_in) + b_in) W_out + b_out``: the bias comes after the product."""

    def __init__(self, config: LensConfig, width: int) -> None:
        """An MLP of `width` gated neurons."""
        super().__init__()
        self.w_gate = nn.Linear(config.d_model, width, bias=False)
        self.w_in = nn.Linear(config.d_model, width, bias=False)
        self.b_in = nn.Parameter(self.w_in.weight.new_zeros(width))
        self.act = activation(config)
        self.w_out = nn.Linear(width, config.d_model)

    def forward(self, normed: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """What the MLP writes."""
        written: Tensor = self.w_out(self.act(self.w_gate(normed)) * self.w_in(normed) + self.b_in)
        return written


def mlp(config: LensConfig, width: int) -> nn.Module:
    """The MLP of a block."""
    return LensGatedMlp(config, width) if config.gated_mlp else LensMlp(config, width)


def norm(config: LensConfig, *, centred: bool) -> nn.Module:
    """The norm in front of attention, MLP or unembedding; the identity for a model without norms."""
    if config.normalization is None:
        return nn.Identity()
    kind = nn.LayerNorm if centred else nn.RMSNorm
    return kind(config.d_model, eps=config.eps, elementwise_affine=config.has_gains)


def _by_head(x: Float[Tensor, "batch pos width"], heads: int) -> Float[Tensor, "batch heads pos d_head"]:
    per_head: Tensor = x.unflatten(-1, (heads, -1))
    return per_head.transpose(1, 2)
