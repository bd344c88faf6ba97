"""Answers as tokens that continue a prompt: one token, or why it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edgewise.errors import DataError
from edgewise.json_text import shown

_OR_FIRST = ", or take the first of its tokens with --first-token"


class Vocabulary(Protocol):
    """What is asked about tokens."""

    @property
    def unknown_id(self) -> int | None:
        """Id that stands for words it does not know."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids."""
        ...

    def lacks_space(self, text: str) -> bool:
        """Whether a text would be one token with a space in front."""
        ...


@dataclass(frozen=True)
class Split:
    """How a tokenizer cuts a prompt, the prompt with an answer behind it, and the answer by itself."""

    prompt: list[int]
    together: list[int]
    alone: list[int]

    @property
    def continues(self) -> bool:
        """Whether the prompt's tokens are the same with the answer behind them."""
        return self.together[: len(self.prompt)] == self.prompt

    @property
    def pieces(self) -> list[int]:
        """The answer's tokens.

        Where the tokenizer would fuse prompt and answer (" 17" and "00" into " 1700", or two words that no space
        parts), the prompt ends where it ends all the same, and the tokens of the answer by itself are those read.
        """
        return self.together[len(self.prompt) :] if self.continues else self.alone


def alone(vocabulary: Vocabulary, text: str, ids: list[int], first_token: bool) -> int:
    """The one token of an answer by itself, or the first of several. Raises DataError where it has none."""
    if ids and (len(ids) == 1 or first_token) and ids[0] != vocabulary.unknown_id:
        return ids[0]
    pieces = "not one token" if len(ids) < 2 else f"{len(ids)} tokens {_pieces(vocabulary, ids)}"
    fix = "; give its token id" if len(ids) < 2 else f"; give a token id{_OR_FIRST}"
    raise DataError(f"answer {shown(text)} is {pieces} by itself{fix}")


def one_token(vocabulary: Vocabulary, prompt_text: str, text: str, split: Split, first_token: bool) -> int:
    """The one token of an answer behind its prompt, or the first of several. Raises DataError where it has none."""
    if not text:
        raise DataError("answer '' is empty; give one token")
    pieces = split.pieces
    fused = prompt_text[-1:].isspace() and prompt_text[-1] not in "\r\n" and not split.continues
    if fused or (len(pieces) != 1 and not (pieces and first_token)):
        raise DataError(_why_not_one(vocabulary, text, pieces, fused))
    if pieces[0] == vocabulary.unknown_id:
        raise DataError(f"answer {shown(text)} is unknown to the tokenizer; use a word of its vocabulary")
    return pieces[0]


def _why_not_one(vocabulary: Vocabulary, text: str, pieces: list[int], fused: bool) -> str:
    if fused:
        return (
            f"answer {shown(text)} fuses with the space the prompt ends in; "
            f"end the prompt without it and give the answer as {' ' + text.lstrip()!r}"
        )
    spaced, what = " " + text, f"answer {shown(text)} is {len(pieces)} tokens {_pieces(vocabulary, pieces)}"
    if vocabulary.lacks_space(text):
        return f"{what}; write {shown(spaced)}, which is one token"
    return f"{what}; use an answer that is one token{_OR_FIRST if pieces else ''}"


def _pieces(vocabulary: Vocabulary, ids: list[int]) -> list[str]:
    return [vocabulary.decode([piece]) for piece in ids]
