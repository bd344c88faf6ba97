"""A config says which device was taken, so that its record is true and the same command finds the same run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.errors import ModelError
from edgewise.models import load_model
from edgewise.report.page.command import command
from edgewise.runs.config import RunConfig
from edgewise.settings import device

PLANTED = {"model": "planted:3", "task": "planted"}


def test_auto_is_the_default_and_never_recorded() -> None:
    assert RunConfig(**PLANTED).device == RunConfig(**PLANTED, device="auto").device == "cpu"
    assert RunConfig(**PLANTED, device="cuda:1").device == "cuda:1"


def test_the_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # what tests run on
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    here = RunConfig(**PLANTED)
    assert here.device == "cuda"
    assert " ".join(command(here, "again")).count("--device cuda ") == 1
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    there = RunConfig(**PLANTED)
    assert there.device == device.taken("auto") == "cpu"
    assert here.differences(there) == ('device is "cuda" there, "cpu" here',)
    # What is stored says where it ran, whatever this machine has.
    assert replace(here, seed=1).device == "cuda"


def test_a_model_may_be_put_where_auto_says() -> None:
    assert load_model("planted:3", device="auto").device.type == "cpu"
    with pytest.raises(ModelError, match="device 'automatic' is none; use auto, cpu, cuda"):
        load_model("planted:3", device="automatic")
