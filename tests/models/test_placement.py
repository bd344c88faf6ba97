"""A module whose weights are not all in memory, or are no numbers, is refused when it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaForCausalLM

import tiny
from edgewise.errors import ModelError
from edgewise.models import load_model
from edgewise.models.placement import require_whole_blocks
from edgewise.models.pretrained.library import from_pretrained
from edgewise.search import score_edges

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
    refused(on_cpu, "30 of its weights are offloaded", "'lm_head.weight'", "more or larger devices")
    accelerate.disk_offload(on_disk, str(tmp_path))
    refused(on_disk, "30 of its weights are offloaded", "'lm_head.weight'", "more or larger devices")


def test_a_device_map_with_a_part_on_disk(tmp_path: Path) -> None:
    tiny.llama(dtype=torch.float32).save_pretrained(tmp_path / "model")
    options = {"device_map": {**DEVICES, "lm_head": "disk"}, "offload_folder": str(tmp_path / "disk")}
    refused(AutoModelForCausalLM.from_pretrained(tmp_path / "model", **options), "'lm_head.weight'", "offloaded")


def test_a_device_map_with_all_in_memory_is_taken(tmp_path: Path) -> None:
    tiny.llama().save_pretrained(tmp_path)
    load_model(AutoModelForCausalLM.from_pretrained(tmp_path, device_map={"": "cpu"}))


def test_a_model_is_loaded_over_devices_and_scores_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.llama(dtype=torch.float32).save_pretrained(tmp_path)
    prompts, plain, asked = tiny.prompts(3), load_model(tmp_path), list[dict[str, Any]]()

    def load(*args: Any, **options: Any) -> Any:
        asked.append(options)
        return from_pretrained(*args, **options)

    monkeypatch.setattr("edgewise.models.pretrained.weights.from_pretrained", load)
    for device_map in ("auto", {**DEVICES, "lm_head": "cpu"}):
        spread = load_model(tmp_path, device_map=device_map)
        assert asked.pop()["device_map"] == device_map
        one, other = (score_edges(model, prompts, metric="logit-diff").values for model in (plain, spread))
        np.testing.assert_array_equal(one, other)


def test_a_device_map_that_offloads_is_refused_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tiny.llama(dtype=torch.float32).save_pretrained(tmp_path)
    with pytest.raises(
        ModelError, match=r"1 of its weights are offloaded \('lm_head\.weight'\), and gradients need all"
    ) as caught:
        load_model(tmp_path, device_map={**DEVICES, "lm_head": "disk"})
    assert "\n" not in str(caught.value)
    assert not caplog.records


def test_a_device_map_where_none_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"'planted:3' is none of Hugging Face's.*leave device_map out"):
        load_model("planted:3", device_map="auto")
    with pytest.raises(ModelError, match="already loaded: dtype, devices"):
        load_model(tiny.llama(), device_map="auto")
    with pytest.raises(ModelError, match=r"device 'cuda:1' and device_map both say where"):
        load_model(tmp_path, device="cuda:1", device_map="auto")
    monkeypatch.setattr("edgewise.processes.size", lambda: 2)
    with pytest.raises(ModelError, match="one process over all devices; leave device_map or the processes out"):
        load_model(tmp_path, device_map="auto")


def test_a_layer_on_two_devices() -> None:
    module = tiny.llama()
    module.model.layers[1].mlp.to("meta")
    with pytest.raises(ModelError, match=r"layer 1 is on several devices \(cpu, meta\); give each layer one"):
        require_whole_blocks("halved", module.model.layers)


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
