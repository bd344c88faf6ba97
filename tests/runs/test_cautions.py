"""A run says so where its clean prompts are no better than its corrupted ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgewise.metrics import get_metric
from edgewise.runs.cautions import cautions
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from stored import id_rows, write_rows

SETUP: Any = SimpleNamespace(config=SimpleNamespace(model="m"), identity={"model": "0"})


def said(clean: list[float], corrupted: list[float], metric: str = "logit-diff") -> tuple[str, ...]:
    state: Any = SimpleNamespace(
        clean_metric=np.array(clean), corrupted_metric=np.array(corrupted), batch_size=1, planned_batch_size=1
    )
    return cautions(SETUP, get_metric(metric), state)


def test_the_difference_is_counted_in_its_standard_errors() -> None:
    # Differences -3, -1, 1, -1: mean -1, variance 8/3, standard error sqrt(8/3) / 2 = 0.816.
    (line,) = said([0, 0, 1, 0], [3, 1, 0, 1])
    assert "logit-diff is not better on clean prompts (0.25) than on corrupted ones (1.25; " in line
    assert "difference -1, -1.2 standard errors)" in line
    assert line.endswith("see `edgewise check m`")
    # 1 and 3: mean 2, standard error 1; and 1, 2: mean 1.5, standard error 0.5.
    (line,) = said([1, 3], [0, 0])
    assert "is hardly better on clean prompts (2) than on corrupted ones (0; difference 2, 2.0 standard errors)" in line
    assert said([1, 2], [0, 0]) == ()


def test_one_prompt_and_equal_prompts() -> None:
    (line,) = said([1.0], [1.0])
    assert "difference 0)" in line
    assert said([1.5], [1.0]) == ()
    assert said([2.0, 2.0], [1.0, 1.0]) == ()
    assert len(said([1.0, 1.0], [2.0, 2.0])) == 1


@pytest.mark.parametrize("metric", ["logit-diff", "prob-diff", "log-prob", "accuracy"])
def test_metrics_of_which_more_is_better(metric: str) -> None:
    assert len(said([0.1, 0.2], [0.8, 0.9], metric)) == 1


def test_a_distance_has_no_such_direction() -> None:
    assert said([0.0, 0.0], [0.5, 0.7], "kl") == ()
    assert said([0.0, 0.0], [0.0, 0.0], "kl") == ()


def test_answers_that_are_swapped_are_told_in_the_record(tmp_path: Path, config: RunConfig) -> None:
    """One of a run and of that with its answers exchanged is the wrong way round, by as many standard errors."""
    rows = id_rows(12)
    swapped = [row | {"answers": row["wrong_answers"], "wrong_answers": row["answers"]} for row in rows]
    found = []
    for name, one in (("as it is", rows), ("swapped", swapped)):
        data = write_rows(tmp_path / f"{name}.jsonl", one)
        run = discover(replace(config, data=str(data), metric="logit-diff"), tmp_path / name)
        found.append([line for line in run.record.warnings if "better on clean prompts" in line])
    assert any("is not better" in line for lines in found for line in lines)


def test_the_demo_knows_its_task(tmp_path: Path) -> None:
    run = discover(RunConfig(model="demo", task="ioi", n=10, method="eap"), tmp_path / "run")
    assert not [line for line in run.record.warnings if "better on clean prompts" in line]
