"""Damaged copies of every file of a model's folder: loaded, or refused in one line that names the folder."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import tiny
from damage import refusals
from edgewise.errors import EdgewiseWarning, ModelError
from edgewise.models import load_model, open_model
from edgewise.tasks import TextEncoder
from tasks.small_tokenizers import word_tokenizer
from tiny_gguf import module_of, write
from tiny_lens import checkpoint, dump

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*tokenizer cannot be")]

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 538090408\n"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a tokenizer, and every file that older versions of transformers put beside it."""
    folder = tmp_path_factory.mktemp("saved") / "llama"
    word_tokenizer(bos_token="<s>").save_pretrained(folder)
    tiny.llama().save_pretrained(folder)
    (folder / "special_tokens_map.json").write_text(json.dumps({"bos_token": "<s>", "unk_token": "[UNK]"}))
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def opened(model: Path, **options: Any) -> None:
    """All that is read before the weights, and used once."""
    reader = open_model(model, **options).reader
    assert reader.vocab_size > 0
    assert reader.max_positions is None or reader.max_positions > 0
    if reader.tokenizer is not None:
        TextEncoder(reader.tokenizer).prompt("Then Mary gave it to")


def check(path: Path, read: Callable[[], object], copies: int) -> None:
    """Every damaged copy at the path is read or refused, and the folder or file is named."""
    said = refusals(path, path.read_bytes(), read, copies)
    assert len(said) > copies / 10
    for message in said:
        assert str(path.parent) in message
        assert "internet connection" not in message


@pytest.mark.parametrize(
    ("name", "copies"),
    [
        ("config.json", 200),
        ("tokenizer.json", 200),
        ("tokenizer_config.json", 100),
        ("special_tokens_map.json", 60),
        ("generation_config.json", 60),
    ],
)
def test_settings_and_tokenizer(folder: Path, name: str, copies: int) -> None:
    check(folder / name, lambda: opened(folder), copies)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "model.safetensors"])
def test_with_the_weights(folder: Path, name: str) -> None:
    check(folder / name, lambda: load_model(folder), 60)


def test_pickled_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    check(folder / "pytorch_model.bin", lambda: load_model(folder), 60)


def test_an_index(folder: Path) -> None:
    tiny.llama().save_pretrained(folder, max_shard_size="20KB")
    (folder / "model.safetensors").unlink()
    check(folder / "model.safetensors.index.json", lambda: load_model(folder), 60)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter(folder: Path, tmp_path: Path, name: str) -> None:
    peft = pytest.importorskip("peft")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = peft.get_peft_model(tiny.llama(), peft.LoraConfig(r=2, target_modules=["q_proj"]))
        made.save_pretrained(tmp_path / "adapter")
    path = tmp_path / "adapter" / name
    said = refusals(path, path.read_bytes(), lambda: load_model(folder, adapter=path.parent), 60)
    assert len(said) > 6
    assert all(str(path.parent) in message for message in said)


@pytest.mark.parametrize(("name", "copies"), [("config.json", 200), ("model_final.pth", 60), ("model.safetensors", 60)])
def test_of_transformer_lens(tmp_path: Path, name: str, copies: int) -> None:
    weights = "model_final.pth" if name == "config.json" else name
    folder = checkpoint(dump()).write(tmp_path / "lens", weights)
    check(folder / name, lambda: load_model(folder), copies)


@pytest.mark.parametrize("start", [1500, None])
def test_a_gguf_file(tmp_path: Path, start: int | None) -> None:
    """Damage anywhere, and in the keys alone, which are a small part of the file."""
    path = write(tmp_path / "model.gguf", module_of("LlamaForCausalLM"))
    content = path.read_bytes()
    head, rest = content[:start], b"" if start is None else content[start:]

    def read() -> None:
        path.write_bytes(path.read_bytes() + rest)
        load_model(path)

    said = refusals(path, head, read, 60)
    assert len(said) > 10
    assert all(str(path) in message for message in said)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("tokenizer.json", POINTER, "tokenizer.json is a pointer of git-lfs, not the file itself; run `git lfs pull`"),
        ("tokenizer.json", b"", "tokenizer.json is empty; get the file again"),
        ("tokenizer.json", b'{"model": ', "tokenizer.json is not JSON, it is cut off or damaged"),
        ("tokenizer.json", b"{}", "tokenizer.json is no tokenizer"),
        ("tokenizer.json", b'{"a":' * 10**5, "tokenizer.json is not JSON, it is cut off or damaged (nested too deep)"),
        ("tokenizer_config.json", b"<!DOCTYPE html>", "tokenizer_config.json is a web page"),
        ("config.json", POINTER, "config.json is a pointer of git-lfs"),
        ("generation_config.json", b"[1", "generation_config.json is not JSON"),
    ],
)
def test_the_file_at_fault_is_named(folder: Path, name: str, content: bytes, part: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        open_model(folder)
    assert str(folder) in str(caught.value)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"hidden_act": "swiglu"}, "hidden_act is 'swiglu', which transformers does not have"),
        ({"rope_parameters": {"rope_type": "spiral", "rope_theta": 1e4}}, "rope_type is 'spiral'"),
        (
            {"hidden_size": "32"},
            "config.json: Field 'hidden_size' expected int, got str (value: '32'); mend config.json",
        ),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"max_position_embeddings": -3}, "max_position_embeddings is -3"),
    ],
    ids=str,
)
def test_a_value_of_a_config_is_named(folder: Path, change: dict[str, Any], part: str) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | change))
    with pytest.raises(ModelError, match=r"config\.json") as caught:
        open_model(folder).load()
    assert part in str(caught.value)


def test_a_tokenizer_that_needs_more_leaves_the_model_to_ids(folder: Path) -> None:
    """Code of the folder's own is not run unasked, and that is said; ids need none."""
    values = json.loads((folder / "tokenizer_config.json").read_text())
    values |= {"auto_map": {"AutoTokenizer": ["own.Own", None]}, "tokenizer_class": "Own"}
    (folder / "tokenizer_config.json").write_text(json.dumps(values))
    with pytest.warns(EdgewiseWarning, match=r"so prompts must be token ids: .*--trust-remote-code"):
        assert open_model(folder).reader.tokenizer is None
