"""What a dialect of prompt files has to say, and the row it yields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgewise.tasks.tables import FileTable

Prompt = str | tuple[int, ...]
"""Text, or token ids."""


@dataclass(frozen=True)
class RawPrompt:
    """One row as its file means it, before any tokenizer: each part is text or token ids.

    Args:
        clean: the prompt that shows the behaviour.
        corrupted: its counterpart.
        answers: the right ones.
        wrong_answers: those they are compared with.
        positions: where logits are read; empty for the last token.
        words: where answers are ids and the file says their words too, those of the right and of the wrong ones.
        spans: name -> where it begins and what stands behind it, in characters of clean; in tokens where that is ids.
    """

    clean: Prompt
    corrupted: Prompt
    answers: tuple[str | int, ...]
    wrong_answers: tuple[str | int, ...] = ()
    positions: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect:
    """One way of writing prompt files.

    Args:
        name: recorded with the run.
        required: fields that every row must have.
        recognises: whether a table is in this dialect, by its fields.
        read: a row's fields, and whether its values are typed, to the row's meaning; raises `DataError` with
            a message that begins with the field.
        metric: the metric such files are meant for.
        bos_note: what to tell the user when no BOS is put, because the library that made the file puts one.
    """

    name: str
    required: tuple[str, ...]
    recognises: Callable[[FileTable], bool]
    read: Callable[[Mapping[str, Any], bool], RawPrompt]
    metric: str = "logit-diff"
    bos_note: str | None = None
