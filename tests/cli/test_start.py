"""What a fresh process loads and prints: help without torch, and nothing on the terminal but ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HEAVY = ("torch", "transformers", "numpy", "pyarrow", "matplotlib")


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def test_help_and_import_load_nothing_heavy() -> None:
    """One process, so that whatever loads something first is the one that is named."""
    said = python(
        "import sys\n"
        "def loaded(what): print('loaded by', what, [name for name in HEAVY if name in sys.modules])\n"
        f"HEAVY = {HEAVY}\n"
        "import edgewise; loaded('import')\n"
        "dir(edgewise); edgewise.__version__; edgewise.EdgewiseError; loaded('names')\n"
        "from edgewise.cli.main import run\n"
        "for verb in ([], ['discover'], ['draw']): run([*verb, '--help']); loaded(verb)"
    )
    found = [line for line in said.stdout.splitlines() if line.startswith("loaded by")]
    assert len(found) == 5
    assert [line for line in found if not line.endswith(" []")] == []
    assert said.stderr == ""


def test_a_real_process_prints_the_result_and_nothing_else(model: Path, data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgewise", "discover", "--model", str(model), "--data", str(data)]
    done = subprocess.run(
        [*command, "--json", "--no-pictures", "--out", str(tmp_path / "run")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    # A random model, and a machine that may be slow.
    said = [
        line
        for line in done.stderr.splitlines()
        if not line.startswith("edgewise: ") or line.startswith("edgewise: error")
    ]
    assert said == []
    assert json.loads(done.stdout)["run"]["counts"]["edges"] == 262


def test_a_real_process_refuses_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgewise", "show", str(tmp_path / "none")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"edgewise: error: {tmp_path / 'none'}: no such run folder; give the --out of a finished `edgewise discover`"
    ]
