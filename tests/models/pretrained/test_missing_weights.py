"""A folder whose weights are not those of its config is refused in one line that names weights, count and cause."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

import tiny
from edgewise.errors import ModelError
from edgewise.models import load_model
from tiny_families import tiny as tiny_of

pytestmark = pytest.mark.slow

State = dict[str, Tensor]
Change = Callable[[State], State]
IDS = torch.arange(9)[None]


def drop(*parts: str) -> Change:
    return lambda state: {name: x for name, x in state.items() if not any(part in name for part in parts)}


def rename(pattern: str, to: str) -> Change:
    return lambda state: {re.sub(pattern, to, name): x for name, x in state.items()}


def put(*names: str, shape: tuple[int, ...] = (32,)) -> Change:
    return lambda state: {**state, **{name: torch.ones(shape, dtype=torch.float64) for name in names}}


def change_each(part: str, change: Callable[[Tensor], Tensor]) -> Change:
    return lambda state: {name: change(x) if part in name else x for name, x in state.items()}


def same(state: State) -> State:
    return state


def saved(folder: Path, change: Change = same, config: dict[str, Any] | None = None, model: Any = tiny.llama) -> Path:
    """A saved model whose weights and config were changed."""
    module: PreTrainedModel = model()
    module.save_pretrained(folder)
    weights, settings = folder / "model.safetensors", folder / "config.json"
    state = {name: x.contiguous() for name, x in change(load_file(weights)).items()}
    save_file(state, weights, metadata={"format": "pt"})
    settings.write_text(json.dumps(json.loads(settings.read_text()) | (config or {})))
    return folder


def refused(folder: Path, *parts: str) -> None:
    """Loading is refused in one line that holds some parts, before transformers reads a weight."""
    with pytest.raises(ModelError) as caught:
        load_model(folder, dtype="float64")
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    for part in parts:
        assert part in message


def tied() -> PreTrainedModel:
    return tiny.llama(tie_word_embeddings=True)


def mixtral() -> PreTrainedModel:
    return tiny_of("MixtralForCausalLM")


Q = "model.layers.0.self_attn.q_proj"
EXPERT = "model.layers.0.block_sparse_moe.experts"

LACKING: dict[str, tuple[Change, dict[str, Any], Any, tuple[str, ...]]] = {
    "a weight": (
        drop("layers.1.mlp.down"),
        {},
        tiny.llama,
        ("1 weight is missing", "layers.1.mlp.down_proj", "not whole"),
    ),
    "a norm": (drop("model.norm"), {}, tiny.llama, ("1 weight is missing", "'model.norm.weight'")),
    "a bias": (drop("h.1.mlp.c_fc.bias"), {}, tiny.gpt2, ("1 weight is missing", "'transformer.h.1.mlp.c_fc.bias'")),
    "positions": (drop("wpe"), {}, tiny.gpt2, ("'transformer.wpe.weight'",)),
    "every first norm": (
        drop("input_layernorm"),
        {},
        tiny.llama,
        ("3 weights are missing", "layers.0.input_layernorm"),
    ),
    "the head": (drop("lm_head"), {"tie_word_embeddings": False}, tied, ("'lm_head.weight'", "tie_word_embeddings is")),
    "both ends": (drop("embed_tokens"), {}, tied, ("2 weights are missing", "'model.embed_tokens.weight'")),
    "biases": (same, {"attention_bias": True}, tiny.llama, ("12 weights are missing", "and 9 more", "attention_bias")),
    "a layer": (
        same,
        {"num_hidden_layers": 4},
        tiny.llama,
        ("9 weights", "num_hidden_layers 4, and the file has 3 lay"),
    ),
    "two layers": (same, {"n_layer": 5}, tiny.gpt2, ("24 weights", "n_layer 5, and the file has 3 layers")),
    "a middle layer": (drop("layers.1."), {}, tiny.llama, ("9 weights are missing", "of the layers the file lacks 1;")),
    "a router": (drop("gate"), {}, mixtral, ("2 weights are missing", "mlp.gate.weight")),
    "an expert": (drop("experts.1."), {}, mixtral, (f"'{EXPERT}.1.w1.weight' is missing", "number 3")),
    "a part of an expert": (drop("0.block_sparse_moe.experts.3.w1"), {}, mixtral, ("experts are missing", "have 4")),
    "a number": (rename(r"experts\.1\.", "experts.4."), {}, mixtral, (f"'{EXPERT}.1.w1.weight' is missing",)),
    "all of it": (rename("^", "a.b.c.d."), {}, tiny.llama, ("30 weights are missing", "no name in the file is one of")),
}


@pytest.mark.parametrize("case", LACKING)
def test_weights_that_are_not_in_the_file(case: str, tmp_path: Path) -> None:
    change, config, model, parts = LACKING[case]
    refused(saved(tmp_path, change, config, model), *parts)


@pytest.mark.parametrize(
    ("pattern", "put_in", "parts"),
    [
        ("^", "module.", ("every name in the file begins with 'module.'", "DataParallel")),
        ("^", "_orig_mod.", ("every name in the file begins with '_orig_mod.'", "torch.compile")),
        ("^", "module._orig_mod.", ("begins with 'module._orig_mod.'",)),
        ("^", "student.net.", ("begins with 'student.net.'", "rename them")),
        ("^", "base_model.model.", ("begins with 'base_model.model.'", "merge_and_unload")),
        (r"(layers\.\d)", r"\1._checkpoint_wrapped_module", ("'_checkpoint_wrapped_module'", "checkpointing")),
        ("self_attn", "self_attn._fsdp_wrapped_module", ("12 weights are missing", "FSDP")),
        ("q_proj", "q_proj.base_layer", ("3 weights are missing", "base_layer", "merge_and_unload")),
    ],
)
def test_what_was_put_into_names_is_the_cause(
    pattern: str, put_in: str, parts: tuple[str, ...], tmp_path: Path
) -> None:
    refused(saved(tmp_path, rename(pattern, put_in)), "would be random", *parts)


def test_a_prefix_in_the_place_of_the_models_own(tmp_path: Path) -> None:
    refused(saved(tmp_path, rename(r"^transformer\.", "module."), {}, tiny.gpt2), "'module.'", "DataParallel")


LEFT_OVER: dict[str, tuple[Change, dict[str, Any], tuple[str, ...]]] = {
    "a layer": (same, {"num_hidden_layers": 2}, ("9 weights", "num_hidden_layers 2, and the file has 3 layers")),
    "a bias": (put(f"{Q}.bias"), {}, ("1 weight of the file", f"'{Q}.bias'", "attention_bias")),
    "a norm": (put(f"{Q.replace('proj', 'norm')}.weight"), {}, ("q_norm.weight", "config.json leaves out")),
    "a bias of the head": (put("lm_head.bias"), {}, ("'lm_head.bias'",)),
    "a part of the stream": (put("model.projection.weight"), {}, ("'model.projection.weight'",)),
    "an adapter": (put(f"{Q}.lora_A.weight"), {}, ("lora_A", "an adapter was saved unmerged", "merge_and_unload")),
    "a base layer": (put(f"{Q}.base_layer.weight"), {}, ("base_layer", "an adapter was saved unmerged")),
    "a block elsewhere": (put("draft.layers.0.self_attn.q_proj.weight"), {}, ("'draft.layers.0.self_attn.q_proj.",)),
}


@pytest.mark.parametrize("case", LEFT_OVER)
def test_weights_that_the_model_has_no_place_for(case: str, tmp_path: Path) -> None:
    change, config, parts = LEFT_OVER[case]
    refused(saved(tmp_path, change, config), "no place in the model and would be left out", *parts)


SHAPES: dict[str, tuple[Change, dict[str, Any], Any, tuple[str, ...]]] = {
    "transposed": (change_each("down_proj", lambda x: x.T), {}, tiny.llama, ("[48, 32]", "[32, 48]", "transposed")),
    "transposed gpt2": (change_each("1.attn.c_attn.weight", lambda x: x.T), {}, tiny.gpt2, ("[96, 32]", "[32, 96]")),
    "vocabulary": (same, {"vocab_size": 49}, tied, ("[50, 32]", "[49, 32]", "vocab_size 49, and the file has 50 rows")),
    "width": (same, {"intermediate_size": 40}, tiny.llama, ("[32, 48]", "[32, 40]", "and 8 more", "another model")),
    "key/value heads": (same, {"num_key_value_heads": 4}, tiny.llama, ("[16, 32]", "[32, 32]")),
    "experts": (drop("experts.3."), {}, mixtral, ("[3, 32, 40]", "[4, 32, 40]", "counts experts")),
    "one expert": (
        change_each("0.block_sparse_moe.experts.1.w1", lambda x: x[:4]),
        {},
        mixtral,
        ("[4, 32]", "[40, 32]"),
    ),
    "whole numbers": (
        change_each("down_proj", lambda x: x.to(torch.int8)),
        {},
        tiny.llama,
        ("3 weights are whole num",),
    ),
    "packed": (change_each("down_proj", lambda x: x.to(torch.uint32)), {}, tiny.llama, ("3 weights are whole num",)),
    "complex": (change_each("1.mlp.down", lambda x: x.to(torch.complex64)), {}, tiny.llama, ("1 weights are complex",)),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_that_do_not_fit_are_both_named(case: str, tmp_path: Path) -> None:
    change, config, model, parts = SHAPES[case]
    refused(saved(tmp_path, change, config, model), *parts)


FITTING: dict[str, tuple[Change, Any]] = {
    "as saved": (same, tiny.llama),
    "old buffers": (put(f"{Q[:-7]}.rotary_emb.inv_freq", f"{Q[:-7]}.masked_bias", "position_ids"), tiny.llama),
    "old masks": (put("transformer.h.0.attn.bias", shape=(1, 1, 24, 24)), tiny.gpt2),
    "heads of other tasks": (put("score.weight", "v_head.summary.bias", "classifier.dense.weight"), tiny.llama),
    "without the head's part": (rename(r"^transformer\.", ""), tiny.gpt2),
    "tied, under the head's name": (rename("model.embed_tokens", "lm_head"), tied),
    "tied, under both names": (
        lambda state: {**state, "lm_head.weight": state["model.embed_tokens.weight"].clone()},
        tied,
    ),
    "experts one by one": (same, mixtral),
}


@pytest.mark.parametrize("case", FITTING)
def test_what_changes_nothing_is_not_refused(case: str, tmp_path: Path) -> None:
    change, model = FITTING[case]
    saved(tmp_path, change, {}, model)
    with torch.no_grad():
        found = load_model(tmp_path, dtype="float64").module(IDS).logits
        assert (found - model()(IDS).logits).abs().max() < 1e-6


def test_a_whole_folder_gives_plain_transformers_logits(tmp_path: Path) -> None:
    saved(tmp_path)
    with torch.no_grad():
        plain = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64)(IDS).logits
        assert torch.equal(load_model(tmp_path, dtype="float64").module(IDS).logits, plain)


def test_no_weight_is_read_before_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError("the weights were read")

    monkeypatch.setattr("edgewise.models.pretrained.weights.from_pretrained", read)
    refused(saved(tmp_path, drop("model.norm")), "'model.norm.weight'")


def test_what_is_told_after_the_loading_is_judged_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a hub name, whose files are not there before it."""
    monkeypatch.setattr("edgewise.models.pretrained.weights.rehearse", lambda *_: None)
    refused(saved(tmp_path, drop("model.norm")), "'model.norm.weight'", "would be random")
    refused(saved(tmp_path, same, {"vocab_size": 49}), "[50, 32]", "[49, 32]")


def test_the_report_that_was_judged_is_not_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused(saved(tmp_path, drop("model.norm")), "'model.norm.weight'")
    assert "REPORT" not in "".join(capfd.readouterr())
