"""A module whose weights are not all in memory, or are no numbers, is refused when it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaForCausalLM

import tiny
from edgewise.errors import ModelError
from edgewise.models import load_model

accelerate = pytest.importorskip("accelerate")
DEVICES: dict[str, Any] = dict.fromkeys(("model.embed_tokens", "model.layers", "model.norm", "model.rotary_emb"), "cpu")


def refused(module: nn.Module, *parts: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(module)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_weights_without_values() -> None:
    with torch.device("meta"):
        module = LlamaForCausalLM(tiny.llama().config).eval()
    refused(module, "on the meta device", "'lm_head.weight'", "from_pretrained")
    partly = tiny.llama()
    partly.model.norm.to("meta")
    refused(partly, "1 of its weights are on the meta device", "'model.norm.weight'")


def test_weights_that_accelerate_fetches(tmp_path: Path) -> None:
    on_cpu, on_disk = tiny.llama(dtype=torch.float32), tiny.llama(dtype=torch.float32)
    accelerate.cpu_offload(on_cpu)
    refused(on_cpu, "30 of its weights are offloaded", "'lm_head.weight'", "without device_map")
    accelerate.disk_offload(on_disk, str(tmp_path))
    refused(on_disk, "30 of its weights are offloaded", "'lm_head.weight'", "without device_map")


def test_a_device_map_with_a_part_on_disk(tmp_path: Path) -> None:
    tiny.llama(dtype=torch.float32).save_pretrained(tmp_path / "model")
    options = {"device_map": {**DEVICES, "lm_head": "disk"}, "offload_folder": str(tmp_path / "disk")}
    refused(AutoModelForCausalLM.from_pretrained(tmp_path / "model", **options), "'lm_head.weight'", "offloaded")


def test_a_device_map_with_all_in_memory_is_taken(tmp_path: Path) -> None:
    tiny.llama().save_pretrained(tmp_path)
    load_model(AutoModelForCausalLM.from_pretrained(tmp_path, device_map={"": "cpu"}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    module = tiny.llama(dtype=torch.float32)
    module.model.norm.weight.data[3] = value
    refused(module, "1 of its weights hold NaN or infinity", "'model.norm.weight'")
    module.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="NaN or infinity"):
        load_model(tmp_path)


def test_weights_too_large_for_the_asked_type(tmp_path: Path) -> None:
    module = tiny.llama(dtype=torch.float32)
    module.model.norm.weight.data[3] = 1e6
    module.save_pretrained(tmp_path)
    assert load_model(tmp_path, dtype="bfloat16").module is not None
    with pytest.raises(ModelError, match=r"'model\.norm\.weight'.*such as float32"):
        load_model(tmp_path, dtype="float16")
