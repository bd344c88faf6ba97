"""Weights files that do not fit their config, or hold more than tensors, are refused in one line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from edgewise.errors import ModelError
from edgewise.models import load_model
from tiny_lens import LensCheckpoint, checkpoint, dump, hub

Change = Callable[[dict[str, Tensor]], Mapping[str, Any]]


def changed(config: Mapping[str, Any], change: Change, folder: Path) -> Path:
    given = checkpoint(config)
    return LensCheckpoint(config, change(dict(given.tensors))).write(folder)


def drop(*parts: str) -> Change:
    return lambda tensors: {name: x for name, x in tensors.items() if not any(part in name for part in parts)}


def put(name: str, tensor: Tensor) -> Change:
    return lambda tensors: {**tensors, name: tensor}


def turn(*names: str) -> Change:
    return lambda tensors: {name: x.mT if name in names else x for name, x in tensors.items()}


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        (dump(), drop("blocks.1.attn.W_Q"), r"'blocks.1.attn.W_Q', \[4, 32, 8\] \(n_heads, d_model, d_head\), is miss"),
        (dump(), drop("W_U"), r"'unembed.W_U', \[32, 50\] \(d_model, d_vocab_out\), is missing"),
        (dump(), drop("ln"), r"'blocks.0.ln1.w'.* is missing; where norms were folded.*'LNPre'"),
        (dump(normalization_type="RMS"), drop("ln_final"), r"'ln_final.w'.* is missing; .*'RMSPre'"),
        (dump(), drop("ln1.b"), r"'blocks.0.ln1.b'.* is missing"),
        (dump(), drop("blocks.1.attn.b_K"), r"'blocks.1.attn.b_K'.* is missing; other blocks have theirs"),
        (dump(n_key_value_heads=2), drop("_W_K"), r"'blocks.0.attn._W_K', \[2, 32, 8\] \(n_key_value_heads, d_model"),
        (dump(normalization_type="LNPre"), put("blocks.0.ln1.w", torch.ones(32)), "no such place; normalization is"),
        (dump(), put("blocks.0.attn.W_K2", torch.ones(3)), r"'blocks.0.attn.W_K2', \[3\]: this config has no such"),
        (dump(), put("blocks.3.attn.W_Q", torch.ones(4, 32, 8)), "'blocks.3.attn.W_Q'.*no such place"),
        (dump(), put("embed.W_E", torch.ones(49, 32)), r"'embed.W_E' is \[49, 32\], but the config says \[50, 32\]"),
        (dump(), put("blocks.2.mlp.b_in", torch.ones(47)), r"'blocks.2.mlp.b_in' is \[47\].*\[48\] \(d_mlp\)"),
        (dump(), put("embed.W_E", torch.ones(50, 32, dtype=torch.int8)), r"'embed.W_E' is of type torch.int8"),
        (dump(), turn("embed.W_E"), r"'embed.W_E' is \[32, 50\].*stored transposed, as in old SoLU checkpoints"),
        (hub(), turn("pos_embed.W_pos"), r"'pos_embed.W_pos' is \[32, 24\].*stored transposed"),
        (hub(), turn("unembed.W_U"), r"'unembed.W_U' is \[50, 32\].*stored transposed"),
        (dump(), turn("blocks.0.attn.W_Q"), r"'blocks.0.attn.W_Q' is \[4, 8, 32\].*stored transposed"),
        (dump(attn_only=True), put("blocks.0.mlp.W_in", torch.ones(32, 48)), "'blocks.0.mlp.W_in'.*no such place"),
    ],
)
def test_tensors_that_do_not_fit(config: Mapping[str, Any], change: Change, message: str, tmp_path: Path) -> None:
    folder = changed(config, change, tmp_path / "model")
    with pytest.raises(ModelError, match=rf"^{folder}/model_final.pth: tensor .*{message}"):
        load_model(folder)


@pytest.mark.parametrize(
    ("put_in", "who"), [("module.", "DataParallel"), ("_orig_mod.", "torch.compile"), ("net.", "rename them")]
)
def test_what_was_put_before_every_name_is_the_cause(put_in: str, who: str, tmp_path: Path) -> None:
    folder = changed(dump(), lambda tensors: {put_in + name: x for name, x in tensors.items()}, tmp_path / "model")
    with pytest.raises(ModelError, match=rf"are missing .* every name in the file begins with '{put_in}'.*{who}"):
        load_model(folder)


def test_several_that_are_missing_are_counted(tmp_path: Path) -> None:
    folder = changed(dump(), drop("blocks.1.attn.W_"), tmp_path / "model")
    with pytest.raises(ModelError, match=r"'blocks.1.attn.W_Q'.* is missing; .*\(4 are missing in all\)"):
        load_model(folder)


def test_several_that_are_left_over_are_counted(tmp_path: Path) -> None:
    old = changed(dump(), lambda tensors: {n.replace("ln", "norm"): x for n, x in tensors.items()}, tmp_path / "old")
    with pytest.raises(ModelError, match=r"'blocks.0.ln1.w'.*is missing"):
        load_model(old)
    extra = changed(dump(), lambda x: {**x, "norm.w": torch.ones(3), "norm.b": torch.ones(3)}, tmp_path / "extra")
    with pytest.raises(ModelError, match=r"'norm.b', \[3\] and 1 more: this config has no such place"):
        load_model(extra)


class RunsCode:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"embed.W_E": RunsCode()}, "hold more than tensors, and that could run code; save the model's state_dict"),
        ({"model": {"embed.W_E": torch.ones(2)}}, "entry 'model' is a dict, not a tensor; save the model's state_dict"),
        ([torch.ones(2)], "hold no dict of tensors"),
        ({}, "hold no dict of tensors"),
    ],
)
@pytest.mark.parametrize("weights", ["model_final.pth", "model.pt"])
def test_files_with_other_content(content: Any, message: str, weights: str, tmp_path: Path) -> None:
    given = checkpoint(dump()).write(tmp_path, weights)
    torch.save(content, given / weights)
    with pytest.raises(ModelError, match=message):
        load_model(given)
    assert not Path("ran").exists()


@pytest.mark.parametrize("weights", ["model_final.pth", "model.pt", "model.safetensors"])
@pytest.mark.parametrize("size", [0, 10, 1000])
def test_files_that_are_cut(weights: str, size: int, tmp_path: Path) -> None:
    given = checkpoint(dump()).write(tmp_path, weights)
    (given / weights).write_bytes((given / weights).read_bytes()[:size])
    with pytest.raises(ModelError, match=rf"weights '{given / weights}' (cannot be read|hold more than tensors)"):
        load_model(given)


def test_the_format_of_old_torch_versions_is_read(tmp_path: Path) -> None:
    given = checkpoint(dump())
    folder = given.write(tmp_path)
    torch.save(dict(given.tensors), folder / "model_final.pth", _use_new_zipfile_serialization=False)
    assert load_model(folder).graph.spec.n_layers == 3
