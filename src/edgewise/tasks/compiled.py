"""Compiled: the task of the models into which a program is compiled, such as `compiled:induction`.

    "induction: c a d b c" -> " a", not " d"

1. Draw 4 to 8 letters. The program, whose name stands in front, says what comes next:
   - ``two-back``: the letter two before the last.
   - ``induction``: the letter after the earlier occurrence of the last.
   - ``two-hops``: the letter after the occurrence of that letter.
   - ``successor``: the letter after the occurrence of the last's successor in the alphabet (h's is a).
   - ``seen``: whether the last letter occurs before, " yes" or " no".
   - ``agreement``: whether the answers of ``induction`` and ``successor`` are the same, " yes" or " no".
2. The answer is drawn first, so all are about equally frequent; letters are drawn until they have it. What has no
   answer, or two, is drawn again.
3. Corrupt by drawing another prompt of that length with another answer, which is the wrong one.

Default metric: logit of the right answer minus that of the wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from random import Random

from edgewise.errors import DataError
from edgewise.tasks.draft import Draft, assemble, draw_distinct, encode_drafts, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import Singles, single_tokens, some_of
from edgewise.tasks.split import is_held_out

# The same words as in models.compiled.language, which this room may not import; a test compares the two.
LETTERS = tuple("abcdefgh")
YES, NO = "yes", "no"
SHORTEST, LONGEST = 4, 8


def make(encoder: TextEncoder, *, n: int, seed: int, split: str) -> PromptSet:
    """Ask a compiled program (metric logit-diff; corruption: another prompt with another answer).

    Args:
        encoder: the tokenizer of a compiled model, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "held-out": the first two letters of both prompts are a held-out pair; "discovery": of neither.

    Raises:
        DataError: the tokenizer of another model.
    """
    program, words = _words(encoder)
    rng = random_source(f"compiled {program}", seed, split)
    draw = partial(_draw, rng, program, words, split == "held-out")
    pairs = encode_drafts("compiled", encoder, draw_distinct(draw, n, "compiled"))
    return assemble("compiled", encoder, pairs, metric="logit-diff", lists=(words,), info={"program": program})


def _words(encoder: TextEncoder) -> tuple[str, Singles]:
    """The program that the tokenizer names, and the words of all."""
    words = single_tokens(encoder, (*LETTERS, YES, NO), kind="words", least=0, contexts=(" a",))
    program = next((name for name in ANSWERS if encoder.single(f"{name}:") is not None), None)
    if program is None or words.left_out:
        missing = [*words.left_out, *([] if program else (f"{name}:" for name in ANSWERS))]
        wanted = len(words.ids) + len(words.left_out)
        raise DataError(
            f"task 'compiled' is for compiled models: only {len(words.ids)} of {wanted} words and"
            f" {'one' if program else 'none'} of the programs' names are single tokens of this tokenizer, and the task"
            f" needs {wanted} and one; use such a model (--model compiled:induction) or another task. Not single"
            f" tokens: {some_of(missing)}"
        )
    return program, words


def _after(letters: Sequence[str], asked: str | None) -> str | None:
    """The letter that follows the only occurrence of one; None where there is none, or several."""
    found = [after for before, after in pairwise(letters) if before == asked]
    return found[0] if len(found) == 1 else None


def _successor(letter: str) -> str:
    return LETTERS[(LETTERS.index(letter) + 1) % len(LETTERS)]


def _induction(letters: Sequence[str]) -> str | None:
    return _after(letters, letters[-1])


def _two_hops(letters: Sequence[str]) -> str | None:
    return _after(letters, _induction(letters))


def _after_successor(letters: Sequence[str]) -> str | None:
    return _after(letters, _successor(letters[-1]))


def _seen(letters: Sequence[str]) -> str:
    return YES if letters[-1] in letters[:-1] else NO


def _agreement(letters: Sequence[str]) -> str | None:
    one, other = _induction(letters), _after_successor(letters)
    return None if one is None or other is None else YES if one == other else NO


ANSWERS: dict[str, Callable[[Sequence[str]], str | None]] = {
    "two-back": lambda letters: letters[-3],
    "induction": _induction,
    "two-hops": _two_hops,
    "successor": _after_successor,
    "seen": _seen,
    "agreement": _agreement,
}
_YES_OR_NO = ("seen", "agreement")


def _draw(rng: Random, program: str, words: Singles, held_out: bool) -> Draft:
    while True:
        length = rng.randint(SHORTEST, LONGEST)
        right, wrong = rng.sample((YES, NO) if program in _YES_OR_NO else LETTERS, 2)
        clean, corrupted = (_letters(rng, program, length, answer) for answer in (right, wrong))
        if is_held_out(*clean[:2]) == is_held_out(*corrupted[:2]) == held_out:
            break
    return Draft(
        " ".join((f"{program}:", *clean)),
        " ".join((f"{program}:", *corrupted)),
        answers=(words.ids[right],),
        wrong_answers=(words.ids[wrong],),
    )


def _letters(rng: Random, program: str, length: int, answer: str) -> list[str]:
    """Letters to which the program's answer is this one."""
    while True:
        letters = rng.choices(LETTERS, k=length)
        if ANSWERS[program](letters) == answer:
            return letters
