"""Pages that must keep to something else: errors, stored results, the version, files that they link to."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewise import errors
from edgewise.engine.run.passes import Passes
from edgewise.graph import Graph, GraphSpec
from edgewise.graph.score_arrays import ARRAYS, MARKS
from edgewise.methods import ESTIMATES
from edgewise.report.cost import passes_words
from edgewise.runs.store import folder
from edgewise.runs.store.checkpoint import PROGRESS
from edgewise.runs.store.examples import EXAMPLES
from edgewise.runs.store.lock import LOCK

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")
ROW = re.compile(r"^\| (\S+)(?: \*)? \| (default|\d+x) \| (\d+) \| (\d+) \| (\S+) \| (\S+) \| (\S+) \|$", re.MULTILINE)


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def classes() -> Iterator[str]:
    """Every class of `edgewise.errors` that is raised or warned with."""
    for name, one in inspect.getmembers(errors, inspect.isclass):
        if issubclass(one, Exception):
            yield name


def test_every_error_has_causes_and_mends() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text("docs/errors.md"), re.MULTILINE | re.DOTALL))
    assert set(sections) == set(classes())
    bare = {name for name, said in sections.items() if "| cause | what to do |" not in said}
    assert bare == {"EdgewiseError", "EdgewiseWarning"}


def test_the_tree_of_errors_is_that_of_the_module() -> None:
    tree = [line.strip() for line in str(errors.__doc__).splitlines() if "──" in line]
    assert [line.strip() for line in text("docs/errors.md").splitlines() if "──" in line] == tree


def test_how_often_the_stated_error_holds_is_what_was_counted() -> None:
    rows = json.loads(text("benchmarks/effects/coverage.json"))["rows"]
    counted = {
        (row["pair"], "default" if row["budget"] is None else f"{row['budget']:g}x"): (
            f"{row['certain'] + row['drawn']}",
            f"{row['drawn']}",
            *(f"{row[name]:.3f}" for name in ("r2", "limit")),
            f"{row['holds']:.2f}",
        )
        for row in rows
    }
    assert {tuple(row[:2]): tuple(row[2:]) for row in ROW.findall(text("docs/estimators.md"))} == counted


def test_methods_cost_the_passes_that_the_page_says() -> None:
    said = dict(re.findall(r"^\| \[`(\S+)`\].* \| ([^|]*[FB]) \|$", text("docs/methods/index.md"), re.MULTILINE))
    known = {name: ESTIMATES.load(name).passes for name in ESTIMATES}
    fixed = {name: passes_words(passes) for name, passes in known.items() if isinstance(passes, Passes)}
    assert len(fixed) >= 9
    assert {name: said[name] for name in fixed} == fixed


def test_times_of_the_advice_are_the_stored_ones() -> None:
    rows = json.loads(text("benchmarks/effects/results.json"))["rows"]
    said = re.findall(
        r"`(?:--method )?([\w+-]+)`(?:, the default)? \| (\S+) to (\S+) \|$", text("docs/choosing.md"), re.MULTILINE
    )
    assert {name for name, _, _ in said} == {"eap+exact", "secant-mid", "eap-ig-inputs"}
    for name, least, most in said:
        times = [row["time"] for row in rows if row["method"] == name]
        assert (f"{min(times):.1f}", f"{max(times):.1f}") == (least, most), name


def test_the_size_of_gpt2_small_is_that_of_its_graph() -> None:
    graph = Graph(GraphSpec(n_layers=12, n_heads=12, d_model=768))
    said = f"GPT-2 small has {graph.n_sources} sources, {graph.n_destinations} destinations and {graph.n_edges:,} edges"
    assert said in " ".join(text("docs/ideas.md").split())


def test_every_file_of_a_run_is_named() -> None:
    part = text("docs/files.md").partition("## A run folder")[2].partition("\n## ")[0]
    names = (folder.RUN, folder.SCORES, folder.CIRCUIT, folder.TRACE, folder.PAGE, folder.BESIDE, EXAMPLES)
    analyses = (f"{name}.json" for name in (folder.FAITHFULNESS, folder.SIZES, "verification"))
    assert [name for name in (*names, *analyses, PROGRESS, LOCK) if f"`{name}`" not in part] == []


def test_every_tensor_of_scores_is_specified() -> None:
    part = text("docs/files.md").partition("## scores.safetensors")[2].partition("\n## ")[0]
    stored = {"scores" if name == "values" else name for name in (*ARRAYS, *MARKS)}
    assert set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == stored


def test_the_readme_is_short() -> None:
    assert len(text("README.md").splitlines()) <= 150


@pytest.mark.parametrize("page", ["README.md", "llms.txt", "CONTRIBUTING.md", "SECURITY.md"])
def test_files_outside_the_site_link_to_what_is_there(page: str) -> None:
    assert [link for link in LINK.findall(text(page)) if not (ROOT / link).exists()] == []


def test_every_picture_is_on_a_page() -> None:
    shown = {
        path.name for page in (ROOT / "docs").rglob("*.md") for path in map(Path, LINK.findall(page.read_text("utf-8")))
    }
    assert [path.name for path in (ROOT / "docs/images").rglob("*.*") if path.name not in shown] == []


def test_the_version_to_cite_is_the_package_s() -> None:
    (version,) = re.findall(r'^version = "(.*)"$', text("pyproject.toml"), re.MULTILINE)
    assert f"\nversion: {version}\n" in text("CITATION.cff")
    assert f"version = {{{version}}}" in text("docs/cite.md")
