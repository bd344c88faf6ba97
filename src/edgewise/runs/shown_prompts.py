"""Prompts as a person reads them: tokens side by side, where the two differ, answers in words, what the model says.

All but what the model says needs no weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgewise.runs.data_checks import DataCheck
from edgewise.tasks import PromptPair, PromptSet

# sentencepiece's sign for a space, which its decoders leave out in front of a text.
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


@dataclass(frozen=True)
class Tokens:
    """Token ids and the text of each; a number in the place of text where there is no tokenizer."""

    ids: tuple[int, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class RowAnswer:
    """What the model says of one prompt.

    Args:
        clean: mean logit of the right answers minus that of the wrong ones; None where it has no wrong answers.
        corrupted: the same on the corrupted prompt.
        right: whether the best right answer beats every wrong one wherever logits are read; None likewise.
        top: whether a right answer is the likeliest of all tokens wherever logits are read; of a whole answer,
            whether each of its tokens is where it belongs.
        likeliest: the likeliest token at each position read.
        metric: the asked metric on the clean prompt and on the corrupted one; None where it has none.
    """

    clean: float | None
    corrupted: float | None
    right: bool | None
    top: bool
    likeliest: Tokens
    metric: tuple[float, float] | None = None


@dataclass(frozen=True)
class ShownRow:
    """One prompt and its counterpart.

    Args:
        row: its number in the file or task.
        clean: the prompt's tokens.
        corrupted: its counterpart's.
        differs: positions at which the two differ.
        positions: where logits are read.
        answers: the right ones.
        wrong_answers: those they are compared with.
        answer: what the model says; None where it was not asked.
    """

    row: int
    clean: Tokens
    corrupted: Tokens
    differs: tuple[int, ...]
    positions: tuple[int, ...]
    answers: Tokens
    wrong_answers: Tokens
    answer: RowAnswer | None = None


@dataclass(frozen=True)
class SetAnswer:
    """What the model says of all prompts.

    Args:
        compared: how many prompts have wrong answers to be compared with.
        right: of these, in how many the best right answer beats every wrong one.
        top: in how many of all a right answer is the likeliest token.
        clean: mean logit difference on the clean prompts; None where nothing is compared.
        corrupted: the same on the corrupted ones.
        wrong_rows: rows in which the model prefers a wrong answer.
    """

    compared: int
    right: int
    top: int
    clean: float | None
    corrupted: float | None
    wrong_rows: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class ShownPrompts:
    """The first prompts of a set, and numbers of all.

    Args:
        n: how many there are.
        shortest: tokens of the shortest, BOS included.
        longest: tokens of the longest.
        differs: every position at which some pair differs.
        least_differing: tokens in which a pair differs, at least.
        most_differing: the same, at most.
        rows: the first prompts.
        answer: what the model says of all; None where it was not asked.
        against: rows in which a run's metric, which compares right answers with wrong ones, is not above zero on the
            clean prompt; None where there is no such metric.
        checks: whether they are any good.
    """

    n: int
    shortest: int
    longest: int
    differs: tuple[int, ...]
    least_differing: int
    most_differing: int
    rows: tuple[ShownRow, ...]
    answer: SetAnswer | None = None
    against: tuple[int, ...] | None = None
    checks: tuple[DataCheck, ...] = ()

    def __repr__(self) -> str:
        """Show how many rows it holds, of how many."""
        return f"ShownPrompts({len(self.rows):,} of {self.n:,}, {self.shortest} to {self.longest} tokens)"


def show_prompts(
    prompts: PromptSet, tokenizer: Any | None, n_rows: int, answers: Sequence[RowAnswer] | None = None
) -> ShownPrompts:
    """Describe a set of prompts.

    Args:
        prompts: the prompts.
        tokenizer: gives the text of ids; None where there is none.
        n_rows: how many prompts to show.
        answers: what the model says of each, by `answers_of`.
    """
    differences = [_differs(pair) for pair in prompts]
    sizes = [len(found) for found in differences]
    shown = [show_row(pair, tokenizer, index) for index, pair in enumerate(prompts.pairs[:n_rows], start=1)]
    if answers is not None:
        shown = [replace(row, answer=answer) for row, answer in zip(shown, answers, strict=False)]
    return ShownPrompts(
        n=len(prompts),
        shortest=min(len(pair) for pair in prompts),
        longest=max(len(pair) for pair in prompts),
        differs=tuple(sorted({position for found in differences for position in found})),
        least_differing=min(sizes),
        most_differing=max(sizes),
        rows=tuple(shown),
        answer=None if answers is None else _of_all(prompts, answers),
    )


def show_row(pair: PromptPair, tokenizer: Any | None, index: int) -> ShownRow:
    """Describe one prompt; its number is the pair's own, or its place."""
    return ShownRow(
        row=pair.row or index,
        clean=tokens(pair.clean, tokenizer),
        corrupted=tokens(pair.corrupted, tokenizer),
        differs=_differs(pair),
        positions=pair.positions,
        answers=tokens(pair.answers, tokenizer),
        wrong_answers=tokens(pair.wrong_answers, tokenizer),
    )


def tokens(ids: Sequence[int], tokenizer: Any | None) -> Tokens:
    """Ids with the text of each."""
    if tokenizer is None:
        return Tokens(tuple(ids), tuple(map(str, ids)))
    return Tokens(tuple(ids), tuple(_text(token, tokenizer) for token in ids))


def _text(token: int, tokenizer: Any) -> str:
    text, piece = str(tokenizer.decode([token])), tokenizer.convert_ids_to_tokens(token)
    led = isinstance(piece, str) and piece.startswith(_SPACE) and not text.startswith(" ")
    return f" {text}" if led else text


def _differs(pair: PromptPair) -> tuple[int, ...]:
    both = zip(pair.clean, pair.corrupted, strict=True)
    return tuple(position for position, (ours, theirs) in enumerate(both) if ours != theirs)


def _of_all(prompts: PromptSet, answers: Sequence[RowAnswer]) -> SetAnswer:
    compared = [
        (pair.row or index, answer) for index, (pair, answer) in enumerate(zip(prompts, answers, strict=True), 1)
    ]
    rows = [pair.row or place for place, pair in enumerate(prompts, start=1)]
    numbered = zip(rows, answers, strict=True)
    compared = [(row, answer) for row, answer in numbered if answer.right is not None]
    return SetAnswer(
        compared=len(compared),
        right=sum(bool(answer.right) for _, answer in compared),
        top=sum(answer.top for answer in answers),
        clean=_mean([answer.clean for _, answer in compared]),
        corrupted=_mean([answer.corrupted for _, answer in compared]),
        wrong_rows=tuple(row for row, answer in compared if not answer.right),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
