"""The script for a user's own GPUs: what it compares with what, and how it says what it could not try."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import gpu_check
from gpu_check import HALF, MOVED, ROUNDING, Place, Row


def test_layers_are_shared_out_equally_and_in_order() -> None:
    spread = gpu_check.layer_map(6, 4)
    layers = [spread[f"model.layers.{layer}"] for layer in range(6)]
    assert layers == [0, 0, 1, 2, 2, 3]
    assert (spread["model.embed_tokens"], spread["model.norm"], spread["lm_head"]) == (0, 3, 3)


def test_every_place_is_compared_with_one_that_it_must_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    here = gpu_check.places()
    assert here == [Place("CPU", "cpu"), Place("1 GPU", "cuda"), Place("2 GPUs, device map", "cuda", 2)]
    compared = {
        (place.name, dtype): list(gpu_check._compared(place, dtype, here))
        for place in here
        for dtype in ("float32", "bfloat16")
    }
    assert compared == {
        ("CPU", "float32"): [],
        ("CPU", "bfloat16"): [(("CPU", "float32"), HALF)],
        ("1 GPU", "float32"): [(("CPU", "float32"), ROUNDING)],
        ("1 GPU", "bfloat16"): [(("1 GPU", "float32"), HALF)],
        ("2 GPUs, device map", "float32"): [(("1 GPU", "float32"), MOVED)],
        ("2 GPUs, device map", "bfloat16"): [(("2 GPUs, device map", "float32"), HALF), (("1 GPU", "bfloat16"), MOVED)],
    }
    assert list(gpu_check.not_tried(2)) == []


def test_what_is_not_here_is_said() -> None:
    words = [row.verdict for row in gpu_check.not_tried(0)]
    assert words == ["NOT TRIED: no CUDA device here", "NOT TRIED: no second CUDA device here"]
    assert [row.where for row in gpu_check.not_tried(1)] == ["all GPUs, device map"]


def test_a_difference_is_judged_by_the_largest_value() -> None:
    found, wanted = np.array([1.0, 4.0, np.nan]), np.array([1.002, 4.0, np.nan])
    assert gpu_check.apart(found, wanted) == pytest.approx(0.0005)
    row = Row("scores", "here", "there", gpu_check.apart(found, wanted), 1e-4)
    assert (row.verdict, Row("scores", "here", "there", 1e-5, 1e-4).verdict) == ("DIFFERS", "equal")
    assert Row("scores", "here", "there", float("nan"), 1e-4).verdict == "DIFFERS"
