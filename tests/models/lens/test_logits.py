"""Logits of a loaded checkpoint equal those of the brute-force transformer made from the same files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bruteforce.from_lens import from_lens
from bruteforce.transformer import run
from edgewise.errors import ModelError
from edgewise.models import Model, load_model
from edgewise.models.lens.activations import ACTIVATIONS
from tiny_lens import CONFIGS, MAX_POSITIONS, LensCheckpoint, checkpoint, dump, hub

pytestmark = pytest.mark.slow

VARIANTS: dict[str, Mapping[str, Any]] = {
    **CONFIGS,
    **{f"activation {name}": dump(act_fn=name) for name in ACTIVATIONS},
    "hub dialect": hub(),
    "hub dialect, RMS at the end, other epsilon": hub(final_rms=True, ln_eps=0.1),
    "hub dialect, shortformer, attention only": hub(attn_only=True, shortformer_pos=True, act_fn=None, d_mlp=None),
    "hub dialect, no norms": hub(normalization=None, act_fn="gelu"),
    "defaults alone": {
        name: dump()[name]
        for name in ("n_layers", "d_model", "d_head", "n_heads", "n_ctx", "d_vocab", "d_mlp", "act_fn")
    },
    "other epsilon": dump(eps=0.3),
    "folded": dump(normalization_type="LNPre", act_fn="solu_ln"),
    "folded, RMS at the end": dump(normalization_type="LNPre", final_rms=True),
    "RMS": dump(normalization_type="RMS", uses_rms_norm=True),
    "RMS, normed SoLU": dump(normalization_type="RMS", act_fn="solu_ln"),
    "RMS folded": dump(normalization_type="RMSPre", eps=0.1),
    "rotary, halves": dump(positional_embedding_type="rotary"),
    "rotary, half of the head, halves": dump(positional_embedding_type="rotary", rotary_dim=4),
    "rotary, adjacent": dump(positional_embedding_type="rotary", rotary_adjacent_pairs=True, rotary_base=100.0),
    "bidirectional rotary": dump(positional_embedding_type="rotary", attention_dir="bidirectional"),
    "bidirectional shortformer": dump(positional_embedding_type="shortformer", attention_dir="bidirectional"),
    "grouped": dump(n_key_value_heads=2),
    "one key/value head": dump(n_key_value_heads=1),
    "as many key/value heads as heads": dump(n_key_value_heads=4),
    "gated": dump(gated_mlp=True, act_fn="gelu"),
    "parallel": dump(parallel_attn_mlp=True),
    "scores not scaled": dump(use_attn_scale=False),
    "scores scaled otherwise": dump(attn_scale=5.0),
    "scale left to the head": dump(attn_scale=-1.0),
    "scaled by layer": dump(scale_attn_by_inverse_layer_idx=True),
    "wide heads": dump(d_head=12, n_heads=4, attn_scale=math.sqrt(12)),
    "fewer outputs than inputs": dump(d_vocab_out=7),
}


def ids(seed: int = 1, rows: int = 3, length: int = MAX_POSITIONS, vocabulary: int = 50) -> Tensor:
    return torch.randint(vocabulary, (rows, length), generator=torch.Generator().manual_seed(seed))


def expected(given: LensCheckpoint) -> Tensor:
    with torch.no_grad():
        return run(from_lens(given.config, given.tensors), ids()).logits


def logits(model: Model) -> Tensor:
    with torch.no_grad():
        return model.module(ids()).logits


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant(name: str, tmp_path: Path) -> None:
    given = checkpoint(VARIANTS[name], seed=3)
    model = load_model(given.write(tmp_path), dtype="float64")
    truth = expected(given)
    assert logits(model).dtype == torch.float64
    assert (logits(model) - truth).abs().max() <= 1e-12 * truth.abs().max()
    assert truth.abs().max() > 0.5
    assert model.output_size == truth.shape[-1]
    assert model.max_positions == MAX_POSITIONS


@pytest.mark.parametrize(
    ("base", "change"),
    [
        ({}, {"eps": 0.3}),
        ({}, {"positional_embedding_type": "shortformer"}),
        ({}, {"attention_dir": "bidirectional"}),
        ({}, {"use_attn_scale": False}),
        ({}, {"attn_scale": 5.0}),
        ({}, {"scale_attn_by_inverse_layer_idx": True}),
        ({}, {"parallel_attn_mlp": True}),
        ({}, {"act_fn": "silu"}),
        ({"normalization_type": "LNPre"}, {"normalization_type": "RMSPre"}),
        ({"normalization_type": "LNPre"}, {"normalization_type": None}),
        ({"normalization_type": "LNPre"}, {"final_rms": True}),
        ({"normalization_type": "LNPre", "act_fn": "solu"}, {"act_fn": "solu_ln"}),
        ({"positional_embedding_type": "rotary"}, {"rotary_dim": 4}),
        ({"positional_embedding_type": "rotary"}, {"rotary_base": 100}),
        ({"positional_embedding_type": "rotary"}, {"rotary_adjacent_pairs": True}),
    ],
)
def test_every_switch_changes_the_logits(base: dict[str, Any], change: dict[str, Any]) -> None:
    """Otherwise an equal twin would say nothing about it."""
    given = checkpoint(dump(**base))
    other = LensCheckpoint(dict(given.config) | change, given.tensors)
    assert (logits(load_model(given.load())) - logits(load_model(other.load()))).abs().max() > 1e-3


@pytest.mark.parametrize("weights", ["model_final.pth", "weights.pth", "weights.pt", "model.safetensors"])
def test_every_kind_of_file(weights: str, tmp_path: Path) -> None:
    given = checkpoint(dump())
    assert torch.equal(
        logits(load_model(given.write(tmp_path, weights), dtype="float64")),
        logits(load_model(given.load())),
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_lower_precision(dtype: str, tmp_path: Path) -> None:
    given = checkpoint(CONFIGS["lens-rotary-gated-grouped"])
    model = load_model(given.write(tmp_path), dtype=dtype)
    error = (logits(model).double() - expected(given)).abs().max() / expected(given).abs().max()
    assert logits(model).dtype == model.dtype == getattr(torch, dtype)
    assert error < {"float32": 1e-5, "float16": 1e-2, "bfloat16": 1e-1}[dtype]


@pytest.mark.parametrize(
    "absent",
    [("unembed.b_U",), ("attn.b_Q", "attn.b_K", "attn.b_V", "attn.b_O"), ("mlp.b_in", "mlp.b_out"), (".b_", "ln.b")],
)
@pytest.mark.parametrize("config", [dump(), dump(gated_mlp=True), dump(n_key_value_heads=2)])
def test_biases_that_are_left_out_are_zero(absent: tuple[str, ...], config: dict[str, Any], tmp_path: Path) -> None:
    given = checkpoint(config)
    kept = {name: x for name, x in given.tensors.items() if not any(part in name for part in absent)}
    assert len(kept) < len(given.tensors)
    without = LensCheckpoint(config, kept)
    assert (logits(load_model(without.write(tmp_path), dtype="float64")) - expected(without)).abs().max() <= 1e-12


@pytest.mark.parametrize("stored", [True, False])
def test_a_tied_unembedding_is_the_embedding_unless_it_is_stored(stored: bool, tmp_path: Path) -> None:
    given = checkpoint(dump(tie_word_embeddings=True))
    kept = {name: x for name, x in given.tensors.items() if stored or name != "unembed.W_U"}
    tied = LensCheckpoint(given.config, kept)
    assert (logits(load_model(tied.write(tmp_path), dtype="float64")) - expected(tied)).abs().max() <= 1e-12


def test_the_module_itself_can_be_given() -> None:
    module = checkpoint(CONFIGS["lens-bidirectional-without-norms"]).load()
    model = load_model(module)
    assert (model.wiring.causal, model.bos, model.vocab_size, model.output_size) == (False, True, 50, 55)
    assert model.module is module
    assert model.name == "LensTransformer"
    with pytest.raises(ModelError, match="already loaded: dtype, devices, config and file are its own"):
        load_model(module, config="config.json")
    with pytest.raises(ModelError, match="training mode"):
        load_model(module.train())


def test_more_tokens_than_positions_are_refused() -> None:
    model = load_model(checkpoint(dump()).load())
    with pytest.raises(ModelError, match=f"25 tokens exceed the model's context of {MAX_POSITIONS}"):
        model.module(ids(length=MAX_POSITIONS + 1))
