"""A finished run of a small model, of which tests of verification take copies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tiny
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.settings.selection import Selection
from stored import save_model


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 46 edges."""
    return save_model(tmp_path_factory.mktemp("model") / "small", tiny.gpt2(n_layer=2, n_head=2, n_embd=16))


@pytest.fixture(scope="session")
def asked(small: Path, data_file: Path) -> RunConfig:
    selection = Selection(top=10)
    return RunConfig(model=str(small), data=str(data_file), method="eap", batch_size=2, n=3, selection=selection)


@pytest.fixture(scope="session")
def finished(asked: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return discover(asked, tmp_path_factory.mktemp("finished") / "run").folder


@pytest.fixture
def config(asked: RunConfig) -> RunConfig:
    return asked


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A finished run with 10 edges in the circuit."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
