"""What a TransformerLens config says about the forward pass, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from edgewise.graph import GraphSpec

Normalization: TypeAlias = Literal["LN", "LNPre", "RMS", "RMSPre"]
Positions: TypeAlias = Literal["standard", "shortformer", "rotary"]


@dataclass(frozen=True)
class LensConfig:
    """The shape and the switches of a model, after `dialects.read_config` understood its config.

    Args:
        n_layers: blocks.
        d_model: width of the residual stream.
        n_heads: query heads a block.
        d_head: width of a head.
        n_ctx: positions at most.
        d_vocab: token ids that can be embedded.
        d_vocab_out: token ids that can be predicted.
        d_mlp: neurons a block; None for an attention-only model.
        act_fn: the neurons' activation; None for an attention-only model.
        normalization: LayerNorm or RMSNorm, with gains ("LN", "RMS") or folded into the weights ("LNPre", "RMSPre");
            None for a model without norms.
        final_rms: the norm in front of the unembedding is an RMSNorm even where the others are LayerNorms.
        eps: the constant under the norms' square root.
        positions: learned and added to the stream; learned and added to the inputs of queries and keys; or rotary.
        rotary_dim: leading coordinates of a head that are rotated.
        rotary_base: base of the rotation's frequencies.
        rotary_adjacent_pairs: coordinates (0, 1), (2, 3), ... turn together; else i and i + rotary_dim / 2 do.
        causal: a position attends to none after it.
        attn_scale: what attention scores are divided by.
        scale_by_layer: block l divides them by l + 1 too.
        n_kv_heads: key/value heads a block.
        gated_mlp: whether a gate multiplies the neurons.
        parallel: attention and MLP of a block read the same stream.
        tied: the unembedding may be the transposed embedding.
        prepend_bos: text gets a beginning-of-sequence token unless the user says otherwise.
        tokenizer_name: hub name of its tokenizer.
    """

    n_layers: int
    d_model: int
    n_heads: int
    d_head: int
    n_ctx: int
    d_vocab: int
    d_vocab_out: int
    d_mlp: int | None
    act_fn: str | None
    normalization: Normalization | None
    final_rms: bool
    eps: float
    positions: Positions
    rotary_dim: int
    rotary_base: float
    rotary_adjacent_pairs: bool
    causal: bool
    attn_scale: float
    scale_by_layer: bool
    n_kv_heads: int
    gated_mlp: bool
    parallel: bool
    tied: bool
    prepend_bos: bool
    tokenizer_name: str | None

    @property
    def vocab_size(self) -> int:
        """Number of token ids that can be embedded."""
        return self.d_vocab

    @property
    def output_size(self) -> int:
        """Number of token ids that can be predicted."""
        return self.d_vocab_out

    @property
    def max_position_embeddings(self) -> int:
        """The context in tokens."""
        return self.n_ctx

    @property
    def has_gains(self) -> bool:
        """Whether the norms have parameters of their own."""
        return self.normalization in ("LN", "RMS")

    @property
    def centred(self) -> bool:
        """Whether the blocks' norms subtract the mean."""
        return self.normalization in ("LN", "LNPre")

    @property
    def final_centred(self) -> bool:
        """Whether the norm in front of the unembedding subtracts the mean."""
        return self.centred and not self.final_rms

    @property
    def spec(self) -> GraphSpec:
        """The shape of the model's graph."""
        return GraphSpec(
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            d_model=self.d_model,
            n_kv_heads=self.n_kv_heads,
            has_mlp=self.d_mlp is not None,
            parallel=self.parallel,
        )

    def score_scale(self, layer: int) -> float:
        """What block `layer` multiplies its attention scores by."""
        return 1 / (self.attn_scale * (layer + 1 if self.scale_by_layer else 1))
