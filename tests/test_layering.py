"""Imports go only downward between the rooms of the package: reads the imports, wherever they stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "edgewise"
LEVELS = {
    "errors": 0,
    "registry": 0,
    "settings": 0,
    "generators": 0,
    "methods": 0,
    "disk": 0,
    "out_of_memory": 0,
    "processes": 0,
    "json_text": 0,
    "visible": 0,
    "metric_names": 0,
    "notebook": 0,
    "graph": 1,
    "models": 2,
    "tasks": 2,
    "metrics": 2,
    "engine": 3,
    "attribution": 4,
    "search": 5,
    "evaluation": 6,
    "runs": 7,
    "report": 8,
    "paper": 9,
    "verbs": 9,
    "cli": 10,
}
# The package's own front door, and `python -m edgewise`, stand above all rooms.
FRONT_DOOR = {"__init__": 11, "__main__": 11}
SIDEWAYS_ALLOWED_AT = 0


def imported_rooms(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, room) of every import of this package; '__init__' stands for the package itself."""
    inside = [package.name, *path.relative_to(package).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = inside[: len(inside) + 1 - node.level] if node.level else []
            base = above + (node.module.split(".") if node.module else [])
            targets = [[*base, alias.name] if base == [package.name] else base for alias in node.names]
        else:
            continue
        for parts in targets:
            if parts[0] == package.name:
                room = parts[1] if len(parts) > 1 else "__init__"
                known = room in LEVELS or (package / room).is_dir() or (package / f"{room}.py").is_file()
                yield node.lineno, room if known else "__init__"


def violations(package: Path) -> list[str]:
    """Return one line for every import that climbs, goes sideways or leads to a room that the table lacks."""
    found = []
    for path in sorted(package.rglob("*.py")):
        own = path.relative_to(package).parts[0].removesuffix(".py")
        levels = LEVELS | FRONT_DOOR
        where = path.relative_to(package.parent)
        if own not in levels:
            found.append(f"{where}: '{own}' is not a room of the table")
            continue
        for line, room in imported_rooms(path, package):
            if room == own:
                continue
            if room not in levels:
                found.append(f"{where}:{line}: '{room}' is not a room of the table")
            elif levels[room] > levels[own]:
                found.append(f"{where}:{line}: {own} climbs to {room}")
            elif levels[room] == levels[own] and levels[own] != SIDEWAYS_ALLOWED_AT:
                found.append(f"{where}:{line}: {own} goes sideways to {room}")
    return found


def test_imports_go_only_downward() -> None:
    assert violations(PACKAGE) == []


# Wings of the engine, each above those that it may import.
WINGS = {"run": 0, "partial": 1, "gradients": 2, "rules": 3, "patching": 3, "check": 4, "dry": 4}


def test_wings_of_the_engine_import_only_downward() -> None:
    engine, found = PACKAGE / "engine", set()
    for path in sorted(engine.rglob("*.py")):
        own = path.relative_to(engine).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if name.startswith("edgewise.engine.") and (wing := name.split(".")[2]) != own:
                found.add((own, wing))
    assert [pair for pair in found if WINGS[pair[0]] <= WINGS[pair[1]]] == []
    assert len(found) <= 13


def test_the_rooms_that_exist_are_read() -> None:
    seen = {room for path in PACKAGE.rglob("*.py") for _, room in imported_rooms(path, PACKAGE)}
    assert {"errors", "graph"} <= seen


@pytest.mark.parametrize(
    ("file", "code", "verdict"),
    [
        ("graph/a.py", "import edgewise.models.load", "graph climbs to models"),
        ("graph/a.py", "from edgewise.engine import run", "graph climbs to engine"),
        ("graph/a.py", "from edgewise import runs", "graph climbs to runs"),
        ("graph/a.py", "from edgewise import discover", "graph climbs to __init__"),
        ("graph/a.py", "from ..cli import main", "graph climbs to cli"),
        ("graph/deep/a.py", "from ...cli import main", "graph climbs to cli"),
        ("graph/a.py", "def f():\n    import edgewise.cli", "graph climbs to cli"),
        ("graph/a.py", "if TYPE_CHECKING:\n    from edgewise.runs import Run", "graph climbs to runs"),
        ("tasks/a.py", "from edgewise.models import Model", "tasks goes sideways to models"),
        ("metrics/a.py", "from edgewise.tasks.prompts import PromptPair", "metrics goes sideways to tasks"),
        ("utils/a.py", "import os", "'utils' is not a room"),
        ("helpers.py", "import os", "'helpers' is not a room"),
        ("engine/a.py", "from edgewise.models import Model\nfrom edgewise.metrics import kl", None),
        ("engine/a.py", "from . import b\nfrom .b import c\nfrom ..graph import Graph", None),
        ("registry.py", "from edgewise.errors import EdgewiseError", None),
        ("__init__.py", "from edgewise.cli import main", None),
        ("cli/a.py", "from edgewise.graph import Graph\nimport numpy, torch.nn", None),
    ],
)
def test_planted_imports_are_judged(tmp_path: Path, file: str, code: str, verdict: str | None) -> None:
    package = tmp_path / "edgewise"
    path = package / file
    path.parent.mkdir(parents=True)
    path.write_text(code)
    found = violations(package)
    assert len(found) == (verdict is not None)
    assert verdict is None or verdict in found[0]
