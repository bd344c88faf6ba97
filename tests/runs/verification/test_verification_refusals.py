"""What a verification refuses, each with the way out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgewise.errors import FormatError, RunConflictError, RunError, SelectionError
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.verify import verify
from edgewise.settings.selection import Selection
from stored import id_rows, write_rows

RESULT = "verification.json"


@pytest.mark.parametrize("which", ["data", "model"])
def test_files_that_changed_since_are_refused(config: RunConfig, tmp_path: Path, small: Path, which: str) -> None:
    data = write_rows(tmp_path / "rows.jsonl", id_rows())
    copied = tmp_path / "model"
    copied.mkdir()
    for path in small.iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    discover(replace(config, model=str(copied), data=str(data)), tmp_path / "run")
    if which == "data":
        write_rows(data, id_rows(seed=1))
    else:
        config_file = copied / "config.json"
        config_file.write_text(config_file.read_text() + " ")
    with pytest.raises(RunConflictError, match=rf"the files behind {which} have changed.*run again"):
        verify(tmp_path / "run")


def test_prompts_that_are_made_otherwise_now_are_refused(folder: Path) -> None:
    path = folder / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"prompts": record["prompts"] | {"fingerprint": "f" * 64}}))
    with pytest.raises(RunConflictError, match="prompts are made otherwise now"):
        verify(folder, edges=30)
    assert not (folder / RESULT).exists()


def test_exact_scores_need_no_verification(config: RunConfig, tmp_path: Path) -> None:
    asked = replace(config, method="activation-patching", settings={"only": ["*->logits"]}, selection=Selection(top=3))
    discover(asked, tmp_path / "run")
    with pytest.raises(RunError, match=r"exact already \(method 'activation-patching'\)"):
        verify(tmp_path / "run")


@pytest.mark.parametrize(
    ("numbers", "match"),
    [
        ({"edges": 0}, "--edges is 0"),
        ({"top_k": 0}, "--top-k is 0"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"edges": 12}, "leaves 6 to draw"),
        ({"edges": 30, "top": 30}, "leaves 0 to draw"),
    ],
)
def test_bad_numbers_are_refused(folder: Path, numbers: dict[str, int], match: str) -> None:
    with pytest.raises(SelectionError, match=match):
        verify(folder, **numbers)


def test_no_run_and_strangers_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run folder"):
        verify(tmp_path / "nowhere")
    verify(folder, edges=30)
    values = json.loads((folder / RESULT).read_text())
    (folder / RESULT).write_text(json.dumps({**values, "effects": [{"name": "x"}]}))
    with pytest.raises(FormatError, match=r"verification.json: field 'effects\[0\].score' is missing; use --overwrite"):
        verify(folder, edges=30)
    (folder / RESULT).write_text("{}")
    with pytest.raises(FormatError, match="not written by edgewise"):
        verify(folder, edges=30)


def test_effects_in_a_shrinking_circuit_are_no_estimates(config: RunConfig, tmp_path: Path) -> None:
    discover(replace(config, method="acdc", settings={"tau": 0.05}, selection=Selection()), tmp_path / "run")
    with pytest.raises(RunError, match=r"method 'acdc' are effects in a circuit that shrinks.*edgewise evaluate"):
        verify(tmp_path / "run")
