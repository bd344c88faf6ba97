"""Several files change together or not at all: failures and kills at every rename."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewise.errors import FormatError
from edgewise.runs.store.commit import STAGING, commit, pending, recover

NAMES = ("scores", "circuit", "run")
OLD = {name: f"old {name}".encode() for name in NAMES}
NEW = {name: f"new {name}".encode() for name in NAMES}
# One rename for the journal, one for each file.
RENAMES = 1 + len(NAMES)


def writers(contents: dict[str, bytes]) -> dict[str, Callable[[Path], None]]:
    def writer(data: bytes) -> Callable[[Path], None]:
        return lambda path: (path.write_bytes(data), None)[1]

    return {name: writer(data) for name, data in contents.items()}


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def failing_from(first: int, last: int) -> Callable[..., None]:
    """`os.replace` whose calls number `first` to `last` fail, counted from 1."""
    real, calls = os.replace, iter(range(1, 1000))

    def replace(*paths: Any) -> None:
        if first <= next(calls) <= last:
            raise OSError(5, "Input/output error")
        real(*paths)

    return replace


def test_all_files_change_and_nothing_else_is_left(tmp_path: Path) -> None:
    commit(tmp_path, writers(OLD))
    assert held(tmp_path) == OLD
    commit(tmp_path, writers(NEW))
    assert held(tmp_path) == NEW
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def test_files_that_the_new_content_lacks_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(tmp_path, writers(OLD | {"state": b"half way"}))
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", failing_from(2, 2))
        with pytest.raises(OSError, match="Input/output"):
            commit(tmp_path, writers(NEW), gone=["state"])
    assert held(tmp_path) == OLD | {"state": b"half way"}
    with monkeypatch.context() as broken:  # nothing turns back once the new files stand

        def refuse(path: Path, **how: Any) -> None:
            if path.name == "state":
                raise OSError(5, "Input/output error")
            remove(path, **how)

        remove = Path.unlink
        broken.setattr(Path, "unlink", refuse)
        commit(tmp_path, writers(NEW), gone=["state", "other"])
    assert held(tmp_path) == NEW | {"state": b"half way"}
    assert not pending(tmp_path)
    commit(tmp_path, writers(NEW), gone=["state"])
    assert held(tmp_path) == NEW


@pytest.mark.parametrize("call", range(1, RENAMES + 1))
@pytest.mark.parametrize("before", [OLD, {}, {"run": OLD["run"]}], ids=["full", "empty", "partial"])
def test_one_failing_rename_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, bytes], call: int
) -> None:
    commit(tmp_path, writers(before))
    monkeypatch.setattr(os, "replace", failing_from(call, call))
    with pytest.raises(OSError, match="Input/output"):
        commit(tmp_path, writers(NEW))
    assert held(tmp_path) == before
    assert not pending(tmp_path)


@pytest.mark.parametrize("call", range(2, RENAMES + 1))
def test_when_no_rename_works_any_more_the_next_process_finishes_the_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    commit(tmp_path, writers(OLD))
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", failing_from(call, 1000))
        with pytest.raises(OSError, match="Input/output"):
            commit(tmp_path, writers(NEW))
    assert pending(tmp_path)
    recover(tmp_path)
    assert held(tmp_path) == NEW


def test_failing_writer_changes_nothing(tmp_path: Path) -> None:
    commit(tmp_path, writers(OLD))

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commit(tmp_path, writers(NEW) | {"run": fail})
    assert held(tmp_path) == OLD
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("call", range(1, RENAMES + 2))  # the last: when an old file is removed
def test_kill_at_any_rename_leaves_one_whole_content(tmp_path: Path, call: int) -> None:
    before = OLD | {"state": b"half way"}
    commit(tmp_path, writers(before))
    code = (
        "import os, signal, sys; from pathlib import Path; from edgewise.runs.store.commit import commit\n"
        "real, calls = os.replace, iter(range(1, 99))\n"
        "def replace(*paths):\n"
        f"    os.kill(os.getpid(), signal.SIGKILL) if next(calls) == {call} else real(*paths)\n"
        "os.replace, remove = replace, Path.unlink\n"
        "def unlink(path, **how):\n"
        "    os.kill(os.getpid(), signal.SIGKILL) if path.name == 'state' else remove(path, **how)\n"
        "Path.unlink = unlink\n"
        f"contents = {NEW!r}\n"
        "writer = lambda data: (lambda path: path.write_bytes(data))\n"
        "commit(Path(sys.argv[1]), {name: writer(data) for name, data in contents.items()}, ['state'])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    if call <= 2:  # nothing was renamed over the old files yet
        assert held(tmp_path) == before
    recover(tmp_path)
    assert held(tmp_path) == (before if call == 1 else NEW)


@pytest.mark.parametrize("name", ["../precious", "/tmp/precious", "sub/precious", "..", ".", "", "..\\precious", "c:x"])
@pytest.mark.parametrize("field", ["files", "had", "gone"])
def test_a_journal_of_somebody_elses_reaches_no_other_folder(tmp_path: Path, name: str, field: str) -> None:
    folder, precious = tmp_path / "run", tmp_path / "precious"
    staging = folder / STAGING
    staging.mkdir(parents=True)
    precious.write_text("kept")
    said = {"direction": "forward", "files": [], "had": [], "gone": []} | {field: [name]}
    (staging / "journal.json").write_text(json.dumps(said))
    with pytest.raises(FormatError, match=f"journal.json: names .*{STAGING}"):
        recover(folder)
    assert precious.read_text() == "kept"
    assert (staging / "journal.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"direction": "up", "files": [], "had": [], "gone": []}', "[" * 9999])
def test_a_damaged_journal_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / STAGING).mkdir()
    (tmp_path / STAGING / "journal.json").write_text(text)
    with pytest.raises(FormatError, match=r"journal\.json: ") as refusal:
        recover(tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_staging_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    folder, other = tmp_path / "run", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    (other / "journal.json").write_text("{}")
    (folder / STAGING).symlink_to(other)
    with pytest.raises(FormatError, match="is a link"):
        recover(folder)
    assert (other / "journal.json").exists()
