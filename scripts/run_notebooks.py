"""Run the notebooks of docs/notebooks and keep what they show: `python scripts/run_notebooks.py`.

Each runs in a folder of its own, which is removed again. What is kept of a notebook is its cells and what they show, so
that the same run gives nearly the same file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
MINUTES = 5


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Return a notebook as it is after its cells have run; an error in one is raised.

    Args:
        path: the notebook.
        folder: where its cells run.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=60 * MINUTES, kernel_name="python3")
    client.execute(cwd=str(folder))
    return plain(notebook)


def plain(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs from one run to the next: the machine's names, and bars of progress that have gone."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("data", {}).get("text/html") != ""]
    return notebook


def main() -> None:
    """Run all, or those named."""
    for path in [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
