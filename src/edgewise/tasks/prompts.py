"""Prompts as values: one clean/corrupted pair, a set of them, and the check that every row can be used.

Nothing here knows a tokenizer or a model: a pair is token ids, and what a model requires of them (its
vocabulary, its context) is handed to `validate` as two numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

from edgewise.errors import DataError


@dataclass(frozen=True)
class PromptPair:
    """One clean prompt and its corrupted counterpart, with the answers that the metric compares.

    Any sequence of whole numbers is taken for the token fields, and kept as a tuple.

    Args:
        clean: token ids of the prompt that shows the behaviour.
        corrupted: token ids of its counterpart that does not; as many as `clean`.
        answers: ids of the tokens that are right at the positions read.
        wrong_answers: ids of the tokens they are compared with; empty where the metric needs none.
        positions: where logits are read, counted in the prompt as the model reads it (its BOS included);
            negative numbers count from the end; empty means the last token. A position outside the prompt is
            kept as it is, for `validate` to name.
        row: 1-based row in the file or generator the pair comes from, for messages; 0 if from neither.
    """

    clean: tuple[int, ...]
    corrupted: tuple[int, ...]
    answers: tuple[int, ...]
    wrong_answers: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    row: int = 0

    def __post_init__(self) -> None:
        """Make the fields tuples of int, and every position that lies inside the prompt non-negative."""
        for name in ("clean", "corrupted", "answers", "wrong_answers", "positions"):
            object.__setattr__(self, name, _whole_numbers(getattr(self, name), name, self.row))
        length = len(self.clean)
        positions = self.positions or ((-1,) if length else ())
        inside = tuple(p + length if -length <= p < 0 else p for p in positions)
        object.__setattr__(self, "positions", inside)

    def __len__(self) -> int:
        """Number of tokens of the clean prompt."""
        return len(self.clean)

    def first_difference(self) -> int:
        """Index of the first token in which clean and corrupted differ; the shorter length where none does.

        In a causal model nothing before it can contribute under resample ablation.
        """
        pairs = zip(self.clean, self.corrupted, strict=False)
        differing = (i for i, (ours, theirs) in enumerate(pairs) if ours != theirs)
        return next(differing, min(len(self.clean), len(self.corrupted)))


@dataclass(frozen=True)
class PromptSet:
    """Prompts of one task or file, in order, with what a run has to record about them.

    Args:
        name: the task's name, or the file's.
        pairs: the prompts.
        metric: the metric meant for them when the user names none.
        bos: whether a beginning-of-sequence token was put before every prompt.
        dropped: how many rows were left out as unusable.
        warnings: what the user should hear, one line each, naming the row.
        info: options, seed and the like; everything in it can be written as JSON.
    """

    name: str
    pairs: tuple[PromptPair, ...]
    metric: str = "logit-diff"
    bos: bool = False
    dropped: int = 0
    warnings: tuple[str, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Own the collections, so that a later edit of the caller's list or dict changes nothing here."""
        object.__setattr__(self, "pairs", tuple(self.pairs))
        object.__setattr__(self, "warnings", tuple(self.warnings))
        object.__setattr__(self, "info", dict(self.info))

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.pairs)

    def __iter__(self) -> Iterator[PromptPair]:
        """Go through the prompts in order."""
        return iter(self.pairs)

    @overload
    def __getitem__(self, index: int) -> PromptPair: ...
    @overload
    def __getitem__(self, index: slice) -> PromptSet: ...
    def __getitem__(self, index: int | slice) -> PromptPair | PromptSet:
        """One prompt by its number, or a new set of those in a slice."""
        if isinstance(index, slice):
            return replace(self, pairs=self.pairs[index])
        return self.pairs[index]

    def fingerprint(self) -> str:
        """SHA-256 of all ids and positions in order, in hexadecimal: equal prompts have equal ones."""
        rows = [(p.clean, p.corrupted, p.answers, p.wrong_answers, p.positions) for p in self.pairs]
        return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Validated:
    """What `validate` found: the usable pairs, how many were dropped, and one line for each warning."""

    pairs: tuple[PromptPair, ...]
    dropped: int = 0
    warnings: tuple[str, ...] = ()


def validate(
    pairs: Sequence[PromptPair],
    *,
    vocab_size: int | None,
    output_size: int | None = None,
    max_positions: int | None = None,
    drop_invalid: bool = False,
    require_answers: bool = True,
    origin: str = "",
) -> Validated:
    """Check every pair against what a model requires, and refuse or drop those that cannot be used.

    Args:
        pairs: the prompts (a `PromptSet` will do).
        vocab_size: number of token ids that the model reads; None leaves ids unchecked.
        output_size: number of token ids that it predicts; None means as many as it reads.
        max_positions: its context in tokens; None if it has no limit.
        drop_invalid: leave unusable rows out and count them, with a warning for each, instead of refusing.
        require_answers: refuse rows without answers; metrics such as `kl` need none.
        origin: the file or task, to begin messages with.

    Returns:
        The usable pairs in order, the number dropped, and warnings (a dropped row; clean equal to corrupted).

    Raises:
        DataError: there are no pairs, a row is unusable, or no row is left.
    """
    prefix = f"{origin}: " if origin else ""
    kept: list[PromptPair] = []
    warnings: list[str] = []
    for index, pair in enumerate(pairs):
        row = f"row {pair.row or index + 1}"
        problem = find_problem(pair, vocab_size, output_size or vocab_size, max_positions, require_answers)
        if problem and not drop_invalid:
            raise DataError(f"{prefix}{row}, {problem}")
        if problem:
            warnings.append(f"{prefix}{row} dropped: {problem}")
            continue
        if pair.clean == pair.corrupted:
            warnings.append(f"{prefix}{row}: clean and corrupted are the same tokens, so the row scores zero")
        kept.append(pair)
    if not kept:
        raise DataError(f"{prefix}{_nothing_left(warnings)}")
    return Validated(tuple(kept), len(pairs) - len(kept), tuple(warnings))


def find_problem(
    pair: PromptPair,
    vocab_size: int | None,
    output_size: int | None,
    max_positions: int | None,
    require_answers: bool = True,
) -> str | None:
    """What makes the pair unusable, from the field to the fix; None if nothing does."""
    return (
        _length_problem(pair, max_positions)
        or _answer_problem(pair, require_answers)
        or _position_problem(pair)
        or _vocabulary_problem(pair, ("clean", "corrupted"), vocab_size)
        or _vocabulary_problem(pair, ("answers", "wrong_answers"), output_size)
    )


def _length_problem(pair: PromptPair, max_positions: int | None) -> str | None:
    clean, corrupted = len(pair.clean), len(pair.corrupted)
    if not clean:
        return "clean: no tokens; give the prompt at least one"
    if clean != corrupted:
        return (
            f"corrupted: {corrupted} tokens where clean has {clean}; make them equally long, token by token, "
            "or leave such rows out with --drop-invalid"
        )
    if max_positions is not None and clean > max_positions:
        return f"clean: {clean} tokens exceed the model's context of {max_positions}; shorten the prompt"
    return None


def _answer_problem(pair: PromptPair, require_answers: bool) -> str | None:
    if require_answers and not pair.answers:
        return "answers: empty; give at least one right token"
    shared = [token for token in pair.answers if token in pair.wrong_answers]
    if shared:
        return f"wrong_answers: token {shared[0]} is also in answers; remove it from one of them"
    for name in ("answers", "wrong_answers"):
        tokens = getattr(pair, name)
        twice = [token for i, token in enumerate(tokens) if token in tokens[:i]]
        if twice:
            return f"{name}: token {twice[0]} is named twice and would count twice; name each once"
    return None


def _position_problem(pair: PromptPair) -> str | None:
    length = len(pair.clean)
    outside = [p for p in pair.positions if not 0 <= p < length]
    if outside:
        return (
            f"positions: {outside[0]} lies outside the prompt of {length} tokens; "
            f"use 0 to {length - 1}, or -{length} to -1 from the end"
        )
    if len(set(pair.positions)) < len(pair.positions):
        return f"positions: {list(pair.positions)} names one position twice; name each once"
    return None


def _vocabulary_problem(pair: PromptPair, fields: tuple[str, ...], vocab_size: int | None) -> str | None:
    if vocab_size is None:
        return None
    for name in fields:
        outside = [token for token in getattr(pair, name) if not 0 <= token < vocab_size]
        if outside:
            return (
                f"{name}: token id {outside[0]} is outside the model's vocabulary (0 to {vocab_size - 1}); "
                "use data made with this model's tokenizer"
            )
    return None


def _nothing_left(warnings: Sequence[str]) -> str:
    if not warnings:
        return "no prompts; give at least one row"
    return f"none of the {len(warnings)} rows can be used; the first: {warnings[0]}"


def _whole_numbers(values: Any, name: str, row: int) -> tuple[int, ...]:
    where = f"row {row}, {name}" if row else name
    if isinstance(values, str | bytes):
        raise DataError(f"{where}: text {values!r} where token ids belong; encode it with TextEncoder first")
    try:
        return tuple(_whole_number(value) for value in values)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: {values!r} is not a list of token ids; give whole numbers") from error


def _whole_number(value: Any) -> int:
    number = int(value)
    if isinstance(value, str | bool) or number != value:
        raise ValueError(value)
    return number
