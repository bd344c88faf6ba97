"""Lists of word pairs: only whole pairs are used, and what is left out is named as a pair."""

from __future__ import annotations

import pytest

from edgewise.errors import DataError
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.singles import single_rows
from tasks.small_tokenizers import word_tokenizer

PAIRS = (("Mary", "John"), ("Anna", "Unknown"), ("store", "the"), ("Nobody", "it"))


def pairs_of(least):
    encoder = TextEncoder(word_tokenizer())
    return single_rows(encoder, PAIRS, kind="couples", least=least, contexts=("Then",))


def test_a_pair_is_used_if_both_words_are_single_tokens():
    assert [PAIRS[at] for at in pairs_of(2)] == [("Mary", "John"), ("store", "the")]


def test_too_few_pairs_are_refused():
    with pytest.raises(DataError, match=r"only 2 of 4 couples are single tokens .* needs 3.*: Anna/Unknown, Nobody/it"):
        pairs_of(3)
