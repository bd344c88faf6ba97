"""Stored exact effects: the files are what their names say, and edges are drawn as often as their probabilities say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import effects_files
import exact_effects

from edgewise.errors import ScoreError
from edgewise.runs.store.effects import read_effects

SIZES = np.abs(np.random.default_rng(0).standard_t(2, 8_000)) ** 3


def test_probabilities_are_half_even_and_half_by_size() -> None:
    found = exact_effects.inclusion(np.array([1.0, 1.0, 2.0, 4.0]), 2)
    assert found == pytest.approx([2 * (0.5 / 4 + 0.5 / 8 * size) for size in (1, 1, 2, 4)])


def test_what_would_pass_one_is_certain_and_the_others_share_the_rest() -> None:
    """Of 1, 1, 1, 97 three: the last would have 3 (1/8 + 97/200) = 1.83, so the others have 2/3 each."""
    assert exact_effects.inclusion(np.array([1.0, 1.0, 1.0, 97.0]), 3) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1.0])
    with pytest.raises(ScoreError, match="4 of 4 edges cannot be drawn"):
        exact_effects.inclusion(np.ones(4), 4)


def test_the_largest_are_there_and_every_edge_comes_as_often_as_its_probability_says() -> None:
    draws = [exact_effects.draw(SIZES, seed) for seed in range(300)]
    probability = draws[0].probability
    largest = np.argsort(-SIZES)[: exact_effects.CERTAIN]
    assert all(one.chosen.sum() == exact_effects.CERTAIN + exact_effects.DRAWN for one in draws)
    assert all(one.chosen[largest].all() for one in draws)
    assert probability.sum() == pytest.approx(exact_effects.CERTAIN + exact_effects.DRAWN)
    by_lot = probability < 1
    often = np.mean([one.chosen[by_lot] for one in draws], 0)
    off = (often - probability[by_lot]) / np.sqrt(probability[by_lot] * (1 - probability[by_lot]) / 300)
    assert abs(off.mean()) < 0.05  # about 7,000 numbers of mean 0 and deviation 1, hardly dependent
    assert off.std() == pytest.approx(1.0, abs=0.05)


def test_the_same_seed_draws_the_same() -> None:
    one, again, other = (exact_effects.draw(SIZES, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.chosen, again.chosen)
    assert (one.chosen != other.chosen).any()
    np.testing.assert_array_equal(one.probability, other.probability)


@pytest.mark.parametrize("path", sorted(effects_files.EFFECTS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_a_stored_file_is_small_and_what_its_name_says(path: Path) -> None:
    found = read_effects(path)
    assert path.stat().st_size < 300_000
    assert path.name == effects_files.file_of(found.about.model, found.about.task)
    assert (found.about.n, found.about.seed, found.about.split) == (8, 0, "discovery")
    assert found.about.metric.clean > found.about.metric.corrupted
    if found.is_census:
        assert (found.probability == 1).all()
    else:  # what the measured ones stand for is about all edges: unbiased, its deviation about a tenth at most
        assert found.weights.sum() == pytest.approx(found.graph.n_edges, rel=0.2)
