"""Very many prompts: packed as they are read, and the same prompts as ever."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from edgewise.attribution import estimate_edges
from edgewise.errors import DataError
from edgewise.models import load_model
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet, packed
from edgewise.tasks.files import read_prompts
from edgewise.tasks.packed import PackedPairs, gathered

IDS = st.lists(st.integers(0, 2**31 - 1), max_size=4).map(tuple)
PAIRS = st.builds(PromptPair, clean=IDS, corrupted=IDS, answers=IDS, wrong_answers=IDS, row=st.integers(0, 10**9))


@given(st.lists(PAIRS, max_size=5))
@settings(max_examples=40)
def test_what_is_packed_comes_back(pairs: list[PromptPair]) -> None:
    held = PackedPairs(pairs)
    assert (list(held), len(held)) == (pairs, len(pairs))
    assert list(held[1:4:2]) == pairs[1:4:2]
    assert [held[-1]] == pairs[-1:] if pairs else not held
    assert held == PackedPairs(pairs)
    assert hash(held) == hash(PackedPairs(pairs))
    assert held != PackedPairs([*pairs, PromptPair((1,), (2,), (3,))])
    with pytest.raises(IndexError):
        held[len(pairs)]


def test_a_number_that_is_no_token_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match="row 7: a number of more than nine digits"):
        PackedPairs([PromptPair((1,), (2**40,), (3,), row=7)])


def test_few_stay_as_they_are_and_many_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = tiny.prompts(7).pairs
    monkeypatch.setattr(packed, "MANY", 7)
    assert gathered(pairs) == tuple(pairs)
    monkeypatch.setattr(packed, "MANY", 6)
    many = gathered(pairs)
    assert isinstance(many, PackedPairs)
    assert (tuple(many), PromptSet("tiny", many).fingerprint()) == (pairs, PromptSet("tiny", pairs).fingerprint())
    assert PromptSet("tiny", many)[2:5].pairs == PackedPairs(pairs[2:5])


def rows_of(path: Path, n: int) -> Path:
    lines = [{"clean": [5, i % 60, 7, 8], "corrupted": [5, i % 60, 9, 8], "answers": [1 + i % 2]} for i in range(n)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_packed_prompts_of_a_file_are_checked_and_scored_as_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = rows_of(tmp_path / "rows.jsonl", 20), load_model(tiny.gpt2(n_layer=2))
    plain = read_prompts(path, None, vocab_size=tiny.VOCABULARY)
    monkeypatch.setattr(packed, "MANY", 3)
    many = read_prompts(path, None, vocab_size=tiny.VOCABULARY)
    assert isinstance(many.pairs, PackedPairs)
    assert many.fingerprint() == plain.fingerprint()
    few = Conditions(batch_size=8)
    one, other = (estimate_edges(model, some, metric="log-prob", conditions=few) for some in (plain, many))
    np.testing.assert_array_equal(one.values, other.values)
    with pytest.raises(DataError, match="row 2, clean: token id 60 is outside"):
        read_prompts(_with_a_bad_row(path), None, vocab_size=60)


def _with_a_bad_row(path: Path) -> Path:
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] = json.dumps({"clean": [5, 60, 7], "corrupted": [5, 1, 7], "answers": [1]})
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_memory_hardly_grows_with_the_rows_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """14 numbers a row take 56 bytes and their places 48; the pairs themselves would take more than a kilobyte."""
    monkeypatch.setattr(packed, "MANY", 100)

    def peak(n: int) -> int:
        path = rows_of(tmp_path / f"{n}.jsonl", n)
        tracemalloc.start()
        try:
            read_prompts(path, None, vocab_size=100)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(200)  # what is made once
    assert (peak(1400) - peak(200)) / 1200 < 400
