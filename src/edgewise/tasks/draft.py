"""From drawn texts to a prompt set: what every task generator does before and after it draws its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar

from edgewise.errors import DataError
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptPair, PromptSet
from edgewise.tasks.singles import Singles

_DRAWS_IN_VAIN = 3000  # so many repeats in a row, and the prompts not yet drawn are few or none


class HasCleanText(Protocol):
    """Something drawn that has a clean prompt."""

    @property
    def clean(self) -> str:
        """The clean prompt, without its answer."""
        ...


DrawnT = TypeVar("DrawnT", bound=HasCleanText)


@dataclass(frozen=True)
class Draft:
    """One prompt as text, before the tokenizer has seen it.

    Args:
        clean: the prompt, without its answer.
        corrupted: its counterpart, equal but for single-token words.
        answers: token ids of the right continuations.
        wrong_answers: token ids they are compared with.
    """

    clean: str
    corrupted: str
    answers: tuple[int, ...]
    wrong_answers: tuple[int, ...]


def random_source(task: str, seed: int, split: str) -> Random:
    """Randomness that depends on the task, the seed and the split, and is the same on every machine."""
    return Random(f"{task}/{split}/{seed}")


def draw_distinct(draw: Callable[[], DrawnT], n: int, task: str) -> list[DrawnT]:
    """Draw until there are `n` prompts, no clean text twice.

    Raises:
        DataError: the word lists do not give so many different prompts.
    """
    drawn: dict[str, DrawnT] = {}
    in_vain = 0
    while len(drawn) < n and in_vain < _DRAWS_IN_VAIN:
        one = draw()
        in_vain = in_vain + 1 if one.clean in drawn else 0
        drawn.setdefault(one.clean, one)
    if len(drawn) < n:
        raise DataError(
            f"task {task!r}, n: {n} different prompts asked for, and the words that are single tokens of "
            f"this tokenizer gave {len(drawn)}; ask for fewer"
        )
    return list(drawn.values())


def encode_drafts(task: str, encoder: TextEncoder, drafts: Sequence[Draft]) -> tuple[PromptPair, ...]:
    """Encode clean and corrupted texts, and check that they align token by token.

    Raises:
        DataError: a pair does not align.
    """
    return tuple(_encode(task, encoder, draft, row) for row, draft in enumerate(drafts, start=1))


def assemble(
    task: str,
    encoder: TextEncoder,
    pairs: Sequence[PromptPair],
    *,
    metric: str,
    lists: Sequence[Singles],
    info: Mapping[str, Any],
) -> PromptSet:
    """Make the prompt set, with the task's default metric and the words that had to be left out.

    Args:
        task: the task's name.
        encoder: the tokenizer, wrapped.
        pairs: the prompts.
        metric: the task's default metric.
        lists: the word lists used; what was left out of them becomes a warning, and is recorded.
        info: options and the like, to be recorded.
    """
    warnings = tuple(f"task {task!r}: {words.warning}" for words in lists if words.warning)
    left_out = {words.kind: list(words.left_out) for words in lists if words.left_out}
    recorded = {**info, "left_out": left_out} if left_out else dict(info)
    return PromptSet(task, tuple(pairs), metric=metric, bos=encoder.bos, warnings=warnings, info=recorded)


def _encode(task: str, encoder: TextEncoder, draft: Draft, row: int) -> PromptPair:
    clean, corrupted = encoder.prompt(draft.clean), encoder.prompt(draft.corrupted)
    if len(clean) != len(corrupted):
        raise DataError(
            f"task {task!r}, row {row}, corrupted: {len(corrupted)} tokens where clean has {len(clean)}, "
            f"though every word is one token by itself; use another tokenizer. The text: {draft.clean!r}"
        )
    return PromptPair(tuple(clean), tuple(corrupted), draft.answers, draft.wrong_answers, row=row)
