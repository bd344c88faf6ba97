"""The page of settings is the one that the descriptions make."""

from __future__ import annotations

from pathlib import Path

from edgewise.methods import method_names, settings_class
from edgewise.report.settings import rows, settings_page
from edgewise.runs.config import RunConfig
from edgewise.settings import described

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_documentation_is_what_the_descriptions_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "write it anew by settings_page()"


def test_every_setting_of_a_run_and_of_a_method_has_a_row() -> None:
    listed = {(row.group.removeprefix("Method "), row.option.split(",")[0]) for row in rows()}
    assert {one.flag for one in described(RunConfig)} <= {option for _, option in listed}
    for name in method_names():
        assert {(name, one.flag) for one in described(settings_class(name))} <= listed
