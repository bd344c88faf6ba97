"""The command line, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from edgewise.cli.main import run
from stored import id_rows, save_model, save_text_model, write_rows


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Cli: TypeAlias = Callable[..., Result]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command line; the hub cannot be reached, and no work is long enough to be spoken of."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for limit in ("LINE_AFTER", "SAY_FROM", "BAR_AFTER"):
        monkeypatch.setattr(f"edgewise.verbs.progress.{limit}", 1e6)

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder without a tokenizer."""
    return save_model(tmp_path_factory.mktemp("ids") / "tiny")


@pytest.fixture(scope="session")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a tokenizer."""
    return save_text_model(tmp_path_factory.mktemp("text") / "tiny")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of seven rows of token ids."""
    return write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl", id_rows())
