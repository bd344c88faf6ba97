"""On a real disk that is full or read-only, and at a real limit of files, a verb says so in one line and goes on later.

What `scripts/kill_runs.py` does at every change of every verb is done there with errors that are made up; here the
system makes them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.conftest import Cli
from edgewise.disk import about_file, trouble
from edgewise.errors import ModelError
from edgewise.models.pretrained.library import told

pytestmark = pytest.mark.slow
ROOM = 8 * 2**20


class Disk:
    """A small disk of its own, of memory."""

    def __init__(self, place: Path) -> None:
        """Make it, with room."""
        self.place = place
        _mount("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(place))

    def fill(self, left: int) -> None:
        """Leave so many bytes."""
        state = os.statvfs(self.place)
        (self.place / "ballast").write_bytes(bytes(state.f_bavail * state.f_frsize - left))

    def empty(self) -> None:
        """Make room again."""
        (self.place / "ballast").unlink()

    def read_only(self) -> None:
        """Let nothing be written."""
        _mount("-o", "remount,ro", str(self.place))

    def writable(self) -> None:
        """Let things be written."""
        _mount("-o", "remount,rw", str(self.place))


def _mount(*words: str) -> None:
    try:
        subprocess.run(("mount", *words), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nothing may be mounted here")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    place = tmp_path / "disk"
    place.mkdir()
    made = Disk(place)
    yield made
    subprocess.run(("umount", "--lazy", place), check=True)


@pytest.fixture
def discover(model: Path, data: Path) -> Callable[[Path], list[object]]:
    return lambda out: ["discover", "--model", model, "--data", data, "--no-evaluate", "--out", out]


def _refused(result: object, place: Path, *words: str) -> None:
    code, out, err = result  # type: ignore[misc]
    assert (code, out) == (2, ""), err
    last = err.splitlines()[-1]
    assert last.startswith("edgewise: error: ")
    assert err.count("edgewise: error: ") == 1
    assert "unforeseen" not in err
    for word in (str(place), *words):
        assert word in last


def _results(folder: Path) -> dict[str, bytes]:
    names = ("scores.safetensors", "circuit.json", "examples.json")
    return {name: (folder / name).read_bytes() for name in names}


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("left", [0, 4096, 16384, 65536])
def test_a_run_on_a_full_disk(
    cli: Cli, discover: Callable[[Path], list[object]], disk: Disk, tmp_path: Path, left: int
) -> None:
    assert cli(*discover(tmp_path / "alone")).code == 0
    disk.fill(left)
    _refused(cli(*discover(disk.place / "run")), disk.place, "disk is full", "make room")
    disk.empty()
    assert cli(*discover(disk.place / "run")).code == 0
    assert _results(disk.place / "run") == _results(tmp_path / "alone")
    assert _names(disk.place / "run") == _names(tmp_path / "alone")


def test_what_is_made_of_a_run_on_a_full_disk(
    cli: Cli, discover: Callable[[Path], list[object]], disk: Disk, tmp_path: Path
) -> None:
    run = disk.place / "run"
    assert cli(*discover(run), "--no-pictures").code == 0
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    disk.fill(0)
    verbs = {
        "evaluate": ("evaluate", run, "--no-curve"),
        "verify": ("verify", run, "--edges", 40),
        "select": ("select", run, "--top", 5, "--out", disk.place / "other.json"),
        "draw": ("draw", run),
        "roc": (
            "roc",
            *discover(run)[1:5],
            "--methods",
            "eap",
            "--truth",
            run / "circuit.json",
            "--out",
            disk.place / "roc",
        ),
    }
    for command in verbs.values():
        _refused(cli(*command), disk.place, "disk is full")
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before
    disk.empty()
    for command in (verbs["evaluate"], verbs["select"], verbs["draw"]):
        assert cli(*command).code == 0


def test_a_folder_that_is_read_only(cli: Cli, discover: Callable[[Path], list[object]], disk: Disk) -> None:
    run = disk.place / "run"
    assert cli(*discover(run), "--no-pictures").code == 0
    disk.read_only()
    _refused(cli(*discover(disk.place / "new")), disk.place, "read-only", "choose another folder")
    _refused(cli("draw", run), disk.place, "read-only")
    assert cli("show", run).code == 0
    disk.writable()
    assert cli("draw", run).code == 0


@contextmanager
def _files_no_larger_than(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_files_that_may_not_be_large(
    cli: Cli, discover: Callable[[Path], list[object]], tmp_path: Path, size: int
) -> None:
    run = tmp_path / "run"
    with _files_no_larger_than(size):
        result = cli(*discover(run))
    _refused(result, run, "larger than is allowed", "ulimit -f")
    assert not run.exists()
    assert cli(*discover(run)).code == 0


def test_the_trace_of_an_unforeseen_error_on_a_full_disk(cli: Cli, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TypeError("x" * 9000)

    monkeypatch.setattr("edgewise.runs.store.folder.load_run", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(disk.place))
    disk.fill(0)
    code, _, err = cli("show", disk.place)
    assert (code, err.count("\n")) == (2, 1)
    assert "unforeseen TypeError" in err
    assert "see the full trace with --debug" in err
    assert _names(disk.place) == ["ballast"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("Data processing error: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_model_that_is_fetched_onto_a_full_disk(error: Exception) -> None:
    with (
        pytest.raises(ModelError, match=r"model 'gpt2' cannot be fetched or read: the disk is full; make room"),
        told("gpt2", "gpt2"),
    ):
        raise error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device here")
def test_what_is_printed_goes_to_a_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "edgewise", "list", "methods"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("edgewise: error: what is printed, or a file: the disk is full; make room")
    assert done.stderr.count("\n") == 1


def test_an_error_raised_on_another() -> None:
    try:
        try:
            raise OSError(122, "Disk quota exceeded", "/a/b.json")
        except OSError:
            raise ValueError("in other words") from None
    except ValueError as error:
        found = trouble(error)
    assert found is not None
    assert found[0] == "the disk quota is used up"
    assert trouble(ValueError("no disk")) is None
    assert about_file(OSError(122, "", "/a/b.json")).startswith("/a: the disk quota is used up; make room")
    assert about_file(OSError(13, "Permission denied", "/a/b")) == (
        "/a/b: Permission denied; check the path and its permissions"
    )
