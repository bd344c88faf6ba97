"""Which words may meet in discovery prompts, and which meet only in held-out ones.

A fixed fifth of all pairs of words is held out, decided by a hash of the two words and by nothing else: not
by the seed, the task's options or the tokenizer. Discovery prompts never show a held-out pair in the roles
that matter to the task; held-out prompts are about held-out pairs. So the two splits share no prompt under
any two seeds, and a model trained on discovery prompts can be tested on combinations that it has never met.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from random import Random

import numpy as np

from edgewise.errors import DataError

_HELD_OUT_BYTES = 51  # of the 256 values of the hash's first byte: 19.9 % of all pairs


def is_held_out(first: str, second: str) -> bool:
    """Whether two words meet only in held-out prompts; the order of the two does not matter."""
    pair = "\n".join(sorted((first, second)))
    return hashlib.sha256(pair.encode()).digest()[0] < _HELD_OUT_BYTES


def draw_companions(rng: Random, words: Sequence[str], count: int, *, held_out: bool) -> list[str]:
    """Draw different words of which every two are on the same side of the split.

    Args:
        rng: the source of randomness.
        words: the words to draw from.
        count: how many to draw.
        held_out: True for words whose pairs are all held out, False for words none of whose pairs is.

    Returns:
        The words in the order drawn.

    Raises:
        DataError: the list is too short for so many words on one side.
    """
    same_side = _side(tuple(words), held_out)
    for _ in range(1000):
        allowed = np.ones(len(words), dtype=bool)
        drawn: list[int] = []
        while len(drawn) < count and allowed.any():
            drawn.append(int(rng.choice(np.flatnonzero(allowed))))
            allowed &= same_side[drawn[-1]]
        if len(drawn) == count:
            return [words[i] for i in drawn]
    split = "held-out" if held_out else "discovery"
    raise DataError(
        f"{len(words)} words are too few to draw {count} for {split} prompts; "
        "use a tokenizer that has more of them as single tokens, or shorter prompts"
    )


@lru_cache(maxsize=64)
def pairs_across(firsts: tuple[str, ...], seconds: tuple[str, ...], *, held_out: bool) -> tuple[tuple[str, str], ...]:
    """All pairs of a word of one list and a word of another that are on one side of the split.

    Raises:
        DataError: there are none.
    """
    pairs = tuple((a, b) for a in firsts for b in seconds if is_held_out(a, b) == held_out)
    if not pairs:
        raise DataError(
            f"{len(firsts)} and {len(seconds)} words have no {'held-out' if held_out else 'discovery'} pair;"
            " use a tokenizer that has more of them as single tokens"
        )
    return pairs


@lru_cache(maxsize=64)
def _side(words: tuple[str, ...], held_out: bool) -> np.ndarray:
    """Boolean [word, word]: the two differ and their pair is on this side of the split."""
    table = np.array([[is_held_out(a, b) == held_out for b in words] for a in words], dtype=bool)
    table &= ~np.eye(len(words), dtype=bool)
    table.setflags(write=False)
    return table
