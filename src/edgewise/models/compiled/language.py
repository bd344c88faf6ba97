"""The language of compiled programs: letters, two answers in words, and the program's name in front.

    "induction: c a d b c" -> " a"

The name is a word of its own program's vocabulary alone; that is how the task knows what is asked.
"""

from __future__ import annotations

from transformers import PreTrainedTokenizerFast

from edgewise.models.word_tokenizer import PADDING, UNKNOWN, word_tokenizer

LETTERS = tuple("abcdefgh")
YES, NO = "yes", "no"
WORDS = (*LETTERS, YES, NO)
# How many values a variable has; a position is one of them too.
SIZE = len(WORDS)
CONTEXT = SIZE
FIRST_WORD = 2


def vocabulary(program: str) -> tuple[str, ...]:
    """Words by token id."""
    return (UNKNOWN, PADDING, *WORDS, f"{program}:")


def build_tokenizer(program: str) -> PreTrainedTokenizerFast:
    """The tokenizer of a program: one token a word, no BOS; words it does not know become ``<unk>``."""
    return word_tokenizer(vocabulary(program), CONTEXT)
