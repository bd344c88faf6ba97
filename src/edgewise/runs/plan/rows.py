"""Prompts of which only the number and the length are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgewise.errors import SettingError
from edgewise.models import Reader
from edgewise.settings.read import check
from edgewise.settings.setting import setting
from edgewise.tasks import PromptPair, PromptSet


@dataclass(frozen=True)
class Rows:
    """Pairs of prompts that differ from the first token on and are read at the last, which takes longest.

    Args:
        number: how many.
        length: tokens of each.
    """

    number: int = setting(least=1, help="So many prompts, in the place of a task or a file.", flag="--rows")
    length: int = setting(least=2, help="Tokens of each of these.")

    def __post_init__(self) -> None:
        """Check the values."""
        check(self)

    @classmethod
    def asked(cls, given: Mapping[str, Any], number: int | None, length: int | None) -> Rows | None:
        """From what was given beside a task or a file; None where nothing was.

        Raises:
            SettingError: one without the other, or beside a task or a file.
        """
        if number is None and length is None:
            return None
        if number is None or length is None:
            raise SettingError("--rows and --length go together; give for example --rows 1000 --length 64")
        other = next((name for name in ("task", "data") if given.get(name) is not None), None)
        if other is not None:
            raise SettingError(f"--rows stands in the place of prompts; leave --{other} out, or --rows and --length")
        return cls(number, length)

    @property
    def pairs(self) -> tuple[PromptPair, ...]:
        """As pairs of token ids."""
        return (PromptPair((0,) * self.length, (1,) * self.length, (0,), (1,)),) * self.number

    def __str__(self) -> str:
        """What stands in the place of a file's name."""
        return f"{self.number} rows of {self.length} tokens"

    def prompts(self, reader: Reader) -> PromptSet:
        """For a model. Raises SettingError where they are longer than its context."""
        most = reader.max_positions
        if most is not None and self.length > most:
            raise SettingError(
                f"--length {self.length:,} is more than the model's context of {most:,} tokens; give less"
            )
        return PromptSet(f"rows of {self.length}", self.pairs)
