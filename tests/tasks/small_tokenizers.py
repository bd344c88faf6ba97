"""Small word-level tokenizers that differ only in the special tokens they put around text by default."""

from __future__ import annotations

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

WORDS = ("Then", "Mary", "John", "Anna", "went", "gave", "it", "to", "store", "the", "12", "7")
SPECIALS = ("[UNK]", "<s>", "</s>", "[CLS]", "[SEP]")
ID = {word: index for index, word in enumerate((*SPECIALS, *WORDS))}


def word_tokenizer(template: str | None = None, **named: str) -> PreTrainedTokenizerFast:
    """Split at white space; `template` is what surrounds text by default, such as "<s> $A"."""
    backend = Tokenizer(WordLevel(ID, unk_token="[UNK]"))
    backend.pre_tokenizer = WhitespaceSplit()
    if template:
        backend.post_processor = TemplateProcessing(
            single=template, special_tokens=[(token, ID[token]) for token in SPECIALS]
        )
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", **named)


def ids(text: str) -> list[int]:
    """The ids of the words, looked up by hand."""
    return [ID.get(word, ID["[UNK]"]) for word in text.split()]
