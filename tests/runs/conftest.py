"""A model folder and a data file that all tests of runs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.runs.config import RunConfig
from stored import id_rows, save_model, write_rows


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def data_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "prompts.jsonl", id_rows())


@pytest.fixture
def config(model_folder: Path, data_file: Path) -> RunConfig:
    return RunConfig(model=str(model_folder), data=str(data_file), batch_size=2, method="eap", evaluate=False)
