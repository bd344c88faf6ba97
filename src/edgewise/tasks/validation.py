"""Whether every pair can be used: the checks, and what becomes of the rows that fail one.

Nothing here knows a tokenizer or a model: what a model requires (its vocabulary, its context) are numbers here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.tasks.packed import gathered
from edgewise.tasks.problems import Problem, dropped, none_left, refusal, rows_named
from edgewise.tasks.prompts import PromptPair


@dataclass(frozen=True)
class Validated:
    """What `validate` found: the usable pairs, how many were dropped, and one line for each warning."""

    pairs: Sequence[PromptPair]
    dropped: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What a model requires of prompts.

    Args:
        vocab_size: number of token ids that it reads; None leaves ids unchecked.
        output_size: number of token ids that it predicts; None means as many as it reads.
        max_positions: its context in tokens; None if it has no limit.
        require_answers: refuse rows without answers; metrics such as `kl` need none.
    """

    vocab_size: int | None
    output_size: int | None = None
    max_positions: int | None = None
    require_answers: bool = True


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
        drop_invalid: leave unusable rows out and count them, with a warning, instead of refusing.
        require_answers: refuse rows without answers; metrics such as `kl` need none.
        origin: the file or task, to begin messages with.

    Returns:
        The usable pairs in order, the number dropped, and warnings (rows dropped; rows whose prompts are equal).

    Raises:
        DataError: there are no pairs, some are unusable, or none is left; it names the first ten such rows.
    """
    limits = Limits(vocab_size, output_size, max_positions, require_answers)
    kept, problems = sort_out(pairs, limits)
    return settle(kept, problems, drop_invalid=drop_invalid, origin=origin)


def sort_out(pairs: Iterable[PromptPair], limits: Limits) -> tuple[Sequence[PromptPair], tuple[Problem, ...]]:
    """The pairs that can be used, and what is wrong with the others."""
    problems: list[Problem] = []

    def usable() -> Iterator[PromptPair]:
        for index, pair in enumerate(pairs, start=1):
            what = find_problem(pair, limits)
            if what is None:
                yield pair
            else:
                problems.append(Problem(pair.row or index, what))

    return gathered(usable()), tuple(problems)


def settle(kept: Sequence[PromptPair], problems: Sequence[Problem], *, drop_invalid: bool, origin: str) -> Validated:
    """Refuse unusable rows, or drop them with a warning; raises as `validate`."""
    total = len(kept) + len(problems)
    if problems and not drop_invalid:
        raise refusal(origin, problems, total)
    if not kept:
        raise none_left(origin, problems)
    warnings = [dropped(origin, problems, total)] if problems else []
    equal = [pair.row or index for index, pair in enumerate(kept, start=1) if pair.clean == pair.corrupted]
    if equal:
        warnings.append(_equal(origin, equal))
    return Validated(kept, len(problems), tuple(warnings))


def require_differences(pairs: Sequence[PromptPair], origin: str) -> None:
    """Refuse prompts none of which differs from its counterpart: every score would be zero.

    Raises:
        DataError: it names the file or task.
    """
    if all(pair.clean == pair.corrupted for pair in pairs):
        what = "the only row" if len(pairs) == 1 else f"all {len(pairs)} rows"
        raise DataError(
            f"{origin}: clean and corrupted are the same tokens in {what}, so nothing is compared and every score is"
            " zero; give corrupted prompts that differ"
        )


def _equal(origin: str, rows: Sequence[int]) -> str:
    prefix = f"{origin}: " if origin else ""
    score = "the row scores zero" if len(rows) == 1 else "these rows score zero"
    return f"{prefix}{rows_named(rows)}: clean and corrupted are the same tokens, so {score}"


def find_problem(pair: PromptPair, limits: Limits) -> str | None:
    """What makes the pair unusable, from the field to the fix; None if nothing does."""
    return (
        _length_problem(pair, limits.max_positions)
        or _answer_problem(pair, limits.require_answers)
        or _position_problem(pair)
        or _vocabulary_problem(pair, ("clean", "corrupted"), limits.vocab_size)
        or _vocabulary_problem(pair, ("answers", "wrong_answers"), limits.output_size or limits.vocab_size)
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
        if name == "answers" and 1 < len(tokens) == len(pair.positions):
            continue  # the tokens of one answer, in order
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
