"""One writer per run folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgewise.errors import RunConflictError, RunError
from edgewise.runs.store.lock import LOCK, writing

TRY = (
    "import sys; from pathlib import Path; from edgewise.runs.store.lock import writing\n"
    "from edgewise.errors import RunConflictError\n"
    "try:\n"
    "    with writing(Path(sys.argv[1])): print('free')\n"
    "except RunConflictError as error: print(error)"
)


def other_process(folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", TRY, str(folder)], check=True, capture_output=True, text=True)
    return done.stdout


def test_a_second_process_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    with writing(tmp_path):
        (tmp_path / "result").touch()
        assert "another process is writing" in other_process(tmp_path)
        assert str(tmp_path) in other_process(tmp_path)
    assert other_process(tmp_path) == "free\n"


def test_the_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), writing(tmp_path):
        raise ValueError("no")
    assert other_process(tmp_path) == "free\n"


def test_folders_that_nothing_was_written_to_go_again(tmp_path: Path) -> None:
    with writing(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_hold_something_stay(tmp_path: Path) -> None:
    with writing(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "run.json").touch()
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == [LOCK, "run.json"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(RunError, match=r"taken: .*a file of that name exists"), writing(tmp_path / "taken"):
        pass


def test_a_conflict_is_a_run_error() -> None:
    assert issubclass(RunConflictError, RunError)
