"""The demo model's tokenizer: one token a word, a mark or two digits, with or without a space before it."""

from __future__ import annotations

import re

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split
from transformers import PreTrainedTokenizerFast

from edgewise.models.word_tokenizer import PADDING, UNKNOWN, word_tokenizer
from edgewise.tasks import greater_than, words
from edgewise.tasks.templates.shipped import find_template

CONTEXT = 64
_PIECE = r'"""|[A-Za-z_]+|[0-9]{2}|[^A-Za-z0-9_\s]|[0-9]'
_FIELD = r"\{\w+\}"


def vocabulary() -> list[str]:
    """Return every token in order: special ones, the templates' words, two-digit numbers, the word lists."""
    templates = [*_sentences("ioi"), greater_than.TEMPLATE, *_sentences("docstring")]
    fixed = [piece for text in templates for piece in re.findall(_PIECE, re.sub(_FIELD, " ", text))]
    lists = (words.NAMES, words.PLACES, words.OBJECTS, words.EVENTS, words.ARGUMENTS, words.THINGS)
    listed = [word for one in lists for word in one]
    return list(dict.fromkeys([UNKNOWN, PADDING, *fixed, *greater_than.TWO_DIGITS, *listed]))


def _sentences(task: str) -> list[str]:
    return [one.text for form in find_template(task).forms for variant in form.variants for one in variant.clean]


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Build the tokenizer as `transformers` saves and loads it."""
    # Only the pieces are kept: whitespace separates words and is no token itself.
    pieces = Split(Regex(_PIECE), behavior="removed", invert=True)
    return word_tokenizer(vocabulary(), CONTEXT, pieces)
