"""Files of many edges are read in columns: the same result, and the same words for what is wrong, as row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgewise.errors import EdgewiseError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, eapig, top_n
from edgewise.graph.many_edges import places_of_edges
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange import rows as by_row
from edgewise.runs.exchange.at_once import arrays_of
from edgewise.runs.exchange.format import Exchanged
from edgewise.runs.exchange.rows import columns_of, from_columns, from_rows

SMALL = Graph(GraphSpec(2, 3, 12))
HALF_A_MILLION = GraphSpec(26, 32, 64, n_kv_heads=8)


def result(graph: Graph, seed: int = 0) -> Exchanged:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=graph.mask.shape)
    values[draw.random(values.shape) < 0.05] = np.nan
    exact = draw.random(values.shape) < 0.1
    marks = {"verified": exact & ~np.isnan(values), "estimated": values + 0.1}
    scores = EdgeScores(graph, values, stderr=np.abs(values), **marks, allow_unscored=True)
    return Exchanged(graph, top_n(scores, graph.n_edges // 9), scores)


def rows_of(columns: dict[str, list[Any]]) -> list[tuple[str, dict[str, Any]]]:
    every = zip(*columns.values(), strict=True)
    return [(f"row {number}", dict(zip(columns, cells, strict=True))) for number, cells in enumerate(every, 1)]


def same(one: Exchanged, other: Exchanged) -> None:
    assert one.circuit == other.circuit
    assert one.graph == other.graph
    ours, theirs = one.scores, other.scores
    assert type(ours) is type(theirs)
    for field in ("values", "stderr", "verified", "estimated", "drawn", "doubt", "mean_abs", "half_width"):
        left, right = getattr(ours, field, None), getattr(theirs, field, None)
        assert (left is None) == (right is None), field
        if left is not None:
            np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_half_a_million_edges_are_those_of_the_slow_form() -> None:
    graph = Graph(HALF_A_MILLION)
    assert graph.n_edges > 500_000
    wanted = result(graph)
    columns = columns_of(wanted)
    columns = {name: columns[name] for name in ("edge", "in_circuit", "score")}
    order = np.random.default_rng(1).permutation(graph.n_edges)
    columns = {name: np.array(cells, dtype=object)[order].tolist() for name, cells in columns.items()}
    same(from_columns(columns, graph, lambda: pytest.fail("row by row")), from_rows(rows_of(columns), graph))


@pytest.mark.parametrize("seed", range(3))
def test_eap_ig_s_edges_are_those_of_the_slow_form(seed: int) -> None:
    wanted = result(SMALL, seed)
    assert isinstance(wanted.scores, EdgeScores)
    edges = eapig.to_json_dict(wanted.whole_circuit(), wanted.scores)["edges"]
    for name in list(edges)[::7]:
        edges[name]["score"] = None
    found = eapig._at_once(edges, SMALL)
    assert found is not None
    for fast, slow in zip(found, eapig._one_by_one(edges, SMALL), strict=True):
        np.testing.assert_array_equal(fast, slow)


@pytest.mark.parametrize("graph", [SMALL, SMALL.at_places(("S", "end"), readers=True)], ids=["plain", "places"])
@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_tables_are_read_in_columns(name: str, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, format_ = result(graph), FORMATS.load(name)
    content = format_.write(wanted)
    slow = from_rows(rows_of(columns_of(wanted)), graph.plain)
    monkeypatch.setattr(by_row, "from_rows", lambda *_: pytest.fail("row by row"))
    same(format_.read(content, graph.plain), slow)


CHANGES: dict[str, tuple[str, Any]] = {
    "not a number": ("score", "many"),
    "not finite": ("score", float("inf")),
    "NaN": ("score", float("nan")),
    "too large": ("score", 10**400),
    "a truth for a number": ("score", True),
    "a list": ("score", [1.0]),
    "no truth": ("in_circuit", "perhaps"),
    "a number for a truth": ("exact", 1.0),
    "unhashable": ("in_circuit", {}),
    "unknown edge": ("edge", "a9.h0->m0"),
    "no edge": ("edge", None),
    "twice": ("edge", "input->m0"),
    "a negative spread": ("stderr", -1.0),
    "another name of it": ("edge", "blocks.1.hook_mlp_out->blocks.1.hook_resid_post"),
    "empty": ("score", None),
    "text": ("score", " 1.5 "),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_out_of_the_ordinary_is_said_as_row_by_row(change: str) -> None:
    column, cell = CHANGES[change]
    columns = {name: list(cells) for name, cells in columns_of(result(SMALL)).items()}
    at = columns["edge"].index("m1->logits")
    columns[column][at] = cell
    rows = rows_of(columns)

    def said(read: Any) -> Any:
        try:
            return read()
        except EdgewiseError as error:
            return str(error)

    slow, fast = said(lambda: from_rows(rows, SMALL)), said(lambda: from_columns(columns, SMALL, lambda: rows))
    if isinstance(slow, str):
        assert fast == slow
        assert "\n" not in slow
    else:
        same(fast, slow)
    if change not in ("empty", "text", "a negative spread"):
        assert arrays_of(columns, SMALL) is None


def test_few_names_and_other_spellings_are_looked_up_singly() -> None:
    names = SMALL.edge_names()
    assert places_of_edges(names[:3], SMALL) is None
    assert places_of_edges([*names, "m1 -> logits"], SMALL) is None
    found = places_of_edges(names[::-1], SMALL)
    assert found is not None
    assert [SMALL.edge_name(*at) for at in zip(*(axis.tolist() for axis in found), strict=True)] == names[::-1]
    assert Circuit.from_edges(SMALL, names[::-1]) == Circuit.full(SMALL)
