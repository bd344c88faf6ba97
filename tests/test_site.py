"""The documentation site: built strictly, which fails on a link or page that is not there; whole without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import edgewise
from edgewise.methods import method_names

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# What a browser fetches by itself; links that a reader clicks are no matter.
FETCHED = re.compile(r"""<(?:script|img|iframe|source)[^>]* src="(https?:[^"]*)"|<link[^>]* href="(https?:[^"]*)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once."""
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(words, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def test_pages_fetch_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 5
    assert {page.name: found for page in pages if (found := FETCHED.findall(page.read_text(encoding="utf-8")))} == {}


def test_every_public_name_has_its_place_in_the_reference(site: Path) -> None:
    page = (site / "python.html").read_text(encoding="utf-8")
    missing = [name for name in edgewise.__all__ if name != "__version__" and f'id="edgewise.{name}"' not in page]
    assert missing == []


def test_every_method_has_a_page(site: Path) -> None:
    pages = {name: site / "methods" / f"{name}.html" for name in method_names()}
    assert [name for name, page in pages.items() if not page.is_file()] == []
    left = re.compile(r"<!-- (?:measured|settings|code|fields|methods) ")
    assert [page.name for page in site.rglob("*.html") if left.search(page.read_text(encoding="utf-8"))] == []


def test_formulas_are_drawn_without_a_script(site: Path) -> None:
    page = (site / "ideas.html").read_text(encoding="utf-8")
    assert page.count("<math ") >= 10
    assert "arithmatex" not in page


def test_every_verb_and_every_option_stand_on_the_page_of_verbs(site: Path) -> None:
    from edgewise.cli.main import app

    page = (site / "verbs.html").read_text(encoding="utf-8")
    names = [command.name for command in app.registered_commands]
    assert len(names) >= 13
    assert [name for name in names if f'<h2 id="{name}">' not in page] == []
    assert page.count("--max-memory SIZE") >= 6
