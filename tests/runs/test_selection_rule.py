"""A selection rule keeps the edges it says, and no other step hides in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgewise.errors import ScoreError, SelectionError
from edgewise.graph import EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.runs.selection import require_fits, select
from edgewise.settings.selection import Selection

GRAPH = Graph(GraphSpec(n_layers=2, n_heads=2, d_model=8))


def falling() -> EdgeScores:
    """The first edge scores the number of edges, the last one 1, with signs that alternate."""
    values = np.full(GRAPH.mask.shape, np.nan)
    sizes = np.arange(GRAPH.n_edges, 0, -1.0)
    values[GRAPH.mask] = sizes * np.where(np.arange(GRAPH.n_edges) % 2, -1, 1)
    return EdgeScores(GRAPH, values)


def names(selection: Selection) -> tuple[str, ...]:
    return select(falling(), selection).edges()


ALL = tuple(name for _, _, name in GRAPH.edges())


def test_the_first_edges_are_those_of_the_largest_scores() -> None:
    assert names(Selection(top=5)) == ALL[:5]
    assert names(Selection(threshold=float(GRAPH.n_edges - 2))) == ALL[:3]
    assert names(Selection(top=3, by="signed")) == ALL[0:6:2]
    assert names(Selection(top=3, by="helpful")) == ALL[1:6:2]


def test_a_share_is_rounded_down_and_never_empty() -> None:
    # 2 layers of 2 heads: 6 + 3, then 4 * 6 + 6, then 7 edges into q k v and m, and logits
    assert GRAPH.n_edges == 6 * 1 + 3 + 6 * 4 + 6 + 7 == 46
    assert len(names(Selection(fraction=0.1))) == 4
    assert len(names(Selection(fraction=1.0))) == 46
    assert len(names(Selection(fraction=0.001))) == 1


def test_a_small_graph_keeps_a_hundred_edges_or_all() -> None:
    assert len(names(Selection())) == 46
    graph = Graph(GraphSpec(n_layers=4, n_heads=4, d_model=64))
    scores = EdgeScores(graph, np.where(graph.mask, 1.0, np.nan))
    assert graph.n_edges == 479
    assert select(scores, Selection()).n_edges == 100


def test_the_default_of_gpt2_small_is_one_per_cent_of_its_edges() -> None:
    graph = Graph(GraphSpec(n_layers=12, n_heads=12, d_model=768))
    scores = EdgeScores(graph, np.where(graph.mask, 1.0, np.nan))
    assert select(scores, Selection()).n_edges == 324


def test_nothing_is_pruned_unless_asked() -> None:
    values = np.where(GRAPH.mask, 0.0, np.nan)
    values[GRAPH.edge("a0.h0->a1.h0<q>")] = 2.0
    values[GRAPH.edge("input->logits")] = 1.0
    scores = EdgeScores(GRAPH, values)
    assert select(scores, Selection(top=2)).edges() == ("input->logits", "a0.h0->a1.h0<q>")
    assert select(scores, Selection(top=2, prune=True)).edges() == ("input->logits",)
    assert select(scores, Selection(top=1, greedy=True)).edges() == ("input->logits",)


def test_nodes_bring_the_edges_between_them() -> None:
    values = np.zeros(GRAPH.n_sources)
    for name, score in (("input", 3.0), ("m1", -2.0), ("a1.h0", 1.0)):
        values[GRAPH.sources.index(name)] = score
    scores = NodeScores(GRAPH, values)
    assert select(scores, Selection(top=2)).edges() == ("input->m1", "input->logits", "m1->logits")
    assert select(scores, Selection(threshold=2.0)).edges() == ("input->m1", "input->logits", "m1->logits")
    # a tenth of 7 sources is less than one: the best node alone
    assert select(scores, Selection(fraction=0.1)).edges() == ("input->logits",)
    # at least ten nodes, or all
    assert select(scores, Selection()).n_edges == GRAPH.n_edges


def test_more_than_there_is_is_refused_before_scoring() -> None:
    nodes = np.ones(GRAPH.n_sources, dtype=np.bool_)
    require_fits(Selection(top=46), GRAPH, GRAPH.mask)
    with pytest.raises(SelectionError, match="--top is 47, but the model has 46 edges"):
        require_fits(Selection(top=47), GRAPH, GRAPH.mask)
    with pytest.raises(SelectionError, match="--top is 8, but the model has 7 nodes"):
        require_fits(Selection(top=8), GRAPH, nodes)
    with pytest.raises(SelectionError, match="--greedy chooses edges"):
        require_fits(Selection(top=1, greedy=True), GRAPH, nodes)


def test_what_is_not_scored_does_not_count() -> None:
    scored = np.zeros_like(GRAPH.mask)
    for name in ("input->logits", "input->a1.h0<q>", "input->m0", "m0->a1.h1<v>"):
        scored[GRAPH.edge(name)] = True
    require_fits(Selection(top=4), GRAPH, scored)
    with pytest.raises(SelectionError, match="--top is 5, but 4 of 46 edges are scored; give at most 4"):
        require_fits(Selection(top=5), GRAPH, scored)
    # Nothing that is scored leads on from a1.h0, from a1.h1 or from m0.
    with pytest.raises(SelectionError, match="--top is 2, but 1 of the edges that are scored lead to logits"):
        require_fits(Selection(top=2, greedy=True), GRAPH, scored)
    scored[GRAPH.edge("a1.h1->logits")] = True
    require_fits(Selection(top=4, greedy=True), GRAPH, scored)
    values = np.where(scored, 1.0, np.nan)
    scores = EdgeScores(GRAPH, values, allow_unscored=True)
    assert select(scores, Selection(fraction=0.4)).n_edges == 2
    assert set(select(scores, Selection(fraction=1.0, greedy=True)).edges()) == {
        *("input->logits", "a1.h1->logits", "m0->a1.h1<v>", "input->m0")
    }


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(), "top 1 %, at least 100, by abs"),
        (Selection(top=1200, by="mean-abs", prune=True), "top 1,200 by mean-abs, pruned"),
        (Selection(threshold=0.05), "at least 0.05 by abs"),
        (Selection(fraction=0.005, greedy=True), "top 0.5 % by abs, greedy"),
    ],
)
def test_rules_in_words(selection: Selection, words: str) -> None:
    assert selection.describe() == words


def test_only_certain_signs_when_asked() -> None:
    scores = falling()
    stderr = np.full(GRAPH.mask.shape, 1e-3)
    stderr[GRAPH.mask] = np.where(np.arange(GRAPH.n_edges) < 3, 1e3, 1e-3)
    uncertain_first = EdgeScores(GRAPH, scores.values, stderr=stderr, mean_abs=np.abs(scores.values), n_prompts=30)

    def kept(**rule: Any) -> tuple[str, ...]:
        return select(uncertain_first, Selection(stable=True, **rule)).edges()

    assert kept(top=4) == ALL[3:7]
    assert kept(top=4, by="mean-abs") == ALL[3:7]
    assert kept(top=GRAPH.n_edges) == ALL[3:]
    assert kept(threshold=float(GRAPH.n_edges - 4)) == ALL[3:5]
    assert Selection(top=4, stable=True, prune=True).describe() == "top 4 by abs, of certain sign, pruned"
    with pytest.raises(ScoreError, match="at least 2 prompts"):
        select(scores, Selection(top=4, stable=True))
