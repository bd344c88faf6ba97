from __future__ import annotations

from collections import Counter
from itertools import combinations
from random import Random

import pytest

from edgewise.errors import DataError
from edgewise.models.planted import language
from edgewise.tasks import make_task, planted
from edgewise.tasks.split import is_held_out
from tasks.small_tokenizers import word_tokenizer


def words(tokenizer, ids):
    return tokenizer.decode(ids).split()


@pytest.mark.parametrize("split", ["discovery", "held-out"])
def test_the_last_word_is_loud_and_the_corrupted_prompt_is_the_same_words_all_quiet(split, planted_tokenizer):
    for pair in make_task("planted", planted_tokenizer, n=100, split=split):
        clean, corrupted = words(planted_tokenizer, pair.clean), words(planted_tokenizer, pair.corrupted)
        assert corrupted == [word.lower() for word in clean]
        assert clean[-1].isupper()
        assert all(word in (quiet, quiet.upper()) for word, quiet in zip(clean, corrupted, strict=True))
        assert set(corrupted) <= set(planted.INSTRUMENTS)
        assert len(set(corrupted)) == len(corrupted)
        assert words(planted_tokenizer, pair.answers) == ["loud"]
        assert words(planted_tokenizer, pair.wrong_answers) == ["quiet"]
        pairs = [is_held_out(*two) for two in combinations(corrupted, 2)]
        assert not any(pairs) if split == "discovery" else is_held_out(*corrupted[-2:])


def test_lengths_and_loud_words_vary(planted_tokenizer):
    prompts = make_task("planted", planted_tokenizer, n=400)
    assert {len(pair) for pair in prompts} == {4, 5, 6, 7, 8}
    others = [word.isupper() for pair in prompts for word in words(planted_tokenizer, pair.clean)[:-1]]
    assert sum(others) / len(others) == pytest.approx(0.5, abs=0.05)
    assert len({pair.first_difference() for pair in prompts}) >= 4


def test_the_task_speaks_the_models_language(planted_tokenizer):
    """Neither of the two may import the other: the words stand in both places."""
    assert planted.INSTRUMENTS == language.INSTRUMENTS
    assert (planted.RIGHT, planted.WRONG) == (language.RIGHT, language.WRONG)
    assert (planted.SHORTEST, planted.LONGEST) == (language.SHORTEST, language.LONGEST)
    assert len(planted_tokenizer) == 4 + 2 * len(set(planted.INSTRUMENTS)) == len(language.VOCABULARY)
    rng = Random(0)
    for _ in range(200):
        sentence = language.draw_sentence(rng)
        clean, corrupted = words(planted_tokenizer, sentence.clean), words(planted_tokenizer, sentence.corrupted)
        assert corrupted == [word.lower() for word in clean]
        assert clean[-1].isupper()
        assert planted.SHORTEST <= len(clean) <= planted.LONGEST


def test_prompts_fit_the_context_and_every_word_is_one_token(planted_tokenizer):
    assert planted.LONGEST < language.CONTEXT == planted_tokenizer.model_max_length
    counts = Counter(len(planted_tokenizer(f" {word}")["input_ids"]) for word in language.VOCABULARY)
    assert counts == {1: len(language.VOCABULARY)}
    assert planted_tokenizer.bos_token_id is None


@pytest.mark.parametrize("other", ["demo", "gpt2", "small"])
def test_the_tokenizer_of_another_model_is_refused_in_one_line(other, request):
    tokenizer = word_tokenizer() if other == "small" else request.getfixturevalue(f"{other}_tokenizer")
    with pytest.raises(DataError) as caught:
        make_task("planted", tokenizer, n=2)
    message = str(caught.value)
    assert message.startswith("task 'planted' is for planted models: only ")
    assert "use such a model (--model planted:3) or another task" in message
    assert "\n" not in message
    assert len(message) < 300


def test_bos_is_refused_as_the_tokenizer_has_none(planted_tokenizer):
    with pytest.raises(DataError, match="the tokenizer has no BOS token"):
        make_task("planted", planted_tokenizer, n=2, bos=True)
