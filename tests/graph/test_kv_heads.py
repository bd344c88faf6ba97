from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from edgewise.errors import SelectionError
from edgewise.graph import (
    Circuit,
    EdgeScores,
    Graph,
    GraphSpec,
    kv_head_view,
    query_head_graph,
    query_head_view,
)

from .strategies import circuits, tied_scores

GROUPED = Graph(GraphSpec(1, 4, 4, n_kv_heads=2))


def test_scores_are_shared_out_and_membership_copied_by_hand() -> None:
    values = np.zeros(GROUPED.mask.shape)
    values[GROUPED.edge("input->a0.kv1<k>")] = 6.0
    values[GROUPED.edge("input->a0.h3<q>")] = 5.0
    seen = query_head_view(EdgeScores(GROUPED, values, stderr=np.abs(values), per_prompt=np.stack([values, values])))
    found = {seen.graph.edge_name(i, j): seen.values[i, j] for i, j in np.argwhere(seen.values > 0).tolist()}
    assert found == {"input->a0.h3<q>": 5.0, "input->a0.h2<k>": 3.0, "input->a0.h3<k>": 3.0}
    assert seen.stderr is not None
    assert seen.per_prompt is not None
    assert seen.stderr[seen.graph.edge("input->a0.h2<k>")] == seen.per_prompt[(1, *seen.graph.edge("input->a0.h2<k>"))]

    circuit = query_head_view(Circuit.from_edges(GROUPED, ["input->a0.kv0<v>", "a0.h1->m0"]))
    assert circuit.edges() == ("input->a0.h0<v>", "input->a0.h1<v>", "a0.h1->m0")


def test_reading_sums_scores_and_joins_membership_by_hand() -> None:
    graph = query_head_graph(GROUPED)
    values = np.zeros(graph.mask.shape, dtype=np.float32)
    values[graph.edge("input->a0.h2<v>")], values[graph.edge("input->a0.h3<v>")] = 1.0, -4.0
    native = kv_head_view(EdgeScores(graph, values), GROUPED.spec)
    assert native.values[GROUPED.edge("input->a0.kv1<v>")] == -3.0
    assert native.values.dtype == np.float32
    joined = kv_head_view(Circuit.from_edges(graph, ["input->a0.h3<v>"]), GROUPED.spec)
    assert joined.edges() == ("input->a0.kv1<v>",)


def test_a_group_with_an_unscored_head_is_unscored() -> None:
    graph = query_head_graph(GROUPED)
    values = np.ones(graph.mask.shape)
    values[graph.edge("input->a0.h0<k>")] = np.nan
    native = kv_head_view(EdgeScores(graph, values, allow_unscored=True), GROUPED.spec)
    missing = np.argwhere(np.isnan(native.values) & GROUPED.mask).tolist()
    assert [GROUPED.edge_name(*index) for index in missing] == ["input->a0.kv0<k>"]


def test_a_group_is_exact_when_all_its_heads_are_and_estimates_are_shared_out() -> None:
    values = np.where(GROUPED.mask, 6.0, 0.0)
    verified = np.zeros(values.shape, dtype=np.bool_)
    verified[GROUPED.edge("input->a0.kv1<k>")] = verified[GROUPED.edge("input->a0.h3<q>")] = True
    scores = EdgeScores(GROUPED, values, verified=verified, estimated=values / 2)
    seen = query_head_view(scores)
    exact = {seen.graph.edge_name(*at) for at in np.argwhere(seen.verified).tolist()}
    assert exact == {"input->a0.h3<q>", "input->a0.h2<k>", "input->a0.h3<k>"}
    assert seen.estimated[seen.graph.edge("input->a0.h2<k>")] == 1.5
    back = kv_head_view(seen, GROUPED.spec)
    np.testing.assert_array_equal(back.verified, verified)
    np.testing.assert_array_equal(back.estimated, scores.estimated)
    half = seen.verified.copy()
    half[seen.graph.edge("input->a0.h2<k>")] = False
    joined = kv_head_view(EdgeScores(seen.graph, seen.values, verified=half, estimated=seen.estimated), GROUPED.spec)
    assert [GROUPED.edge_name(*at) for at in np.argwhere(joined.verified).tolist()] == ["input->a0.h3<q>"]


@given(circuits())
def test_circuits_survive_the_round_trip(circuit: Circuit) -> None:
    assert kv_head_view(query_head_view(circuit), circuit.graph.spec) == circuit


@given(tied_scores())
def test_scores_survive_the_round_trip(scores: EdgeScores) -> None:
    seen = query_head_view(scores)
    assert np.nansum(seen.values) == pytest.approx(np.nansum(scores.values))
    back = kv_head_view(seen, scores.graph.spec)
    np.testing.assert_allclose(back.values, scores.values, rtol=1e-14)


def test_another_shape_is_refused() -> None:
    with pytest.raises(SelectionError, match="the shapes differ"):
        kv_head_view(Circuit.full(Graph(GraphSpec(2, 4, 4))), GROUPED.spec)
