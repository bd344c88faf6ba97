"""Weights files that are cut, are something else, or are not all there: one line that names the file and the fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import tiny
from edgewise.errors import ModelError
from edgewise.models import load_model

IDS = torch.arange(9)[None]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 538090408\n"
SINGLE = {"safetensors": "model.safetensors", "bin": "pytorch_model.bin"}


def whole(folder: Path, kind: str = "safetensors", change: Callable[[dict[str, Any]], Any] = dict) -> Path:
    """A saved model in one file; its path."""
    tiny.llama().save_pretrained(folder)
    weights = folder / SINGLE["safetensors"]
    if kind == "bin":
        torch.save(change(load_file(weights)), folder / SINGLE["bin"])
        weights.unlink()
    return folder / SINGLE[kind]


def sharded(folder: Path, kind: str = "safetensors") -> tuple[Path, dict[str, Any]]:
    """A model saved in many files; the path and content of its index."""
    tiny.llama().save_pretrained(folder, max_shard_size="20KB")
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    if kind == "bin":
        for shard in folder.glob("*.safetensors"):
            torch.save(load_file(shard), folder / shard.name.replace("safetensors", "bin"))
            shard.unlink()
        placed = content["weight_map"].items()
        content["weight_map"] = {name: file.replace("safetensors", "bin") for name, file in placed}
        index.unlink()
        index = folder / "pytorch_model.bin.index.json"
        index.write_text(json.dumps(content))
    return index, content


def refused(folder: Path, *parts: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(folder, dtype="float64")
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("kind", SINGLE)
@pytest.mark.parametrize("size", [0, 5, 300, -10])
def test_cut_files(kind: str, size: int, tmp_path: Path) -> None:
    weights = whole(tmp_path, kind)
    weights.write_bytes(weights.read_bytes()[:size])
    refused(tmp_path, weights.name, "get the file again")


@pytest.mark.parametrize("kind", SINGLE)
@pytest.mark.parametrize(
    ("content", "part"),
    [(POINTER, "git lfs pull"), (b"<!doctype html><html></html>", "web page"), (b'{"error": "no"}', "JSON")],
)
def test_other_things_under_a_weights_files_name(kind: str, content: bytes, part: str, tmp_path: Path) -> None:
    weights = whole(tmp_path, kind)
    weights.write_bytes(content)
    refused(tmp_path, weights.name, part)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda state: {**state, "path": Path("/")}, "could run code"),
        (lambda state: {"state_dict": state}, "entry 'state_dict' is a dict"),
        (lambda state: {**state, "epoch": 3}, "entry 'epoch' is a int"),
        (lambda state: list(state.values()), "no dict of tensors"),
    ],
)
def test_pickles_that_hold_something_else(
    change: Callable[[dict[str, Tensor]], Any], part: str, tmp_path: Path
) -> None:
    weights = whole(tmp_path, "bin", change)
    refused(tmp_path, weights.name, part)


def test_a_pickle_of_tensors_is_read(tmp_path: Path) -> None:
    whole(tmp_path, "bin")
    with torch.no_grad():
        found = load_model(tmp_path, dtype="float64").module(IDS).logits
        assert (found - tiny.llama()(IDS).logits).abs().max() < 1e-6
    weights = whole(tmp_path, "bin", lambda state: {name: x for name, x in state.items() if "norm" not in name})
    refused(tmp_path, "7 weights are missing and would be random")
    assert weights.is_file()


@pytest.mark.parametrize("kind", SINGLE)
class TestShards:
    def test_all_of_them_are_read(self, kind: str, tmp_path: Path) -> None:
        sharded(tmp_path, kind)
        with torch.no_grad():
            found = load_model(tmp_path, dtype="float64").module(IDS).logits
            assert (found - tiny.llama()(IDS).logits).abs().max() < 1e-6

    @pytest.mark.parametrize("beside", [True, False])
    def test_an_index_that_names_one_alone(self, kind: str, beside: bool, tmp_path: Path) -> None:
        index, content = sharded(tmp_path, kind)
        first = next(file for file in content["weight_map"].values() if "00001" in file)
        content["weight_map"] = {name: file for name, file in content["weight_map"].items() if file == first}
        index.write_text(json.dumps(content))
        others = [path for path in tmp_path.glob(f"*.{kind}") if path.name != first]
        if not beside:
            for path in others:
                path.unlink()
        unread = min(path.name for path in others) if beside else "; get the whole index"
        refused(tmp_path, f"{index.name} names 1 of {len(others) + 1} files", unread)

    def test_one_is_not_there(self, kind: str, tmp_path: Path) -> None:
        index, _ = sharded(tmp_path, kind)
        gone = min(path for path in tmp_path.glob(f"*.{kind}") if "00002" in path.name)
        gone.unlink()
        refused(tmp_path, index.name, "1 of them not there", gone.name)

    def test_one_holds_what_another_should(self, kind: str, tmp_path: Path) -> None:
        index, _ = sharded(tmp_path, kind)
        first, second = sorted(tmp_path.glob(f"*.{kind}"))[:2]
        second.write_bytes(first.read_bytes())
        refused(tmp_path, f"{second.name} does not hold", index.name)

    @pytest.mark.parametrize("content", ["{", "{}", '{"weight_map": {}}', '{"weight_map": {"a": "../b.bin"}}', "[]"])
    def test_an_index_that_says_nothing(self, kind: str, content: str, tmp_path: Path) -> None:
        index, _ = sharded(tmp_path, kind)
        index.write_text(content)
        refused(tmp_path, index.name, "no weight_map")

    def test_without_their_index(self, kind: str, tmp_path: Path) -> None:
        index, _ = sharded(tmp_path, kind)
        index.unlink()
        refused(tmp_path, "00001-of-", "no model.safetensors.index.json says which to read")


def test_a_file_that_hides_shards_beside_it(tmp_path: Path) -> None:
    sharded(tmp_path)
    first = min(tmp_path.glob("*.safetensors"))
    (tmp_path / SINGLE["safetensors"]).write_bytes(first.read_bytes())
    refused(tmp_path, "only model.safetensors is read where it is there", first.name)


@pytest.mark.parametrize(("kind", "other"), [("bin", "safetensors"), ("safetensors", "bin")])
def test_one_format_under_the_others_name(kind: str, other: str, tmp_path: Path) -> None:
    whole(tmp_path, kind).rename(tmp_path / SINGLE[other])
    refused(tmp_path, SINGLE[other], "under another name; rename the file")


def test_a_tensor_of_two_shards(tmp_path: Path) -> None:
    sharded(tmp_path)
    first, second = sorted(tmp_path.glob("*.safetensors"))[:2]
    name, tensor = next(iter(load_file(first).items()))
    save_file({**load_file(second), name: tensor}, second, metadata={"format": "pt"})
    assert load_model(tmp_path, dtype="float64").module is not None
    save_file({**load_file(second), name: tensor + 1}, second, metadata={"format": "pt"})
    refused(tmp_path, first.name, second.name, f"another '{name}' each")
