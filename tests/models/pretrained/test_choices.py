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
        load_model(folder, attention=asked)


def test_the_command_prints_the_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["check", str(change(folder, attn_implementation="flash_attention_2"))])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "flash_attention_2" in line]
    assert line.startswith("edgewise: warning: model ")
