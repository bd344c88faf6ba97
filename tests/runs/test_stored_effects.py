"""Exact effects as small files: what was written is read, whole or of a sample; what is no such file is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewise.errors import FormatError
from edgewise.graph import EdgeScores, Graph, GraphSpec
from edgewise.runs.store.effects import About, StoredEffects, read_effects, write_effects
from edgewise.runs.store.files import write_scores
from edgewise.runs.store.record import MetricSummary

GRAPH = Graph(GraphSpec(2, 2, 8))
ABOUT = About(
    "small.gguf", "0" * 64, "ioi", {"order": "abba"}, 3, 1, "discovery", "f" * 64,
    MetricSummary("logit-diff", 2.5, 0.1, -0.5, None), "all edges", {"edgewise": "0"},
)  # fmt: skip


def effects_of(measured: list[int] | None = None) -> StoredEffects:
    """Edge i of the graph's list has the effect i - 5, the error i / 8 and the probability 1 / (1 + i % 2)."""
    every = np.arange(GRAPH.n_edges, dtype=np.float64)
    values, stderr = np.full((2, *GRAPH.mask.shape), np.nan)
    values[GRAPH.mask], stderr[GRAPH.mask] = every - 5, every / 8
    if measured is not None:
        rows, columns = (np.delete(places, measured) for places in np.nonzero(GRAPH.mask))
        values[rows, columns] = np.nan
    scores = EdgeScores(GRAPH, values, stderr=stderr, allow_unscored=True)
    return StoredEffects.of_scores(scores, 1 / (1 + every % 2), ABOUT)


@pytest.mark.parametrize("measured", [None, [3], [0, 4, 11]])
def test_what_was_written_is_read(measured: list[int] | None, tmp_path: Path) -> None:
    write_effects(tmp_path / "small.safetensors", effects_of(measured))
    found = read_effects(tmp_path / "small.safetensors")
    edge = np.array(range(GRAPH.n_edges) if measured is None else measured)
    assert found.about == ABOUT
    assert found.graph.spec == GRAPH.spec
    assert found.is_census == (measured is None)
    np.testing.assert_array_equal(found.edge, edge)
    np.testing.assert_array_equal(found.effect, edge - 5.0)
    np.testing.assert_array_equal(found.stderr, edge / 8)
    np.testing.assert_array_equal(found.weights, 1 + edge % 2)


def test_equal_effects_are_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_effects(tmp_path / name, effects_of([1, 2]))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_as_scores_each_effect_stands_at_its_edge_and_nothing_elsewhere() -> None:
    names = [name for _, _, name in GRAPH.edges()]
    scores = effects_of([2, 7]).scores()
    assert scores.values[GRAPH.edge(names[2])] == -3.0
    assert scores.values[GRAPH.edge(names[7])] == 2.0
    assert int(np.isfinite(scores.values).sum()) == 2
    assert scores.n_prompts == 3


def test_scores_of_the_measured_edges_are_picked_in_their_order() -> None:
    values = np.full(GRAPH.mask.shape, np.nan)
    values[GRAPH.mask] = np.arange(GRAPH.n_edges) * 10.0
    np.testing.assert_array_equal(effects_of([2, 7]).of(EdgeScores(GRAPH, values)), [20.0, 70.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edge": np.array([4, 4])}, "'edge' does not rise"),
        ({"edge": np.array([4, GRAPH.n_edges])}, "'edge' does not rise from 0 on to less than"),
        ({"effect": np.array([1.0])}, "give one a measured edge"),
        ({"effect": np.array([1.0, np.nan])}, "'effect' not finite"),
        ({"probability": np.array([0.0, 1.0])}, "'probability' outside 0 to 1"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        replace(effects_of([4, 5]), **change)


def test_another_kind_of_file_is_refused_by_name(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.safetensors", effects_of().scores())
    with pytest.raises(FormatError, match=r"scores\.safetensors: no exact effects of edgewise"):
        read_effects(tmp_path / "scores.safetensors")
