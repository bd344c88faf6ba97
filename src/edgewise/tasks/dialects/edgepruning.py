"""Edge-Pruning's JSON lines: `clean` and `corrupted`, with the answer between <predict> and </predict>.

Source: the custom data sets of princeton-nlp/Edge-Pruning. Prompt and answer are tokenised together there, so
the space before the tag belongs to the answer. The wrong answer is what the corrupted text predicts, where it
is tagged and differs. What follows the answer is dropped: a causal model does not see it where it predicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.errors import DataError
from edgewise.tasks.dialects import cells
from edgewise.tasks.dialects.dialect import Dialect, RawPrompt
from edgewise.tasks.tables import FileTable

_OPEN, _CLOSE = "<predict>", "</predict>"


def _recognises(table: FileTable) -> bool:
    prompts = (record.fields.get("clean") for record in table.records)
    return "answers" not in table.columns and any(isinstance(text, str) and _OPEN in text for text in prompts)


def _read(fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    clean, answer = _split(cells.text(fields["clean"], "clean"), "clean")
    untagged = cells.text(fields["corrupted"], "corrupted")
    if _OPEN not in untagged:
        # Nothing marks where an untagged prompt ends: it is taken whole, and the check of lengths decides.
        return RawPrompt(clean, untagged.rstrip(), (answer,))
    corrupted, other = _split(untagged, "corrupted")
    return RawPrompt(clean, corrupted, (answer,), () if other == answer else (other,))


def _split(text: str, field: str) -> tuple[str, str]:
    before, opened, rest = text.partition(_OPEN)
    inside, closed, _ = rest.partition(_CLOSE)
    if not (opened and closed and inside):
        raise DataError(f"{field}: no answer between {_OPEN} and {_CLOSE}; mark the token to predict")
    prompt = before.rstrip()
    return prompt, before[len(prompt) :] + inside


EDGE_PRUNING = Dialect(
    name="edge-pruning",
    required=("clean", "corrupted"),
    recognises=_recognises,
    read=_read,
)
