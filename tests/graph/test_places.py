"""Graphs, scores, circuits and selections whose edges are kept apart by place."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from edgewise.errors import FormatError, SelectionError
from edgewise.graph import (
    Circuit,
    EdgeScores,
    Graph,
    GraphSpec,
    greedy,
    kv_head_view,
    prune,
    query_head_view,
    top_n,
)
from edgewise.graph.circuit_file import from_dict, to_dict
from edgewise.graph.selection import has_path, leading

PLACES = ("S1", "S2", "END")
PLAIN = Graph(GraphSpec(2, 2, 4, n_kv_heads=1))
GRAPH = PLAIN.at_places(PLACES)


def scores(seed: int = 0) -> EdgeScores:
    values = np.random.default_rng(seed).normal(size=GRAPH.mask.shape)
    return EdgeScores(GRAPH, values, per_prompt=np.stack([values - 1, values + 1]))


def drawn(density: float, seed: int) -> Circuit:
    return Circuit(GRAPH, GRAPH.mask & (np.random.default_rng(seed).random(GRAPH.mask.shape) < density))


def test_each_edge_is_there_once_a_place() -> None:
    assert GRAPH.mask.shape == (*PLAIN.mask.shape, 3)
    assert GRAPH.n_edges == 3 * PLAIN.n_edges
    assert GRAPH != PLAIN
    assert GRAPH.plain == PLAIN
    assert PLAIN.at_places(list(PLACES)) == GRAPH
    for at, name in GRAPH.named_edges():
        assert GRAPH.edge(name) == at
    assert GRAPH.edge("a0.h1->a1.kv0<k>@S2") == (*PLAIN.edge("a0.h1->a1.kv0<k>"), 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a0.h1->m1", "edge 'a0.h1->m1': no place; write e.g. 'a0.h1->m1@S1'; the places: S1, S2, END"),
        ("a0.h1->m1@S3", "unknown place 'S3'; the places: S1, S2, END"),
        ("m1->m0@S1", "does not exist: m0 does not read after m1 writes"),
        ("a0.h9->m0@S1", "unknown source 'a0.h9'"),
    ],
)
def test_names_that_are_none(name: str, said: str) -> None:
    with pytest.raises(SelectionError) as caught:
        GRAPH.edge(name)
    assert said in str(caught.value)


@pytest.mark.parametrize("places", [("a@b",), ("a->b",), ("",), ("a", "a"), ("a,b",), ("a\nb",)])
def test_places_whose_names_cannot_stand_in_an_edge(places: tuple[str, ...]) -> None:
    with pytest.raises(SelectionError):
        PLAIN.at_places(places)


def test_plain_scores_are_sums() -> None:
    plain = scores().plain
    assert plain.graph == PLAIN
    assert np.allclose(plain.values[PLAIN.mask], scores().values.sum(-1)[PLAIN.mask], atol=0)
    assert plain.n_prompts == 2
    assert scores().top(1)[0].name.split("@")[1] in PLACES


def test_the_table_has_a_column_of_places() -> None:
    pytest.importorskip("pandas")
    frame = scores().to_pandas()
    assert list(frame.columns[:5]) == ["edge", "source", "destination", "place", "score"]
    assert set(frame.place) == set(PLACES)
    row = frame.iloc[7]
    assert row.edge == f"{row.source}->{row.destination}@{row.place}"


def test_a_circuit_and_what_it_keeps_at_any_place() -> None:
    circuit = Circuit.from_edges(GRAPH, ["input->m0@S1", "input->m0@END", "m1->logits@END"])
    assert len(circuit) == 3
    assert circuit.plain.edges() == ("input->m0", "m1->logits")
    assert circuit.nodes() == ("input", "m0", "m1", "logits")
    assert "input->m0@S1" in circuit
    assert "input->m0@S2" not in circuit
    assert circuit.complement().n_edges == GRAPH.n_edges - 3


def unrolled(circuit: Circuit) -> nx.DiGraph[tuple[str, str]]:
    """The circuit over the prompt: attention alone leads from one place to another."""
    graph, found = circuit.graph, nx.DiGraph()
    for i, j, place in np.argwhere(circuit.mask).tolist():
        into = graph.destinations[j]
        found.add_edge((graph.sources[i], PLACES[place]), (into, PLACES[place]))
        for row in np.flatnonzero(graph.reads[:, j]).tolist():
            anywhere = into.endswith(("<k>", "<v>"))
            for there in PLACES if anywhere else [PLACES[place]]:
                found.add_edge((into, PLACES[place]), (graph.sources[row], there))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_pruning_keeps_what_lies_on_a_path_through_the_unrolled_circuit(seed: int) -> None:
    circuit = drawn(0.12, seed)
    whole = unrolled(circuit)
    starts = [node for node in whole if node[0] == "input"]
    ends = [node for node in whole if node[0] == "logits"]
    fed = set(starts).union(*(nx.descendants(whole, node) for node in starts))
    heard = set(ends).union(*(nx.ancestors(whole, node) for node in ends))

    def ends_of(name: str) -> tuple[tuple[str, str], tuple[str, str]]:
        source, _, rest = name.partition("->")
        into, _, place = rest.partition("@")
        return (source, place), (into, place)

    both = {name for name in circuit if ends_of(name)[0] in fed and ends_of(name)[1] in heard}
    assert set(prune(circuit)) == both
    assert set(leading(circuit)) == {name for name in circuit if ends_of(name)[1] in heard}
    assert has_path(circuit) == bool(both)


def test_one_place_prunes_as_no_place() -> None:
    once = PLAIN.at_places(("all",))
    for seed in range(6):
        mask = PLAIN.mask & (np.random.default_rng(seed).random(PLAIN.mask.shape) < 0.3)
        plain, apart = prune(Circuit(PLAIN, mask)), prune(Circuit(once, mask[..., None]))
        assert np.array_equal(plain.mask, apart.mask[..., 0])


@pytest.mark.parametrize("n", [1, 7, 40])
def test_greedy_grows_from_the_logits_back(n: int) -> None:
    found = greedy(scores(), n)
    assert found.n_edges == n
    assert leading(found) == found
    best = top_n(EdgeScores(GRAPH, np.where(np.arange(len(PLAIN.destinations))[:, None] == PLAIN.logits,
                                            scores().values, np.nan), allow_unscored=True), 1)  # fmt: skip
    assert set(best) <= set(found)


def test_the_circuit_file_lists_what_is_kept() -> None:
    circuit, told = top_n(scores(), 5), scores()
    written = to_dict(circuit, told)
    assert written["places"] == list(PLACES)
    assert set(written["edges"]) == set(circuit.edges())
    again, read = from_dict(written)
    assert again == circuit
    assert isinstance(read, EdgeScores)
    assert [read[name] for name in circuit] == [told[name] for name in circuit]
    assert len(read) == 5
    for wrong in ("S1", [1], ["a@b"]):
        with pytest.raises(FormatError, match=r"^places"):
            from_dict({**written, "places": wrong})


def test_heads_that_share_keys_are_seen_by_query_and_back() -> None:
    by_query = query_head_view(scores())
    assert by_query.graph.places == PLACES
    assert by_query["input->a0.h1<k>@S2"] == scores()["input->a0.kv0<k>@S2"] / 2
    again = kv_head_view(by_query, PLAIN.spec)
    assert np.nanmax(np.abs(again.values - scores().values)) <= 1e-15
    circuit = top_n(scores(), 20)
    assert kv_head_view(query_head_view(circuit), PLAIN.spec) == circuit
