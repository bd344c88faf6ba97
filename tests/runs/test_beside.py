"""Results of several runs are found from the folder of each, also where all of them were moved."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgewise.runs.store.beside import put_beside, results_beside
from edgewise.runs.store.folder import BESIDE


def test_results_are_found_once_and_where_they_were_moved(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run, other = home / "run", home / "deep" / "compared"
    for folder in (run, other):
        folder.mkdir(parents=True)
    for name in ("comparison.json", "roc.json"):
        (other / name).write_text("{}")
        put_beside(run, other / name)
        put_beside(run, other / name)
    assert [path.resolve() for path in results_beside(run)] == [other / "comparison.json", other / "roc.json"]
    shutil.move(home, tmp_path / "moved")
    moved = tmp_path / "moved"
    assert [path.name for path in results_beside(moved / "run")] == ["comparison.json", "roc.json"]
    (moved / "deep" / "compared" / "roc.json").unlink()
    assert [path.name for path in results_beside(moved / "run")] == ["comparison.json"]
    (moved / "run" / BESIDE).write_text("{")
    assert results_beside(moved / "run") == ()
    assert results_beside(moved) == ()
