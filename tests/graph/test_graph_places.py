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
from edgewise.search.exact.targets import named_edges

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


BY_READER = PLAIN.at_places(PLACES, readers=True)


def scores_by_reader(seed: int = 0) -> EdgeScores:
    return EdgeScores(BY_READER, np.random.default_rng(seed).normal(size=BY_READER.mask.shape))


def test_keys_and_values_are_there_once_for_every_place_and_reader() -> None:
    moved = int(PLAIN.mask[:, PLAIN.moved].sum())
    assert BY_READER.n_edges == 9 * moved + 3 * (PLAIN.n_edges - moved)
    for at, name in BY_READER.named_edges():
        assert BY_READER.edge(name) == at
    assert BY_READER.edge("a0.h1->a1.kv0<k>@S1->END") == (*PLAIN.edge("a0.h1->a1.kv0<k>"), 0, 2)
    assert BY_READER.edge("a0.h1->a1.h0<q>@END") == (*PLAIN.edge("a0.h1->a1.h0<q>"), 2, 2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a0.h1->a1.kv0<k>", "no place; write e.g. 'a0.h1->a1.kv0<k>@S1->END'"),
        ("a0.h1->a1.kv0<k>@S1", "no reader; write e.g. 'a0.h1->a1.kv0<k>@S1->END'"),
        ("a0.h1->a1.kv0<k>@S1->S3", "unknown place 'S3'"),
        ("a0.h1->a1.kv0<k>@end->S1", "unknown place 'end'; did you mean 'END'?"),
        ("a0.h1->m1@S1->END", "keys and values alone have readers; write 'a0.h1->m1@S1'"),
    ],
)
def test_names_by_reader_that_are_none(name: str, said: str) -> None:
    with pytest.raises(SelectionError) as caught:
        BY_READER.edge(name)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("graph", "name", "said"),
    [
        (PLAIN, "a0.h1->m1@S1", "edges here are of all positions; write 'a0.h1->m1'"),
        (
            PLAIN.at_places(("S1", "END")),
            "a0.h1->a1.kv0<k>@S1->END",
            "not kept apart by reader; write 'a0.h1->a1.kv0<k",
        ),
        (PLAIN.at_places(("S1", "END")), "a->b@S1->END", "unknown source 'a'"),
    ],
)
def test_names_of_other_graphs_say_what_to_write(graph: Graph, name: str, said: str) -> None:
    with pytest.raises(SelectionError) as caught:
        graph.edge(name)
    assert said in str(caught.value)


def test_scores_by_reader_add_up() -> None:
    apart = scores_by_reader()
    assert apart.by_place.graph == GRAPH
    at = PLAIN.edge("a0.h1->a1.kv0<k>")
    assert apart.by_place["a0.h1->a1.kv0<k>@S2"] == pytest.approx(apart.values[at][1].sum(), rel=1e-15)
    assert apart.by_place["a0.h1->m1@S2"] == apart["a0.h1->m1@S2"]
    assert apart.plain["a0.h1->m1"] == pytest.approx(sum(apart[f"a0.h1->m1@{place}"] for place in PLACES), rel=1e-15)


@pytest.mark.parametrize("seed", range(12))
def test_by_reader_a_path_leads_on_from_where_it_is_read(seed: int) -> None:
    drawn_mask = np.random.default_rng(seed).random(BY_READER.mask.shape) < 0.1
    circuit = Circuit(BY_READER, BY_READER.mask & drawn_mask)
    whole: nx.DiGraph = nx.DiGraph()
    for i, j, place, reader in np.argwhere(circuit.mask).tolist():
        edge = ("edge", i, j, place, reader)
        whole.add_edge(("node", i, place), edge)
        if j == BY_READER.logits:
            whole.add_edge(edge, "out")
        for row in np.flatnonzero(BY_READER.reads[:, j]).tolist():
            whole.add_edge(edge, ("node", row, reader))
    starts = [node for node in whole if node[:2] == ("node", BY_READER.input_source)]
    fed = set().union(*(nx.descendants(whole, node) for node in starts))
    heard = nx.ancestors(whole, "out") if "out" in whole else set()
    by_name = {BY_READER.edge_name(*node[1:]): node for node in whole if node[0] == "edge"}
    assert set(prune(circuit)) == {name for name, node in by_name.items() if node in fed and node in heard}
    assert set(leading(circuit)) == {name for name, node in by_name.items() if node in heard}


def test_by_reader_greedy_files_and_shared_heads() -> None:
    apart = scores_by_reader()
    found = greedy(apart, 25)
    assert found.n_edges == 25
    assert leading(found) == found
    again, read = from_dict(to_dict(found, apart))
    assert again == found
    assert read is not None
    assert [read[name] for name in found] == [apart[name] for name in found]
    back = kv_head_view(query_head_view(apart), PLAIN.spec)
    assert isinstance(back, EdgeScores)
    assert np.nanmax(np.abs(back.values - apart.values)) <= 1e-15


def test_a_pattern_without_a_place_is_of_all_places() -> None:
    everywhere, once = named_edges(GRAPH, ["*->logits"]), named_edges(GRAPH, ["*->logits@END"])
    assert int(everywhere.sum()) == 3 * int(once.sum()) == 3 * GRAPH.n_sources
    assert once[:, GRAPH.logits, 2].all()
