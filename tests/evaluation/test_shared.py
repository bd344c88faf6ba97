"""What sets of prompts share, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from edgewise.errors import ScoreError
from edgewise.evaluation.shared import elsewhere, parts, shared
from edgewise.graph import Graph, GraphSpec, NodeScores

GRAPH = Graph(GraphSpec(n_layers=1, n_heads=2, d_model=4))
N = len(GRAPH.sources)
NAN = float("nan")


def test_scores_are_parts_of_the_whole_effect_and_keep_their_sign() -> None:
    scores = NodeScores(GRAPH, np.linspace(-1, 1, N))
    np.testing.assert_allclose(parts(scores, clean=3.0, corrupted=-1.0), np.linspace(-0.25, 0.25, N))
    np.testing.assert_allclose(parts(scores, clean=0.0, corrupted=4.0), np.linspace(-0.25, 0.25, N))
    with pytest.raises(ScoreError, match="the metric is 2 on clean and on corrupted prompts"):
        parts(scores, clean=2.0, corrupted=2.0)


A = np.array([-0.5, 0.2, -0.1, 0.3, NAN, 0.0])
B = np.array([-0.4, -0.6, -0.3, 0.1, 0.2, 0.0])
C = np.array([-0.9, -0.1, -0.2, 0.5, 0.1, 0.7])


def test_the_least_of_all_where_signs_agree() -> None:
    np.testing.assert_allclose(shared([A, B, C], "min"), [-0.4, 0.0, -0.1, 0.1, NAN, 0.0])


def test_the_mean() -> None:
    np.testing.assert_allclose(shared([A, B, C], "mean"), [-0.6, -0.5 / 3, -0.2, 0.3, NAN, 0.7 / 3])


def test_the_mean_rank() -> None:
    """Of five that all have scored: ranks 0, 1/4 ... 1 of the absolutes, equals at their mean."""
    known = [0, 1, 2, 3, 5]
    ranks = [(rankdata(np.abs(one[known])) - 1) / 4 for one in (A, B, C)]
    found = shared([A, B, C], "rank")
    np.testing.assert_allclose(np.abs(found[known]), np.mean(ranks, axis=0))
    assert np.isnan(found[4])
    assert np.sign(found[known]).tolist() == [-1, -1, -1, 1, 1]
    # 0.5 is the largest of A, 0.4 the second of B, 0.9 the largest of C.
    assert found[0] == pytest.approx(-(1 + 0.75 + 1) / 3)


def test_a_set_alone_shares_with_itself_and_sizes_do_not_count() -> None:
    for way in ("min", "mean"):
        np.testing.assert_allclose(shared([A, A], way), A)
    np.testing.assert_allclose(shared([A, 7 * B], "rank"), shared([A, B], "rank"))


def test_what_others_have_at_most() -> None:
    np.testing.assert_allclose(elsewhere([A, B, C], 0), [0.9, 0.6, 0.3, 0.5, 0.2, 0.7])
    np.testing.assert_allclose(elsewhere([A, B, C], 2), [0.5, 0.6, 0.3, 0.3, NAN, 0.0])
