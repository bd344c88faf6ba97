"""Tables of scores: the right rows in the right order, and text that lines up."""

from __future__ import annotations

import numpy as np

from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.graph.selection import top_n
from edgewise.report.rows import Row, best
from edgewise.report.table import table
from edgewise.report.text import show

GRAPH = Graph(GraphSpec(n_layers=1, n_heads=1, d_model=4))
# sources input, a0.h0, m0; destinations a0.h0<q>, a0.h0<k>, a0.h0<v>, m0, logits
VALUES = np.array(
    [
        [0.5, -0.25, 0.00125, -2.0, 1.0],
        [np.nan, np.nan, np.nan, 2.0, 0.0],
        [np.nan, np.nan, np.nan, np.nan, -0.125],
    ]
)
SCORES = EdgeScores(GRAPH, VALUES, stderr=np.abs(VALUES) / 2, mean_abs=np.abs(VALUES) * 2)


def test_the_best_edges_come_first_and_ties_go_by_source() -> None:
    rows = best(SCORES, top_n(SCORES, 1), 3)
    assert rows == (
        Row("input->m0", -2.0, 1.0, 4.0, True),
        Row("a0.h0->m0", 2.0, 1.0, 4.0, False),
        Row("input->logits", 1.0, 0.5, 2.0, False),
    )


def test_only_edges_that_exist_are_listed() -> None:
    assert len(best(SCORES, Circuit.empty(GRAPH), 100)) == GRAPH.n_edges == 8
    assert best(SCORES, Circuit.empty(GRAPH), 0) == ()
    names = [row.name for row in best(SCORES, Circuit.empty(GRAPH), 2, by="signed")]
    assert names == ["a0.h0->m0", "input->logits"]


def test_nodes() -> None:
    scores = NodeScores(GRAPH, np.array([0.1, -3.0, 2.0]))
    circuit = Circuit.from_edges(GRAPH, ["a0.h0->logits"])
    assert [(row.name, row.in_circuit) for row in best(scores, circuit, 2)] == [
        ("a0.h0", True),
        ("m0", False),
    ]
    assert best(scores, circuit, 1)[0].stderr is None


def test_show() -> None:
    assert show(top_n(SCORES, 2), SCORES, top=3) == (
        "circuit: 2 of 8 edges, 3 of 4 nodes, no path from input to logits\n"
        "\n"
        "#  edge             score  stderr  in circuit\n"
        "1  input->m0      -2.0000  1.0000  yes\n"
        "2  a0.h0->m0       2.0000  1.0000  yes\n"
        "3  input->logits   1.0000  0.5000  no"
    )


def test_small_numbers_keep_four_digits() -> None:
    text = show(Circuit.empty(GRAPH), SCORES, top=8)
    assert "1.250e-03  6.250e-04" in text
    assert "0.0000     0.0000" in text


def test_columns_line_up() -> None:
    text = table(("a", "number"), [("long cell", "1"), ("b", "-22")], right=(1,))
    assert text == "a          number\nlong cell       1\nb             -22"
