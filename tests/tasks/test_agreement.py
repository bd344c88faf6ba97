from __future__ import annotations

import pytest

from edgewise.errors import DataError
from edgewise.tasks import make_task
from edgewise.tasks.split import is_held_out
from tasks.library import rows

NOUNS, PHRASES, PLACED = (rows("agreement", name) for name in ("nouns", "short", "beside"))
PLURAL_OF = dict(NOUNS)
SINGULAR_OF = {plural: noun for noun, plural in NOUNS}
SINGULAR_VERBS, PLURAL_VERBS = {"is", "was", "has"}, {"are", "were", "have"}


def nouns_in(text):
    """The nouns of the list as they stand in a text, in order."""
    return [word for word in text.replace(",", "").split() if word in PLURAL_OF or word in SINGULAR_OF]


def is_plural(word):
    return word in SINGULAR_OF


def words(tokenizer, ids):
    return {tokenizer.decode([token]).strip() for token in ids}


@pytest.mark.parametrize("split", ["discovery", "held-out"])
@pytest.mark.parametrize("distractor", ["none", "same", "opposite"])
def test_the_verbs_have_the_subjects_number_and_corruption_changes_it_alone(split, distractor, gpt2_tokenizer):
    for pair in make_task("agreement", gpt2_tokenizer, n=150, split=split, options={"distractor": distractor}):
        clean, corrupted = (nouns_in(gpt2_tokenizer.decode(ids)) for ids in (pair.clean, pair.corrupted))
        other, subject, *rest = clean
        right, wrong = (PLURAL_VERBS, SINGULAR_VERBS) if is_plural(subject) else (SINGULAR_VERBS, PLURAL_VERBS)
        assert words(gpt2_tokenizer, pair.answers) == right
        assert words(gpt2_tokenizer, pair.wrong_answers) == wrong
        assert corrupted == [other, PLURAL_OF.get(subject) or SINGULAR_OF[subject], *rest]
        assert sum(a != b for a, b in zip(pair.clean, pair.corrupted, strict=True)) == 1
        assert not is_plural(other)
        assert is_held_out(other, SINGULAR_OF.get(subject, subject)) == (split == "held-out")


@pytest.mark.parametrize(("distractor", "alike"), [("same", True), ("opposite", False)])
def test_a_distractor_is_a_third_noun_of_the_number_asked_for_and_the_last_word(distractor, alike, gpt2_tokenizer):
    texts = [
        gpt2_tokenizer.decode(pair.clean)
        for pair in make_task("agreement", gpt2_tokenizer, n=200, options={"distractor": distractor})
    ]
    for text in texts:
        other, subject, third = nouns_in(text)
        assert (is_plural(subject) == is_plural(third)) == alike
        assert len({SINGULAR_OF.get(noun, noun) for noun in (other, subject, third)}) == 3
        assert text.endswith(f" {third}")
    assert {phrase for phrase in PLACED for text in texts if f" {phrase} " in text} == set(PLACED)


def test_without_a_distractor_a_phrase_without_a_noun_follows_the_subject(gpt2_tokenizer):
    found = set()
    for pair in make_task("agreement", gpt2_tokenizer, n=200):
        text = gpt2_tokenizer.decode(pair.clean)
        _, subject = nouns_in(text)
        found.add(text.rpartition(f" {subject} ")[2])
        assert 8 <= len(pair.clean) <= 20
    assert found == set(PHRASES)


def test_both_numbers_occur_and_every_noun_is_listed_once(gpt2_tokenizer):
    subjects = [
        nouns_in(gpt2_tokenizer.decode(pair.clean))[1] for pair in make_task("agreement", gpt2_tokenizer, n=400)
    ]
    assert 140 < sum(map(is_plural, subjects)) < 260  # 400 fair coins: within six standard deviations
    assert len(PLURAL_OF) == len(SINGULAR_OF) == len(NOUNS)


def test_an_unknown_distractor_is_refused(gpt2_tokenizer):
    with pytest.raises(DataError, match="distractor: 'oposite' is not one of none, same, opposite; did you mean"):
        make_task("agreement", gpt2_tokenizer, n=2, options={"distractor": "oposite"})
