"""auto-circuit's JSON: {"prompts": [{"clean", "corrupt", "answers": [...], "wrong_answers": [...]}]}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.tasks.dialects import cells
from edgewise.tasks.dialects.dialect import Dialect, RawPrompt
from edgewise.tasks.tables import FileTable


def _recognises(table: FileTable) -> bool:
    return table.typed and "corrupt" in table.columns and "corrupted" not in table.columns


def _read(fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    return RawPrompt(
        cells.prompt(fields["clean"], "clean", typed),
        cells.prompt(fields["corrupt"], "corrupt", typed),
        cells.answers(fields.get("answers"), "answers", typed, prompts_are_ids=False),
        cells.answers(fields.get("wrong_answers"), "wrong_answers", typed, prompts_are_ids=False),
    )


AUTO_CIRCUIT = Dialect(
    name="auto-circuit",
    required=("clean", "corrupt", "answers"),
    recognises=_recognises,
    read=_read,
    bos_note="auto-circuit puts BOS before every prompt by default, and this run does not; --bos does as it",
)
