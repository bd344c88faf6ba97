"""Prompts of which only the number and the length are known."""

from __future__ import annotations

from edgewise.errors import SettingError
from edgewise.models import Reader
from edgewise.tasks import PromptPair, PromptSet


def rows_of(reader: Reader, number: int, length: int) -> PromptSet:
    """So many pairs that differ from the first token on and are read at the last, which takes longest.

    Raises:
        SettingError: prompts longer than the model's context.
    """
    if reader.max_positions is not None and length > reader.max_positions:
        raise SettingError(f"--length {length} is more than the model's context of {reader.max_positions:,} tokens")
    pair = PromptPair((0,) * length, (1,) * length, (0,), (1,))
    return PromptSet(f"rows of {length}", (pair,) * number)
