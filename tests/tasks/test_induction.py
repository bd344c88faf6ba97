from __future__ import annotations

from itertools import combinations

import pytest

from edgewise.errors import DataError
from edgewise.tasks import make_task
from edgewise.tasks.split import is_held_out


def words(tokenizer, ids):
    return tokenizer.decode(ids).split()


def first_run(sequence):
    """The words before they begin to repeat."""
    return sequence[: next(i for i in range(1, len(sequence)) if sequence[i] == sequence[0])]


@pytest.mark.parametrize("split", ["discovery", "held-out"])
@pytest.mark.parametrize("corruption", ["fresh", "trigger"])
def test_the_answer_is_what_followed_the_last_word_before(split, corruption, any_tokenizer):
    for pair in make_task("induction", any_tokenizer, n=100, split=split, options={"corruption": corruption}):
        sequence = words(any_tokenizer, pair.clean)
        assert len(sequence) == len(pair.clean)
        earlier = [i for i, word in enumerate(sequence[:-1]) if word == sequence[-1]]
        assert len(earlier) == 1
        answer = sequence[earlier[0] + 1]
        assert words(any_tokenizer, pair.answers) == [answer]
        run = first_run(sequence)
        assert words(any_tokenizer, pair.wrong_answers) == [word for word in run if word != answer]
        assert is_held_out(sequence[-1], answer) == (split == "held-out")
        if split == "discovery":
            assert not any(is_held_out(*two) for two in combinations(run, 2))


def test_fresh_words_leave_nothing_repeated(any_tokenizer):
    for pair in make_task("induction", any_tokenizer, n=100):
        clean, corrupted = words(any_tokenizer, pair.clean), words(any_tokenizer, pair.corrupted)
        period = len(first_run(clean))
        assert len(set(corrupted)) == len(corrupted)
        assert corrupted[period:] == clean[period:]
        assert not set(corrupted[:period]) & set(clean)


def test_trigger_takes_only_the_earlier_occurrence_of_the_last_word(any_tokenizer):
    for pair in make_task("induction", any_tokenizer, n=100, options={"corruption": "trigger"}):
        clean, corrupted = words(any_tokenizer, pair.clean), words(any_tokenizer, pair.corrupted)
        differing = [i for i, (a, b) in enumerate(zip(clean, corrupted, strict=True)) if a != b]
        assert differing == [clean.index(clean[-1])]
        assert corrupted.count(corrupted[-1]) == 1


@pytest.mark.parametrize(("length", "shortest"), [(4, 4), (6, 4), (12, 6), (16, 8)])
def test_the_period_varies_up_to_the_length_asked_for(length, shortest, demo_tokenizer):
    prompts = make_task("induction", demo_tokenizer, n=300, options={"length": length})
    sequences = [words(demo_tokenizer, p.clean) for p in prompts]
    periods = {len(first_run(sequence)) for sequence in sequences}
    assert periods == set(range(shortest, length + 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 3}, "length: 3; choose 4 to 16"),
        ({"corruption": "frsh"}, "corruption: 'frsh' is not one of fresh, trigger; did you mean 'fresh'"),
    ],
)
def test_a_wrong_option_is_refused(options, message, demo_tokenizer):
    with pytest.raises(DataError, match=message):
        make_task("induction", demo_tokenizer, n=2, options=options)
