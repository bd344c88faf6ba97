"""Tokenizers of whole words, for small models with a vocabulary of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

UNKNOWN, PADDING = "<unk>", "<pad>"


def word_tokenizer(words: Sequence[str], context: int, pieces: Any | None = None) -> PreTrainedTokenizerFast:
    """One token a word, no BOS; words that it does not know become ``<unk>``.

    Args:
        words: by token id; `UNKNOWN` and `PADDING` among them.
        context: how many tokens the model takes.
        pieces: what cuts a text into words, a pre-tokenizer of ``tokenizers``; white space by default.
    """
    backend = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN))
    backend.pre_tokenizer = pieces or WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token=UNKNOWN,
        pad_token=PADDING,
        model_max_length=context,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
