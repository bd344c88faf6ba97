"""An error that nobody foresaw is one line, and its trace is kept; ``--debug`` shows it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from cli.conftest import Cli
from edgewise.errors import RunError

pytestmark = pytest.mark.slow


class _WordlessError(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.fixture(autouse=True)
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`edgewise show` fails in a way that no code of ours raises on purpose."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _fail_with(monkeypatch, TypeError("two\nlines " + "x" * 1000))


def _fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("edgewise.runs.store.folder.load_run", fail)


def test_one_line_and_the_trace_in_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a run").mkdir()
    code, out, err = cli("show", tmp_path / "a run")
    assert (code, out) == (2, "")
    assert err.startswith("edgewise: error: unforeseen TypeError: two lines xxx")
    assert err.count("\n") == 1
    assert len(err) < 800
    assert "--debug" in err
    assert "Traceback" not in err
    found = re.search(r"the full trace is in (\S+); please report it, with that file", err)
    assert found is not None
    assert Path(found[1]).parent == tmp_path
    kept = Path(found[1]).read_text()
    assert "Traceback (most recent call last)" in kept
    assert "x" * 1000 in kept
    assert f"command: edgewise show '{tmp_path / 'a run'}'" in kept
    for package in ("edgewise", "python", "torch", "transformers"):
        assert re.search(rf"^{package} \d+\.", kept, re.MULTILINE)


@pytest.mark.parametrize("words", [["--debug", "show", "."], ["show", "--debug", "."], ["show", ".", "--debug"]])
def test_debug_shows_the_trace_and_keeps_none(cli: Cli, tmp_path: Path, words: list[str]) -> None:
    code, _, err = cli(*words)
    assert code == 2
    assert err.startswith("Traceback (most recent call last)")
    assert "TypeError: two" in err
    assert list(tmp_path.glob("edgewise-*")) == []


def test_an_error_without_words(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_with(monkeypatch, _WordlessError())
    code, _, err = cli("show", ".")
    assert code == 2
    assert "error: unforeseen _WordlessError; the full trace is in" in err


def test_where_no_file_can_be_kept(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    code, _, err = cli("show", ".")
    assert code == 2
    assert "see the full trace with --debug" in err


def test_an_error_of_the_user_is_as_it_was(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_with(monkeypatch, RunError("no run; give another"))
    assert cli("--debug", "show", ".") == cli("show", ".") == (2, "", "edgewise: error: no run; give another\n")
