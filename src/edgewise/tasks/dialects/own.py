"""Our own fields: clean, corrupted, answers, and where wanted wrong_answers, positions and spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.tasks.dialects import cells
from edgewise.tasks.dialects.dialect import Dialect, RawPrompt


def _read(fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    clean = cells.prompt(fields["clean"], "clean", typed)
    corrupted = cells.prompt(fields["corrupted"], "corrupted", typed)
    ids = not isinstance(clean, str)
    return RawPrompt(
        clean,
        corrupted,
        cells.answers(fields.get("answers"), "answers", typed, ids),
        cells.answers(fields.get("wrong_answers"), "wrong_answers", typed, ids),
        cells.positions(fields.get("positions"), typed),
        spans=cells.spans(fields.get("spans")),
    )


OWN = Dialect(
    name="edgewise",
    required=("clean", "corrupted", "answers"),
    recognises=lambda table: True,
    read=_read,
)
