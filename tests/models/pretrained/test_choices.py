"""Which class a checkpoint is loaded into, and how attention is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from edgewise.cli.main import run
from edgewise.errors import EdgewiseWarning, ModelError, UnsupportedModelError
from edgewise.models.load import load_model
from tiny import gpt2, llama


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    gpt2(dtype=torch.float32).save_pretrained(tmp_path)
    return tmp_path


def change(folder: Path, **values: Any) -> Path:
    config = json.loads((folder / "config.json").read_text()) | values
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("said", [None, [], ["GPT2Model"], ["gpt2lmheadmodel"], ["TFGPT2LMHeadModel"]])
def test_the_model_type_decides(folder: Path, said: list[str] | None) -> None:
    assert load_model(change(folder, architectures=said)).architecture == "GPT2LMHeadModel"


@pytest.mark.parametrize(
    "said", ["GPT2ForSequenceClassification", "GPT2ForTokenClassification", "GPT2DoubleHeadsModel", "LlamaForCausalLM"]
)
def test_another_tasks_class_is_refused_by_name(folder: Path, said: str) -> None:
    with pytest.raises(UnsupportedModelError, match=f"saved as '{said}', which is not GPT2LMHeadModel"):
        load_model(change(folder, architectures=[said]))


def test_an_unknown_kind_of_positions_is_named(tmp_path: Path) -> None:
    llama(dtype=torch.float32).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config.pop("rope_parameters", None)
    change(tmp_path, **config, rope_scaling={"type": "spiral", "factor": 2.0})
    with pytest.raises(ModelError, match="rope_type is 'spiral', which transformers does not have; it has default, "):
        load_model(tmp_path)


@pytest.mark.parametrize("field", ["_attn_implementation", "attn_implementation"])
def test_a_files_choice_that_is_not_here_falls_back_with_a_warning(folder: Path, field: str) -> None:
    plain = load_model(folder)
    change(folder, **{field: "flash_attention_2"})
    with pytest.warns(EdgewiseWarning, match="asks for attn_implementation 'flash_attention_2'"):
        model = load_model(folder)
    assert model.config._attn_implementation == plain.config._attn_implementation == "sdpa"


def test_a_files_choice_that_is_here_is_taken(folder: Path) -> None:
    assert load_model(change(folder, _attn_implementation="eager")).config._attn_implementation == "eager"


@pytest.mark.parametrize("asked", ["flash_attention_9", "flash", "somebody/kernel"])
def test_an_attention_asked_for_that_is_not_here_is_refused(folder: Path, asked: str) -> None:
    with pytest.raises(ModelError, match=f"attention '{asked}' is not there for GPT2LMHeadModel.*eager, .*sdpa"):
        load_model(folder, attention=asked, trust_remote_code="/" in asked)


def test_an_attention_that_needs_a_package_says_so(folder: Path) -> None:
    with pytest.raises(
        ModelError, match=r"on this machine: it needs flash_attn and a GPU that it supports; use one of"
    ):
        load_model(folder, attention="flash_attention_2")


def test_the_command_prints_the_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["check", str(change(folder, attn_implementation="flash_attention_2"))])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "flash_attention_2" in line]
    assert line.startswith("edgewise: warning: model ")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"n_layer": 10**9}, "n_layer is 1000000000 in its file"),
        ({"n_layer": 0}, "n_layer is 0 in its file"),
        ({"quantization_config": {"quant_method": "modelpot"}}, "quant_method is 'modelpot', which transformers does"),
        ({"quantization_config": {}}, "quant_method is None"),
        ({"transformers_weights": 5}, "transformers_weights is 5; name a file"),
        ({"transformers_weights": "../model.safetensors"}, "transformers_weights is '../model.safetensors'"),
        ({"auto_map": 5}, "auto_map is 5; it must be an object"),
        ({"vocab_size": -1}, "mend config.json"),
    ],
)
def test_values_that_no_model_can_be_made_of(folder: Path, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(change(folder, **values))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_config_nested_too_deeply_is_one_line(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match=r"config\.json is not JSON"):
        load_model(folder)


@pytest.mark.parametrize("body", ["def (", "raise Exception('this is broken')"])
def test_code_that_does_not_run_is_one_line(folder: Path, body: str) -> None:
    (folder / "modeling_own.py").write_text(body)
    change(folder, auto_map={"AutoModelForCausalLM": "modeling_own.GPT2LMHeadModel"})
    with pytest.raises(ModelError, match=r"cannot be loaded: (its code is no Python|this is broken)"):
        load_model(folder, trust_remote_code=True)


def test_an_old_spelling_where_no_model_type_is_named(tmp_path: Path) -> None:
    llama(dtype=torch.float32).save_pretrained(tmp_path)
    model = load_model(change(tmp_path, model_type=None, architectures=["LLaMAForCausalLM"]))
    assert model.architecture == "LlamaForCausalLM"


def test_other_classes_attributes_do_not_mislead_the_wiring(folder: Path, tmp_path: Path) -> None:
    """What the class itself never reads, its wiring does not read either."""
    stray = load_model(change(folder, layer_norm_eps=0.5))
    assert stray.wiring.blocks[0].attention.norm.eps == gpt2().transformer.h[0].ln_1.eps == 1e-5
    other = tmp_path / "llama"
    llama(dtype=torch.float32).save_pretrained(other)
    ids = torch.arange(6)[None]
    with torch.no_grad():
        found = load_model(change(other, residual_multiplier=0.2)).module(ids).logits
        assert torch.equal(found, llama(dtype=torch.float32)(ids).logits)


@pytest.mark.parametrize("name", ["demo", "planted:3"])
def test_a_file_of_a_model_that_has_none_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="is in no GGUF file; leave gguf_file"):
        load_model(name, gguf_file="a.gguf")
