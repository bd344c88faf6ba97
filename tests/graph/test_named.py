"""Scores and circuits as people use them: by name, in order, as sums, as tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from edgewise.errors import FormatError, ScoreError, SelectionError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores

from .strategies import circuits, tied_scores

GRAPH = Graph(GraphSpec(1, 1, 4))  # 3 sources, 5 destinations, 8 edges
OTHER = Graph(GraphSpec(1, 2, 4))
EDGES = [
    "input->a0.h0<q>",
    "input->a0.h0<k>",
    "input->a0.h0<v>",
    "input->m0",
    "input->logits",
    "a0.h0->m0",
    "a0.h0->logits",
    "m0->logits",
]
VALUES = [0.0, 1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0]


def scores(graph: Graph = GRAPH, **known: Any) -> EdgeScores:
    """The edges of the small graph, in its order, score 0, 1, -2, 3, ..."""
    values = np.full(graph.mask.shape, np.nan)
    values[graph.mask] = [at * (-1) ** (at + 1) for at in range(graph.n_edges)]
    return EdgeScores(graph, values, **known)


def test_an_edge_is_found_by_its_name() -> None:
    assert [scores()[name] for name in EDGES] == VALUES
    assert isinstance(scores()["m0->logits"], float)
    assert NodeScores(GRAPH, np.array([1.0, 2.0, 3.0]))["m0"] == 3.0


@pytest.mark.parametrize(("name", "said"), [("m0->m0", "does not exist"), ("m1->logits", "m1"), ("m0", "not an edge")])
def test_an_edge_that_is_none_is_refused(name: str, said: str) -> None:
    with pytest.raises(SelectionError, match=said):
        scores()[name]


def test_what_was_not_scored_is_passed_over_and_refused_by_name() -> None:
    values = scores().values.copy()
    values[GRAPH.edge("input->m0")] = np.nan
    partly = EdgeScores(GRAPH, values, allow_unscored=True)
    assert list(partly) == [name for name in EDGES if name != "input->m0"]
    assert (len(partly), len(scores())) == (7, 8)
    assert "input->m0" not in partly
    assert "m0->logits" in partly
    with pytest.raises(ScoreError, match="'input->m0' has no score: only 7"):
        partly["input->m0"]


def test_names_and_scores_come_in_the_graphs_order() -> None:
    assert list(scores()) == EDGES
    assert dict(scores().items()) == dict(zip(EDGES, VALUES, strict=True))


def test_the_best_come_first() -> None:
    spread = np.where(GRAPH.mask, 0.5, np.nan)
    best = scores(stderr=spread).top(3)
    assert best.names == ("m0->logits", "a0.h0->logits", "a0.h0->m0")
    assert [(row.score, row.stderr, row.exact) for row in best] == [
        (7.0, 0.5, None),
        (-6.0, 0.5, None),
        (5.0, 0.5, None),
    ]
    assert scores().top(2, "helpful").names == ("a0.h0->logits", "input->logits")
    assert best[:2].names == best.names[:2]
    assert len(scores().top(100)) == 8
    assert repr(best).splitlines()[0].split() == ["1", "m0->logits", "7.0000", "±", "0.5000"]
    with pytest.raises(ScoreError, match="0 or more"):
        scores().top(-1)


@given(tied_scores())
def test_the_order_is_that_of_a_stable_sort(scored: EdgeScores) -> None:
    expected = sorted(scored, key=lambda name: -abs(scored[name]))
    assert list(scored.top(len(scored)).names) == expected


def test_exact_effects_are_told_from_estimates() -> None:
    verified = np.zeros_like(GRAPH.mask)
    verified[GRAPH.edge("m0->logits")] = True
    best = scores(verified=verified, estimated=scores().values / 2).top(2)
    assert [(row.exact, row.estimate) for row in best] == [(True, 3.5), (False, -3.0)]


@given(tied_scores())
def test_sums_and_multiples_are_those_of_every_edge(scored: EdgeScores) -> None:
    doubled, none, mean = scored * 2, scored - scored, sum([scored, scored, scored]) / 3
    for name, value in scored.items():
        assert (doubled[name], (2 * scored)[name], (-scored)[name], abs(scored)[name], none[name]) == (
            2 * value,
            2 * value,
            -value,
            abs(value),
            0,
        )
        assert (scored + doubled)[name] == 3 * value
        assert mean[name] == pytest.approx(value)


def test_a_multiple_keeps_its_spread_and_a_sum_does_not() -> None:
    per_prompt = np.stack([scores().values, 3 * scores().values])
    whole = EdgeScores(GRAPH, per_prompt.mean(0), per_prompt.std(0), np.abs(per_prompt).mean(0), per_prompt)
    turned = -2 * whole
    at = GRAPH.edge("input->a0.h0<v>")  # -2 on one prompt, -6 on the other
    assert turned.stderr is not None
    assert turned.mean_abs is not None
    assert turned.per_prompt is not None
    assert (turned.values[at], turned.stderr[at], turned.mean_abs[at]) == (8, 4, 8)
    assert turned.per_prompt[(slice(None), *at)].tolist() == [4, 12]
    assert (np.float64(2) * whole)["input->a0.h0<v>"] == -8
    assert (whole + whole).stderr is None


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda: scores() + scores(OTHER), "scores of two graphs"),
        (lambda: scores() - NodeScores(GRAPH, np.zeros(3)), "scores of edges and of nodes"),
        (lambda: scores() / 0, "divided by 0"),
    ],
)
def test_scores_of_something_else_are_refused_in_one_line(attempt: Callable[[], object], said: str) -> None:
    with pytest.raises(ScoreError, match=said) as caught:
        attempt()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("attempt", [lambda: scores() + 1, lambda: scores() * scores(), lambda: 1 - scores()])
def test_what_makes_no_sense_is_a_type_error(attempt: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        attempt()


def test_a_table_of_pandas_has_a_row_for_every_score() -> None:
    verified = GRAPH.mask & (np.abs(scores().values) > 5)
    table = scores(verified=verified, estimated=scores().values, mean_abs=np.abs(scores().values)).to_pandas()
    assert list(table.columns) == ["edge", "source", "destination", "score", "mean_abs", "exact", "estimate"]
    assert table["edge"].tolist() == EDGES
    assert table["score"].tolist() == VALUES
    assert table.loc[table["exact"], "edge"].tolist() == ["a0.h0->logits", "m0->logits"]
    assert (table["source"] + "->" + table["destination"]).tolist() == EDGES
    nodes = NodeScores(GRAPH, np.array([1.0, 2.0, 3.0])).to_pandas()
    assert nodes.to_dict("list") == {"node": ["input", "a0.h0", "m0"], "score": [1.0, 2.0, 3.0]}


def test_without_pandas_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(FormatError, match=r"edgewise\[pandas\]"):
        scores().to_pandas()


@given(circuits())
def test_circuits_are_sets_of_edges(circuit: Circuit) -> None:
    half = Circuit.from_edges(circuit.graph, circuit.edges()[::2])
    mine, theirs = set(circuit), set(half | circuit.complement())
    other = Circuit.from_edges(circuit.graph, theirs)
    assert len(circuit) == len(mine) == circuit.n_edges
    assert set(circuit & other) == mine & theirs == set(half)
    assert set(circuit | other) == mine | theirs
    assert set(circuit - other) == mine - theirs
    assert list(circuit) == list(circuit.edges())
    assert bool(circuit) == bool(mine)


def test_circuits_of_two_graphs_are_refused() -> None:
    for attempt in (lambda a, b: a & b, lambda a, b: a | b, lambda a, b: a - b):
        with pytest.raises(SelectionError, match="circuits of two graphs"):
            attempt(Circuit.full(GRAPH), Circuit.full(OTHER))
        with pytest.raises(TypeError):
            attempt(Circuit.full(GRAPH), {"m0->logits"})


def test_a_circuit_becomes_a_graph_of_networkx() -> None:
    circuit = Circuit.from_edges(GRAPH, ["a0.h0->m0", "m0->logits"])
    drawn = circuit.to_networkx(scores())
    assert drawn.edges["m0", "logits"]["score"] == 7.0
    assert set(drawn.edges) == {("a0.h0", "m0"), ("m0", "logits")}


@pytest.mark.parametrize("shown", [scores(), Circuit.full(GRAPH), GRAPH, NodeScores(GRAPH, np.zeros(3))])
def test_a_value_shows_itself_in_one_line(shown: object) -> None:
    assert len(repr(shown)) < 160
    assert "\n" not in repr(shown)
    assert "array" not in repr(shown)
