"""What is published: a wheel and a source archive that hold everything, and a wheel that works by itself."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import edgewise

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "edgewise"
MOST_BYTES = 5_000_000
# https://semver.org: three numbers, and what may follow them.
SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


def declared() -> str:
    """The version in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'^version = "([^"]+)"$', text, re.MULTILINE)[0]


def test_the_version_is_semantic_and_the_changelog_dates_it() -> None:
    assert SEMANTIC.fullmatch(declared())
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings
    for heading in headings:
        version, date = re.fullmatch(r"(\S+) \((\d{4}-\d\d-\d\d)\)", heading).groups()  # type: ignore[union-attr]
        assert SEMANTIC.fullmatch(version)
        datetime.date.fromisoformat(date)
    assert headings[0].startswith(f"{declared()} ")


def test_types_are_published() -> None:
    assert (PACKAGE / "py.typed").is_file()


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program that knows nothing of the source tree, and return what it printed; a failure shows all of it."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, env=kept | environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, made of the source archive as a registry would, and that archive."""
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (wheel,), (source,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, source


@pytest.mark.slow
def test_both_are_named_after_the_version_and_pass_twine(built: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, source = built
    assert wheel.name == f"edgewise-{declared()}-py3-none-any.whl"
    assert source.name == f"edgewise-{declared()}.tar.gz"
    assert run(sys.executable, "-m", "twine", "check", "--strict", *built, cwd=tmp_path).count("PASSED") == 2


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_is_small(built: tuple[Path, Path]) -> None:
    wheel, _ = built
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "src"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if tracked.returncode:
        pytest.skip("not a checkout")
    files = {name.removeprefix("src/") for name in tracked.stdout.split("\0") if (ROOT / name).is_file()}
    assert {name for name in names if not name.startswith(f"edgewise-{declared()}.dist-info/")} == files
    assert "edgewise/py.typed" in names


@pytest.mark.slow
def test_the_source_archive_holds_what_the_checks_need(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    assert {"src", "tests", "docs", "Makefile", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"} <= tops


@pytest.mark.slow
def test_the_wheel_finds_a_circuit_without_the_source_tree(built: tuple[Path, Path], tmp_path: Path) -> None:
    """In an environment of its own, which borrows the other libraries; what is beside it there, such as an editable
    edgewise, is not followed."""
    python = environment(tmp_path / "env")
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        *"install --no-deps --no-index --no-compile".split(),
        built[0],
        cwd=tmp_path,
    )
    say = "import edgewise; print(edgewise.__file__, edgewise.__version__)"
    where, version = run(python, "-c", say, cwd=tmp_path).split()
    assert Path(where).is_relative_to(tmp_path / "env")
    assert version == declared() == edgewise.__version__
    command = python.with_name("edgewise")
    assert run(command, "--version", cwd=tmp_path).split() == ["edgewise", version]
    run(
        command,
        *"discover --model demo --task ioi --n 6 --top 100 --out run".split(),
        cwd=tmp_path,
        OMP_NUM_THREADS="1",
    )
    assert {"run.json", "scores.safetensors", "circuit.json", "report.html"} <= {
        path.name for path in (tmp_path / "run").iterdir()
    }
    # It is typed for whoever depends on it.
    assert Path(where).with_name("py.typed").is_file()


def environment(folder: Path) -> Path:
    """Make an empty environment that can import what this one has installed, and return its Python."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    own = run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", cwd=folder.parent).strip()
    borrowed = {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}
    Path(own, "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n", encoding="utf-8")
    return python
