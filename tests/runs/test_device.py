"""A config says which device was taken, so that its record is true and the same command finds the same run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import tiny
from edgewise.engine.gradients.batch_passes import BatchPasses
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.errors import ModelError
from edgewise.models import load_model
from edgewise.models.choices import dtype_of
from edgewise.report.page.command import command
from edgewise.runs.config import RunConfig
from edgewise.search import score_edges
from edgewise.settings import device

PLANTED = {"model": "planted:3", "task": "planted"}


def test_auto_is_the_default_and_never_recorded() -> None:
    assert RunConfig(**PLANTED).device == RunConfig(**PLANTED, device="auto").device == "cpu"
    assert RunConfig(**PLANTED, device="cuda:1").device == "cuda:1"


def test_the_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # what tests run on
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(device, "computes_in_half", lambda: False)
    here = RunConfig(**PLANTED)
    assert here.device == "cuda"
    assert " ".join(command(here, "again")).count("--device cuda ") == 1
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    there = RunConfig(**PLANTED)
    assert there.device == device.taken("auto") == "cpu"
    assert here.differences(there) == ('device is "cuda" there, "cpu" here',)
    # What is stored says where it ran, whatever this machine has.
    assert replace(here, seed=1).device == "cuda"


def test_weights_are_bfloat16_on_a_gpu_that_computes_in_it_and_float32_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert RunConfig(**PLANTED).dtype == "float32"
    monkeypatch.setattr(device, "best", lambda: "cuda")
    monkeypatch.setattr(device, "computes_in_half", lambda: True)
    assert (RunConfig(**PLANTED).dtype, RunConfig(**PLANTED, device="cpu").dtype) == ("bfloat16", "float32")
    assert RunConfig(**PLANTED, device="cuda:1").dtype == "bfloat16"
    assert RunConfig(**PLANTED, dtype="float32").dtype == "float32"
    assert " ".join(command(RunConfig(**PLANTED), "again")).count("--dtype bfloat16 ") == 1
    monkeypatch.setattr(device, "computes_in_half", lambda: False)
    assert RunConfig(**PLANTED).dtype == "float32"


def test_loading_takes_the_same_type_as_a_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "computes_in_half", lambda: True)
    assert dtype_of("auto", torch.device("cuda", 1)) is torch.bfloat16
    assert dtype_of("auto", torch.device("cpu")) is torch.float32
    assert load_model("planted:3", dtype="auto").dtype is load_model("planted:3").dtype is torch.float32


def test_bfloat16_weights_are_summed_in_float32() -> None:
    """Scores of weights in bfloat16 are float32's products of what bfloat16 holds: 300 edges' sums are not rounded."""
    model, prompts = load_model(tiny.llama(dtype=torch.bfloat16)), tiny.prompts(4)
    batch = Batch.of(list(prompts), model.device)
    passes = BatchPasses(model, batch, Buffers())
    corrupted, _ = passes.corrupted()
    run = passes.differentiable(batch.clean)
    logits, kinds = run.logits.detach(), set()
    changes = passes.changes(run.sources, corrupted)
    run.backward(torch.ones_like(logits), lambda at: kinds.add(at.gradient.dtype))
    assert (logits.dtype, kinds) == (torch.bfloat16, {torch.float32})
    assert {part.everywhere.dtype for part in changes.parts} == {torch.float32}
    assert score_edges(model, prompts, metric="logit-diff").values.dtype == np.float64


def test_a_model_may_be_put_where_auto_says() -> None:
    assert load_model("planted:3", device="auto").device.type == "cpu"
    with pytest.raises(ModelError, match="device 'automatic' is none; use auto, cpu, cuda"):
        load_model("planted:3", device="automatic")
