"""feature-circuits' JSON lines: `clean_prefix`, `patch_prefix`, `clean_answer`, `patch_answer`, and `case`, not read.

Source: the data and loader of saprmarks/feature-circuits. What the corrupted prompt asks for is the wrong answer. Early
files write an answer without the space that parts it from the prompt, which ends in a whole word: it is put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.tasks.dialects import cells
from edgewise.tasks.dialects.dialect import Dialect, RawPrompt

_REQUIRED = ("clean_prefix", "patch_prefix", "clean_answer", "patch_answer")


def _read(fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    clean = cells.prompt(fields["clean_prefix"], "clean_prefix", typed)
    ids = not isinstance(clean, str)
    right, wrong = (cells.answers(fields[name], name, typed, ids) for name in ("clean_answer", "patch_answer"))
    return RawPrompt(
        clean,
        cells.prompt(fields["patch_prefix"], "patch_prefix", typed),
        tuple(_next_word(clean, answer) for answer in right),
        tuple(_next_word(clean, answer) for answer in wrong),
    )


def _next_word(prompt: str | tuple[int, ...], answer: str | int) -> str | int:
    if isinstance(answer, str) and isinstance(prompt, str) and prompt[-1:].isalpha() and answer[:1].isalpha():
        return f" {answer}"
    return answer


FEATURE_CIRCUITS = Dialect(
    name="feature-circuits",
    required=_REQUIRED,
    recognises=lambda table: {"clean_prefix", "patch_prefix"} <= set(table.columns),
    read=_read,
)
