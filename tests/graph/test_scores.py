from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgewise.errors import ScoreError, UnknownNameError
from edgewise.graph import EdgeScores, Graph, GraphSpec, NodeScores

GRAPH = Graph(GraphSpec(1, 1, 4))  # 3 sources, 5 destinations, 8 edges
SHAPE = (3, 5)


def test_values_are_copied_frozen_and_nan_where_no_edge_exists() -> None:
    given = np.ones(SHAPE)
    scores = EdgeScores(GRAPH, given)
    given[:] = 7
    assert np.array_equal(np.isnan(scores.values), ~GRAPH.mask)
    assert (scores.values[GRAPH.mask] == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        scores.values[0, 0] = 2


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float64", "float64"), ("float32", "float32"), ("float16", "float32"), ("int64", "float64")],
)
def test_types_kept_or_widened(given: str, kept: str) -> None:
    assert EdgeScores(GRAPH, np.ones(SHAPE, dtype=given)).values.dtype == kept


def test_infinite_scores_outside_the_graph_do_not_matter() -> None:
    values = np.where(GRAPH.mask, 1.0, np.inf)
    assert np.nansum(EdgeScores(GRAPH, values).values) == 8


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_by_name(bad: float) -> None:
    values = np.ones(SHAPE)
    values[1, 3] = values[2, 4] = bad
    with pytest.raises(ScoreError, match=r"the score of edge 'a0.h0->m0' is -?(nan|inf).*float32"):
        EdgeScores(GRAPH, values)


def test_unscored_edges_only_when_allowed_and_never_infinite() -> None:
    values = np.ones(SHAPE)
    values[1, 3] = np.nan
    assert np.isnan(EdgeScores(GRAPH, values, allow_unscored=True).values[1, 3])
    values[1, 3] = np.inf
    with pytest.raises(ScoreError, match=r"a0\.h0->m0"):
        EdgeScores(GRAPH, values, allow_unscored=True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"values": np.ones((5, 3))}, r"values has shape \[5, 3\]; this graph needs \[3, 5\]"),
        ({"stderr": np.ones(3)}, r"stderr has shape \[3\]"),
        (
            {"per_prompt": np.ones(SHAPE)},
            r"per_prompt has shape \[3, 5\]; this graph needs \[n_prompts, 3, 5\]",
        ),
        ({"mean_abs": -np.ones(SHAPE)}, r"mean_abs of edge 'input->a0.h0<q>' is -1.0; it cannot be negative"),
        ({"mean_abs": np.full(SHAPE, np.nan)}, r"mean_abs of edge 'input->a0.h0<q>' is nan"),
        ({"stderr": np.full(SHAPE, np.inf)}, r"stderr of edge 'input->a0.h0<q>' is inf"),
        ({"per_prompt": np.ones((4, 3, 5)), "n_prompts": 5}, "n_prompts is 5, but per_prompt holds 4"),
    ],
)
def test_every_array_is_checked(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        EdgeScores(GRAPH, **{"values": np.ones(SHAPE), **fields})


def test_a_bad_prompt_is_named_by_its_number() -> None:
    per_prompt = np.ones((4, *SHAPE))
    per_prompt[2, 0, 4] = np.nan
    with pytest.raises(ScoreError, match=r"per_prompt of edge 'input->logits' in prompt 3 is nan"):
        EdgeScores(GRAPH, np.ones(SHAPE), per_prompt=per_prompt)


def test_standard_errors_may_be_undefined() -> None:
    scores = EdgeScores(GRAPH, np.ones(SHAPE), stderr=np.full(SHAPE, np.nan), n_prompts=1)
    assert scores.stderr is not None
    assert np.isnan(scores.stderr).all()


def test_number_of_prompts_follows_from_the_prompts() -> None:
    assert EdgeScores(GRAPH, np.ones(SHAPE), per_prompt=np.ones((4, *SHAPE))).n_prompts == 4


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("abs", [3.0, 1.0, 2.0]),
        ("signed", [-3.0, 1.0, 2.0]),
        ("helpful", [3.0, -1.0, -2.0]),
        ("mean-abs", [4.0, 5.0, 6.0]),
    ],
)
def test_rankings_by_hand(by: Any, expected: list[float]) -> None:
    scores = NodeScores(GRAPH, np.array([-3.0, 1.0, 2.0]), mean_abs=np.array([4.0, 5.0, 6.0]))
    assert scores.ranking(by).tolist() == expected


def test_rankings_that_are_unknown_or_not_held() -> None:
    scores = EdgeScores(GRAPH, np.ones(SHAPE))
    with pytest.raises(UnknownNameError, match=r"unknown ranking 'mean_abs'; did you mean 'mean-abs'\?"):
        scores.ranking("mean_abs")  # type: ignore[arg-type]
    with pytest.raises(ScoreError, match="no mean of absolutes"):
        scores.ranking("mean-abs")


def test_node_scores_name_the_node() -> None:
    with pytest.raises(ScoreError, match=r"the score of node 'a0\.h0' is nan"):
        NodeScores(GRAPH, np.array([1.0, np.nan, 1.0]))
    with pytest.raises(ScoreError, match=r"values has shape \[5\]; this graph needs \[3\]"):
        NodeScores(GRAPH, np.ones(5))
