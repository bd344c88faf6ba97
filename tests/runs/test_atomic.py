"""A file that is written atomically holds its old content or its new, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewise.runs.store.atomic import sweep, write_bytes, write_through


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a.json"]


def test_failing_writer_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_bytes(path, b"old")

    def half(temporary: Path) -> None:
        temporary.write_bytes(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_through(path, half)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"]


def test_failing_rename_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_bytes(path, b"old")

    def refuse(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("tidy", [sweep, lambda folder: write_bytes(folder / "a.json", b"old")])
def test_kill_in_the_middle_leaves_the_old_content_and_the_rest_is_swept(
    tmp_path: Path, tidy: Callable[[Path], None]
) -> None:
    path = tmp_path / "a.json"
    write_bytes(path, b"old")
    code = (
        "import os, signal, sys; from pathlib import Path; from edgewise.runs.store.atomic import write_through\n"
        "def half(p): p.write_bytes(b'ne'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_through(Path(sys.argv[1]), half)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2
    write_bytes(tmp_path / "b.json", b"another target's file is left alone")
    assert len(names(tmp_path)) == 3
    tidy(tmp_path)
    assert names(tmp_path) == ["a.json", "b.json"]


def test_what_a_process_that_runs_is_writing_stays(tmp_path: Path) -> None:
    path, seen = tmp_path / "a.json", []

    def meanwhile(temporary: Path) -> None:
        temporary.write_bytes(b"first")
        write_bytes(path, b"second")
        seen.extend(names(tmp_path))

    write_through(path, meanwhile)
    assert path.read_bytes() == b"first"
    assert len(seen) == 2
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_has_the_permissions_of_any_new_file(tmp_path: Path, mask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody's umask is changed in passing."""
    before = os.umask(mask)
    try:
        with monkeypatch.context() as forbidden:
            forbidden.setattr(os, "umask", lambda _: pytest.fail("the umask was changed"))
            write_bytes(tmp_path / "own", b"new")
        (tmp_path / "any").touch()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert modes["own"] == modes["any"]
    assert sorted(modes) == ["any", "own"]
