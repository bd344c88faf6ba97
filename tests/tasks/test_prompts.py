from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from edgewise.errors import DataError
from edgewise.tasks.prompts import PromptPair, PromptSet
from edgewise.tasks.validation import validate


def pair(**changes: object) -> PromptPair:
    fields = {"clean": (1, 2, 3), "corrupted": (1, 9, 3), "answers": (4,), "wrong_answers": (5,), "row": 3}
    return PromptPair(**{**fields, **changes})


def test_sequences_of_any_kind_become_tuples_of_int():
    made = PromptPair(torch.tensor([1, 2]), np.array([1, 3]), [4], wrong_answers=range(5, 7))
    assert made == PromptPair((1, 2), (1, 3), (4,), (5, 6))
    assert all(type(token) is int for token in (*made.clean, *made.corrupted, *made.wrong_answers))


def test_positions_default_to_the_last_token_and_negative_ones_count_from_the_end():
    assert pair().positions == (2,)
    assert pair(positions=(0, -1, -3)).positions == (0, 2, 0)
    assert pair(positions=(3, -4)).positions == (3, -4), "outside the prompt: kept for the message"


@pytest.mark.parametrize(
    ("clean", "corrupted", "first"),
    [((1, 2, 3), (1, 9, 3), 1), ((1, 2), (7, 2), 0), ((1, 2, 3), (1, 2, 3), 3), ((1, 2, 3), (1, 2), 2)],
)
def test_first_difference(clean, corrupted, first):
    assert pair(clean=clean, corrupted=corrupted).first_difference() == first


def test_pairs_and_sets_cannot_be_edited_from_outside():
    options = {"seed": 0}
    pairs = [pair()]
    prompts = PromptSet("toy", pairs, info=options)
    options["seed"] = 1
    pairs.append(pair())
    assert prompts.info == {"seed": 0}
    assert len(prompts) == 1
    with pytest.raises(AttributeError):
        prompts.pairs[0].clean = (0,)  # type: ignore[misc]


def test_a_slice_of_a_set_is_a_set_with_the_same_record():
    prompts = PromptSet("toy", tuple(pair(row=i) for i in range(1, 6)), metric="log-prob", bos=True)
    half = prompts[2:4]
    assert [p.row for p in half] == [3, 4]
    assert (half.name, half.metric, half.bos) == ("toy", "log-prob", True)
    assert prompts[-1].row == 5


def test_fingerprint_is_the_digest_of_the_ids_and_nothing_else():
    prompts = PromptSet("toy", (pair(),))
    rows = [[[1, 2, 3], [1, 9, 3], [4], [5], [2]]]
    assert prompts.fingerprint() == hashlib.sha256(json.dumps(rows).replace(" ", "").encode()).hexdigest()
    renamed = PromptSet("other", (pair(row=8),), metric="kl", warnings=("w",))
    assert renamed.fingerprint() == prompts.fingerprint()
    for change in ({"clean": (1, 2, 4)}, {"answers": (6,)}, {"wrong_answers": ()}, {"positions": (0,)}):
        assert PromptSet("toy", (pair(**change),)).fingerprint() != prompts.fingerprint()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"corrupted": (1, 9)}, ["row 3", "corrupted", "2 tokens", "clean has 3", "--drop-invalid"]),
        ({"clean": (), "corrupted": ()}, ["row 3", "clean", "no tokens"]),
        (
            {"clean": (1,) * 9, "corrupted": (2,) * 9},
            ["row 3", "clean", "9 tokens", "context of 8", "shorten"],
        ),
        ({"answers": ()}, ["row 3", "answers", "at least one"]),
        ({"wrong_answers": (7, 4)}, ["row 3", "wrong_answers", "token 4", "also in answers"]),
        ({"answers": (4, 4)}, ["row 3", "answers", "token 4", "twice"]),
        ({"clean": (1, 10, 3)}, ["row 3", "clean", "token id 10", "0 to 9", "tokenizer"]),
        ({"corrupted": (1, -1, 3)}, ["row 3", "corrupted", "token id -1"]),
        ({"answers": (99,)}, ["row 3", "answers", "token id 99"]),
        ({"wrong_answers": (10,)}, ["row 3", "wrong_answers", "token id 10"]),
        ({"positions": (3,)}, ["row 3", "positions", "3 lies outside", "0 to 2", "-3 to -1"]),
        ({"positions": (-4,)}, ["row 3", "positions", "-4 lies outside"]),
        ({"positions": (2, -1)}, ["row 3", "positions", "twice"]),
    ],
)
def test_an_unusable_row_is_refused_by_row_field_and_fix_or_dropped_and_counted(changes, words):
    bad, good = pair(**changes), pair(row=4)
    with pytest.raises(DataError) as caught:
        validate([bad, good], vocab_size=10, max_positions=8, origin="toy.csv")
    message = str(caught.value)
    assert message.startswith("toy.csv: row 3, ")
    assert [word for word in words if word not in message] == []
    assert "\n" not in message

    checked = validate([bad, good], vocab_size=10, max_positions=8, drop_invalid=True)
    assert checked.pairs == (good,)
    assert checked.dropped == 1
    assert len(checked.warnings) == 1
    assert checked.warnings[0].startswith("row 3 dropped: ")


def test_rows_without_a_number_are_counted():
    with pytest.raises(DataError, match=r"^row 2, answers: empty"):
        validate([pair(row=0), pair(row=0, answers=())], vocab_size=None)


def test_clean_equal_to_corrupted_is_a_warning_by_row():
    checked = validate([pair(), pair(row=5, corrupted=(1, 2, 3))], vocab_size=10)
    assert len(checked.pairs) == 2
    assert checked.dropped == 0
    assert len(checked.warnings) == 1
    assert checked.warnings[0].startswith("row 5: clean and corrupted are the same")


def test_answers_can_be_optional():
    assert validate([pair(answers=())], vocab_size=10, require_answers=False).pairs == (pair(answers=()),)


def test_the_limits_themselves_are_inside():
    full = pair(clean=(9,) * 8, corrupted=(0,) * 8, positions=(-8, 7))
    assert validate([full], vocab_size=10, max_positions=8).pairs == (full,)


def test_nothing_left_is_an_error():
    with pytest.raises(DataError, match="no prompts"):
        validate([], vocab_size=10)
    with pytest.raises(DataError, match=r"none of the 2 rows can be used; the first: .*answers"):
        validate([pair(answers=()), pair(clean=())], vocab_size=10, drop_invalid=True)


@pytest.mark.parametrize("bad", ["Then Mary", b"Then", [1.5], [None], [True], ["1"], 7, [[1]]])
def test_what_is_not_a_list_of_ids_is_refused_with_row_and_field(bad):
    with pytest.raises(DataError, match=r"^row 3, clean: "):
        pair(clean=bad)
