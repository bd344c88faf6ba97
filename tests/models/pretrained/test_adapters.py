"""Adapters: told from models, merged when asked for, and never left out in silence."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

import tiny
from edgewise.errors import ModelError
from edgewise.models import load_model

pytestmark = pytest.mark.slow

peft = pytest.importorskip("peft")
IDS = torch.arange(9)[None]
TARGETS = {"llama": ["q_proj", "down_proj"], "gpt2": ["c_attn", "c_proj"]}
SCALE = 7 / 3  # lora_alpha / r


def wrapped(model: PreTrainedModel, config: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's own
        made: nn.Module = peft.get_peft_model(model, config)
    draw = torch.Generator().manual_seed(3)
    for name, parameter in made.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw, dtype=torch.float64) * 0.2
    return made.eval()


def lora(*targets: str, **more: Any) -> Any:
    return peft.LoraConfig(r=3, lora_alpha=7, target_modules=list(targets), **more)


def base(folder: Path, kind: str = "llama", **config: Any) -> Path:
    getattr(tiny, kind)(**config).save_pretrained(folder / "base")
    return folder / "base"


def adapter(folder: Path, kind: str = "llama", **more: Any) -> Path:
    config = lora(*TARGETS[kind], base_model_name_or_path="a/base", **more)
    made = wrapped(getattr(tiny, kind)(), config)
    made.peft_config["default"].base_model_name_or_path = "a/base"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.save_pretrained(folder / "adapter")
    return folder / "adapter"


def edited(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    weights = folder / "adapter_model.safetensors"
    save_file(change(load_file(weights)), weights)
    return folder


def refused(model: Any, *parts: str, **options: Any) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(model, **options)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("kind", TARGETS)
def test_a_merged_adapter_is_the_weight_plus_its_product(kind: str, tmp_path: Path) -> None:
    """By hand: W + alpha / r * B A, the other way round where the class keeps its weights transposed."""
    folder = adapter(tmp_path, kind)
    expected, places = getattr(tiny, kind)(), load_file(folder / "adapter_model.safetensors")
    with torch.no_grad():
        for name in sorted(places):
            if "lora_A" in name:
                product = SCALE * places[name.replace("lora_A", "lora_B")] @ places[name]
                weight = expected.get_parameter(name.removeprefix("base_model.model.").replace("lora_A.", ""))
                weight += product.T if kind == "gpt2" else product
        model = load_model(base(tmp_path, kind), adapter=folder, dtype="float64")
        assert type(model.module) is type(expected)
        assert (model.module(IDS).logits - expected(IDS).logits).abs().max() < 1e-6
        assert (model.module(IDS).logits - getattr(tiny, kind)()(IDS).logits).abs().max() > 0.1
    assert not model.module.training
    assert all(parameter.requires_grad for parameter in model.module.parameters())


def test_an_adapters_folder_is_no_model(tmp_path: Path) -> None:
    folder = adapter(tmp_path)
    refused(folder, "is an adapter (LORA) and no model", f"--model a/base --adapter {folder}")
    refused(folder, "is an adapter (LORA) and no model", adapter=folder)


def test_a_folder_with_both_runs_only_where_it_is_said_which(tmp_path: Path) -> None:
    model, folder = base(tmp_path), adapter(tmp_path)
    apart = load_model(model, adapter=folder, dtype="float64").module(IDS).logits
    plain = load_model(model, dtype="float64").module(IDS).logits
    both = tmp_path / "both"
    shutil.copytree(model, both)
    for file in folder.glob("adapter_*"):
        shutil.copy(file, both)
    refused(both, "a model and an adapter", f"--adapter {both} merges it", "move the adapter_* files elsewhere")
    refused(both, "has an adapter of its own", str(folder), adapter=folder)
    assert torch.equal(load_model(both, adapter=both, dtype="float64").module(IDS).logits, apart)
    assert not torch.allclose(apart, plain)


def test_weights_of_an_adapter_alone_are_not_passed_over(tmp_path: Path) -> None:
    model, folder = base(tmp_path), adapter(tmp_path)
    shutil.copy(folder / "adapter_model.safetensors", model)
    refused(model, "adapter_model.safetensors", "without adapter_config.json")


def test_adapters_of_other_models(tmp_path: Path) -> None:
    folder = adapter(tmp_path)
    advice = "give the model that it was trained on, 'a/base'"
    refused(base(tmp_path, "gpt2"), "cannot be merged", "not found in the base model", advice, adapter=folder)
    refused(base(tmp_path, hidden_size=64), "is [32, 3] in its file, and this model needs [64, 3]", adapter=folder)
    refused(base(tmp_path, num_hidden_layers=2), "4 of 12 weights have no place in this model", advice, adapter=folder)
    refused(base(tmp_path, num_hidden_layers=4), "its file lacks 4 of 16 weights", advice, adapter=folder)


def test_adapters_that_are_not_whole(tmp_path: Path) -> None:
    model, folder = base(tmp_path), adapter(tmp_path)
    weights = folder / "adapter_model.safetensors"
    whole = weights.read_bytes()
    edited(folder, lambda state: {name: x for name, x in state.items() if "layers.1" not in name})
    refused(model, "its file lacks 4 of 12 weights", "layers.1.mlp.down_proj.lora_A", adapter=folder)
    weights.write_bytes(whole)
    edited(folder, lambda state: {name: x * float("nan") for name, x in state.items()})
    refused(model, "cannot be merged", "NaN", adapter=folder)
    weights.write_bytes(whole[:-10])
    refused(model, "cut off or damaged", weights.name, adapter=folder)
    weights.unlink()
    refused(model, "has no weights", adapter=folder)
    (folder / "adapter_config.json").write_text("{}")
    refused(model, "adapter_config.json is not one of peft's", adapter=folder)


def test_what_cannot_be_merged(tmp_path: Path) -> None:
    model, folder = base(tmp_path), adapter(tmp_path)
    refused(model, "there is no adapter_config.json under this folder", adapter=model)
    refused(model, "there is no adapter_config.json under this name", adapter=tmp_path / "nothing")
    config = folder / "adapter_config.json"
    values = json.loads(config.read_text())
    for kind, why in (("PROMPT_TUNING", "changes what the model is given"), ("NEW", "none that this peft can merge")):
        config.write_text(json.dumps(values | {"peft_type": kind}))
        refused(model, kind, why, adapter=folder)


@pytest.mark.parametrize("target", ["embed_tokens", "lm_head"])
def test_one_end_of_a_tied_model_cannot_be_merged_alone(target: str, tmp_path: Path) -> None:
    made = wrapped(tiny.llama(tie_word_embeddings=True), lora(target))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.save_pretrained(tmp_path / "adapter")
    model = base(tmp_path, tie_word_embeddings=True)
    refused(model, target, "tie_word_embeddings", "would change both", adapter=tmp_path / "adapter")


def test_without_peft_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, folder = base(tmp_path), adapter(tmp_path)
    monkeypatch.setattr("edgewise.models.pretrained.adapters.find_spec", lambda _: None)
    refused(model, "pip install 'edgewise[adapters]'", adapter=folder)


def test_models_that_take_no_adapter() -> None:
    refused("planted:3", "none of Hugging Face's", adapter="a/b")
    refused(tiny.llama(), "is already loaded", "merge_and_unload()", adapter="a/b")


def test_a_loaded_model_with_an_adapter_that_is_not_merged() -> None:
    made: Any = wrapped(tiny.llama(), lora("down_proj"))
    refused(made, "PeftModel", "merge_and_unload()")
    refused(made.base_model.model, "'model.layers.0.mlp.down_proj'", "merge_and_unload()")
    with torch.no_grad():
        expected = made(IDS).logits
        assert (load_model(made.merge_and_unload()).module(IDS).logits - expected).abs().max() < 1e-9
