"""The page of tasks is made from what was measured, and says of each model on how many tasks it is right."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edgewise.tasks import TASKS

ROOT = Path(__file__).resolve().parents[1]


def script():
    spec = importlib.util.spec_from_file_location("task_table", ROOT / "scripts" / "task_table.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_was_measured() -> None:
    module = script()
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "write it anew: python scripts/task_table.py page"


def test_every_task_is_measured_on_both_models_which_are_right_on_ten_or_more() -> None:
    found = script().stored()
    assert len(found) == 2
    for rows in found.values():
        assert set(rows) == set(TASKS) - {"planted", "compiled"}
        assert sum(row.get("right", 0) >= 0.8 for row in rows.values()) >= 10
