"""Files that show a run: written beside it, never mistaken for another run's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgewise.errors import RunConflictError
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.steps import Execution
from edgewise.runs.store import folder as folder_module
from edgewise.runs.store.folder import PICTURES
from edgewise.runs.store.lock import writing
from edgewise.runs.store.names import PAGE
from edgewise.runs.store.shown import are_shown, write_shown
from stored import contents

pytestmark = pytest.mark.slow

FILES = {name: name.encode() for name in (*PICTURES, PAGE)}


def test_files_stand_beside_the_run(config: RunConfig, tmp_path: Path) -> None:
    run = discover(config, tmp_path / "run")
    assert not are_shown(run.folder, FILES)
    before = contents(run.folder)
    assert write_shown(run, FILES) == tuple(run.folder / name for name in FILES)
    assert contents(run.folder) == before | FILES
    assert are_shown(run.folder, FILES)
    assert discover(config, tmp_path / "run").reused


def test_files_elsewhere_leave_the_run_alone(config: RunConfig, tmp_path: Path) -> None:
    run = discover(config, tmp_path / "run")
    before = contents(run.folder)
    write_shown(run, FILES, tmp_path / "new" / "figures")
    assert contents(tmp_path / "new" / "figures") == FILES
    assert contents(run.folder) == before
    write_shown(run, FILES, tmp_path / "new" / ".." / "run")
    assert are_shown(run.folder, FILES)


def test_another_run_takes_the_pictures_away(config: RunConfig, tmp_path: Path) -> None:
    write_shown(discover(config, tmp_path / "run"), FILES)
    discover(replace(config, seed=1), tmp_path / "run", execution=Execution(overwrite=True))
    assert not any((tmp_path / "run" / name).exists() for name in FILES)


def test_a_kill_while_a_run_is_replaced_leaves_no_picture_of_another_run(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shown(discover(config, tmp_path / "run"), FILES)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        discover(replace(config, seed=1), tmp_path / "run", execution=Execution(overwrite=True))
    monkeypatch.undo()
    run = discover(config, tmp_path / "run")
    assert run.reused
    assert not are_shown(run.folder, FILES)


def test_pictures_of_a_run_that_was_replaced_meanwhile_are_not_written(config: RunConfig, tmp_path: Path) -> None:
    old = discover(config, tmp_path / "run")
    discover(replace(config, seed=1), tmp_path / "run", execution=Execution(overwrite=True))
    with pytest.raises(RunConflictError, match="another run was put there meanwhile"):
        write_shown(old, FILES)
    assert not are_shown(old.folder, FILES)


def test_a_run_that_is_being_written_is_left_alone(config: RunConfig, tmp_path: Path) -> None:
    run = discover(config, tmp_path / "run")
    with writing(run.folder), pytest.raises(RunConflictError, match="another process is writing"):
        write_shown(run, FILES)
