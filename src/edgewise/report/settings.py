"""Every setting in a table: its option, what it takes, its default, what it is for, and which methods have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from typing import Any

from edgewise.methods import method_names, settings_class
from edgewise.settings import Described, described
from edgewise.settings.conditions import BatchSettings, MemorySettings
from edgewise.settings.evaluation import EvaluationRequest, MeasureSettings
from edgewise.settings.model import ModelSettings
from edgewise.settings.prompts import PromptSettings
from edgewise.settings.scoring import ScoreSettings
from edgewise.settings.selection import Selection

SHARED = (
    ModelSettings,
    PromptSettings,
    ScoreSettings,
    Selection,
    MeasureSettings,
    EvaluationRequest,
    BatchSettings,
    MemorySettings,
)
HEADER = ("option", "takes", "default", "what it is")
_KINDS = {bool: "yes or no", int: "whole number", float: "number", str: "text", dict: "name=value"}
OPENING = """# Settings

Every setting once, as the command line has it. In Python each is a keyword of `edgewise.discover`, `evaluate`, `verify`
and `compare` with the same name and default, `_` for `-`; `--no-curve` is `curve=False`, `--option order=abba` is
`options={"order": "abba"}`, and `--lambda` is `lambda_`. This page is made from the descriptions that the options are
made from (`edgewise list settings`).
"""


@dataclass(frozen=True)
class SettingRow:
    """One setting.

    Args:
        group: the heading it stands under.
        option: its option.
        takes: what values it takes.
        default: where it is not given; empty where it is off, or must be given.
        summary: what it is.
        changes_result: whether another value is another run.
    """

    group: str
    option: str
    takes: str
    default: str
    summary: str
    changes_result: bool


def rows() -> Iterator[SettingRow]:
    """All settings: those that verbs share, then those of methods."""
    for kind in SHARED:
        yield from _rows(kind.title, kind)
    for name in method_names():
        yield from _rows(f"Method {name}", settings_class(name))


def settings_page() -> str:
    """The page of the documentation."""
    parts, group = [OPENING], ""
    for row in rows():
        if row.group != group:
            group = row.group
            parts.append(f"\n## {group}\n\n| {' | '.join(HEADER)} |\n| --- | --- | --- | --- |\n")
        cells = (f"`{row.option}`", row.takes, row.default, row.summary)
        parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n")
    return "".join(parts)


def _rows(group: str, kind: type[Any]) -> Iterator[SettingRow]:
    for one in described(kind):
        option = f"{one.flag}, {one.off}" if one.off else one.flag
        default = "must be given" if one.default is MISSING else one.default_words or ""
        summary = one.setting.help.rstrip(".")
        yield SettingRow(group, option, _takes(one), default, summary, one.setting.changes_result)


def _takes(one: Described) -> str:
    """What values a setting takes, its range included."""
    words = " or ".join(one.choices) if one.choices else _KINDS[one.kind]
    if one.setting.metavar == "SIZE":
        words = "size"
    bounds = ((one.setting.least, "at least"), (one.setting.above, "above"), (one.setting.most, "at most"))
    limits = " and ".join(f"{how} {limit:g}" for limit, how in bounds if limit is not None)
    many = "; repeatable" if one.many or one.kind is dict else "; several make a sweep" if one.setting.sweep else ""
    return f"{words}{f' {limits}' if limits else ''}{many}"
