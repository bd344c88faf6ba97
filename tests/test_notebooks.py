"""The notebooks of docs/notebooks run from top to bottom, and what they show is small and whole."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from run_notebooks import NOTEBOOKS, executed, plain  # noqa: E402

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
# Outputs are kept so that a reader sees them without running anything; more than this is no page.
MOST_BYTES = 300_000


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_what_is_kept_is_small_and_whole(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    shown = {one.output_type for cell in code for one in cell.outputs}
    assert "error" not in shown
    assert not [one.text for cell in code for one in cell.outputs if one.get("name") == "stderr"]
    assert nbformat.writes(plain(nbformat.read(path, as_version=4))) == nbformat.writes(notebook)


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_cell_runs_and_shows_what_it_showed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in a cell is raised here; values are the machine's own, so only their kinds are compared."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    kept = nbformat.read(path, as_version=4)
    now = executed(path, tmp_path)
    assert [kinds(cell) for cell in now.cells] == [kinds(cell) for cell in kept.cells]


def kinds(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell shows; what it says of slow work on stderr is a matter of the machine."""
    outputs = [one for one in cell.get("outputs", []) if one.get("name") != "stderr"]
    return [kind for one in outputs for kind in sorted(one.get("data", {one.output_type: ""}))]


def test_cells_take_public_names_alone() -> None:
    """A reader can find everything in the reference: nothing is imported from within the package."""
    for path in PATHS:
        cells = nbformat.read(path, as_version=4).cells
        tree = ast.parse("\n".join(cell.source for cell in cells if cell.cell_type == "code"))
        inside = [one.module for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)]
        assert not [name for name in inside if (name or "").startswith("edgewise.")]
    assert len(PATHS) == 2
