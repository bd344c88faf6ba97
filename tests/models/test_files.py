"""Which files a model is read from, by the loaders themselves: what they open, and what lies beside it unread."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

import tiny
from edgewise.models import load_model
from edgewise.models.files import adapter_files, code_elsewhere, code_files, local, model_files
from stored import save_model, save_text_model
from tiny_lens import DUMP

BESIDE = (
    "README.md",
    "training_args.bin",
    "optimizer.pt",
    "more.safetensors",
    "other.gguf",
    "train.py",
    "trainer.json",
)


def litter(folder: Path) -> None:
    """Put files there that no loader reads."""
    for name in BESIDE:
        (folder / name).write_bytes(b"nothing")
    (folder / "checkpoint-500").mkdir()
    (folder / "checkpoint-500" / "model.safetensors").write_bytes(b"nothing")


def test_a_folder_is_its_config_its_weights_and_its_tokenizer(tmp_path: Path) -> None:
    folder = save_text_model(tmp_path / "model")
    litter(folder)
    read = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert set(model_files(folder)) == read
    (folder / "pytorch_model.bin").write_bytes(b"the safetensors file comes first")
    assert set(model_files(folder)) == read


def test_shards_are_those_of_the_index(tmp_path: Path) -> None:
    tiny.gpt2().save_pretrained(tmp_path, max_shard_size="40KB")
    shards = {path.name for path in tmp_path.glob("model-*.safetensors")}
    assert len(shards) > 2
    litter(tmp_path)
    (tmp_path / "model-00009-of-00009.safetensors").write_bytes(b"of an earlier save")
    assert set(model_files(tmp_path)) == {"config.json", "model.safetensors.index.json", *shards}


def test_weights_that_the_config_names(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "ema.safetensors")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"transformers_weights": "ema.safetensors"}))
    assert set(model_files(folder)) == {"config.json", "ema.safetensors"}


@pytest.mark.parametrize("sharded", [False, True])
def test_every_weights_file_that_is_opened_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sharded: bool
) -> None:
    """What transformers opens of the folder, but for settings that change no number here."""
    import safetensors.torch
    import transformers.modeling_utils as loading

    tiny.gpt2().save_pretrained(tmp_path, max_shard_size="40KB" if sharded else "1GB")
    litter(tmp_path)
    opened: set[str] = set()
    real_open, real_safe = builtins.open, loading.safe_open

    def note(path: Any) -> None:
        if str(path).startswith(str(tmp_path)):
            opened.add(str(Path(path).relative_to(tmp_path)))

    def spied(path: Any, *args: Any, **kwargs: Any) -> Any:
        note(path)
        return real_open(path, *args, **kwargs)

    def spied_safe(path: Any, *args: Any, **kwargs: Any) -> Any:
        note(path)
        return real_safe(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", spied)
    monkeypatch.setattr(loading, "safe_open", spied_safe)
    monkeypatch.setattr(safetensors.torch, "safe_open", spied_safe)
    load_model(tmp_path)
    monkeypatch.undo()
    assert opened - {"generation_config.json"} == set(model_files(tmp_path))


def test_transformer_lens_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(DUMP))
    for name in ("model_final.pth", "vocab.json", "merges.txt", "README.md", "old.pth"):
        (tmp_path / name).write_bytes(b"x")
    read = {"config.json", "model_final.pth", "vocab.json", "merges.txt"}
    assert set(model_files(tmp_path)) == read
    assert set(model_files(tmp_path / "old.pth")) == read - {"model_final.pth"} | {"old.pth"}
    elsewhere = tmp_path / "cfg.json"
    elsewhere.write_text(json.dumps(DUMP))
    assert set(model_files(tmp_path, str(elsewhere))) == read - {"config.json"}


def test_a_gguf_file_holds_all(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    assert set(model_files(tmp_path / "a.gguf")) == {"a.gguf"}
    assert set(model_files(tmp_path, gguf_file="b.gguf")) == {"b.gguf"}


@pytest.mark.parametrize("weights", ["adapter_model.safetensors", "adapter_model.bin"])
def test_an_adapter_is_its_config_and_its_weights(tmp_path: Path, weights: str) -> None:
    for name in ("adapter_config.json", weights, "README.md", "optimizer.pt"):
        (tmp_path / name).write_bytes(b"x")
    assert set(adapter_files(tmp_path)) == {"adapter_config.json", weights}


def test_code_is_what_the_configs_ask_for_and_what_that_imports(tmp_path: Path) -> None:
    maps = {"AutoModelForCausalLM": "modeling.Own", "AutoConfig": "else/where--settings.Config"}
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": maps}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["tokens.Slow", None]}}))
    (tmp_path / "modeling.py").write_text("from .layers import Layer\n")
    (tmp_path / "layers.py").write_text("from .norms import Norm\n")
    for name in ("norms.py", "tokens.py", "train.py", "settings.py"):
        (tmp_path / name).write_text("x = 1\n")
    assert set(code_files(tmp_path)) == {"modeling.py", "layers.py", "norms.py", "tokens.py"}
    assert code_elsewhere(tmp_path) == {}  # not in the local cache


def test_names_of_this_machine(tmp_path: Path) -> None:
    assert local(str(tmp_path)) == tmp_path
    assert local("gpt2") is None
    demo = local("demo")
    assert demo is not None
    assert set(model_files(demo)) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
