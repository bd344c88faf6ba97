from __future__ import annotations

from hashlib import sha256
from itertools import combinations
from random import Random

import pytest

from edgewise.errors import DataError
from edgewise.tasks.split import draw_companions, is_held_out, pairs_across
from edgewise.tasks.words import ARGUMENTS, NAMES, PLACES


def test_a_pair_is_held_out_by_the_first_byte_of_its_sorted_hash():
    for first, second in combinations(NAMES[:20], 2):
        digest = sha256(f"{min(first, second)}\n{max(first, second)}".encode()).hexdigest()
        assert is_held_out(first, second) == (int(digest[:2], 16) < 51)


def test_the_order_of_the_two_words_does_not_matter():
    assert all(is_held_out(a, b) == is_held_out(b, a) for a, b in combinations(NAMES, 2))


def test_about_a_fifth_of_all_pairs_is_held_out():
    pairs = list(combinations(ARGUMENTS, 2))  # 5,886 pairs: one standard deviation is .5 %
    share = sum(is_held_out(*pair) for pair in pairs) / len(pairs)
    assert share == pytest.approx(51 / 256, abs=0.02)


@pytest.mark.parametrize(("count", "held_out"), [(2, True), (3, True), (7, False), (16, False)])
def test_all_pairs_drawn_are_on_the_side_asked_for(count, held_out):
    rng = Random(0)
    for _ in range(50):
        drawn = draw_companions(rng, ARGUMENTS, count, held_out=held_out)
        assert len(set(drawn)) == count
        assert {is_held_out(*pair) for pair in combinations(drawn, 2)} == {held_out}


def test_every_word_is_drawn():
    rng = Random(0)
    drawn = {word for _ in range(2000) for word in draw_companions(rng, NAMES, 2, held_out=True)}
    assert drawn == set(NAMES)


def test_too_few_words_are_an_error_that_says_so():
    with pytest.raises(DataError, match="2 words are too few to draw 3 for discovery prompts"):
        draw_companions(Random(0), NAMES[:2], 3, held_out=False)


@pytest.mark.parametrize("held_out", [True, False])
def test_pairs_across_two_lists_are_all_those_of_one_side(held_out):
    found = pairs_across(NAMES[:30], PLACES, held_out=held_out)
    assert list(found) == [(a, b) for a in NAMES[:30] for b in PLACES if is_held_out(a, b) == held_out]
    assert len(found) + len(pairs_across(NAMES[:30], PLACES, held_out=not held_out)) == 30 * len(PLACES)


def test_lists_without_a_pair_on_a_side_are_an_error_that_says_so():
    name = next(name for name in NAMES if not is_held_out(name, PLACES[0]))
    with pytest.raises(DataError, match="1 and 1 words have no held-out pair"):
        pairs_across((name,), PLACES[:1], held_out=True)
