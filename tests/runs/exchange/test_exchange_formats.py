"""Formats of other programs: what is written comes back, as far as it can; what is wrong is named with its place."""

from __future__ import annotations

import csv
import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from edgewise.errors import FormatError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.graph.selection import among, top_nodes
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.format import Exchanged, Format
from graph.strategies import results

Result = tuple[Circuit, EdgeScores | NodeScores | None]
TABLES = ("csv", "jsonl", "parquet")
EAP_IG = ("eap-ig-json", "eap-ig-pt")
OF_CIRCUIT = ("graphml", "acdc")
READABLE = tuple(name for name in FORMATS if FORMATS.load(name).read is not None)

TINY = Graph(GraphSpec(1, 1, 4))
EDGES = (
    "input->a0.h0<q>", "input->a0.h0<k>", "input->a0.h0<v>", "input->m0", "input->logits",
    "a0.h0->m0", "a0.h0->logits", "m0->logits",
)  # fmt: skip
KEPT = Circuit.from_edges(TINY, ["input->a0.h0<v>", "a0.h0->m0", "m0->logits"])


# The same circuit as InterpBench lists one.
PAIRS = [
    ("blocks.0.hook_resid_pre", "blocks.0.hook_v_input[0]"), ("blocks.0.hook_v_input[0]", "blocks.0.attn.hook_v[0]"),
    ("blocks.0.attn.hook_result[0]", "blocks.0.hook_mlp_in"), ("blocks.0.hook_mlp_out", "blocks.0.hook_resid_post"),
]  # fmt: skip


def tiny_scores() -> EdgeScores:
    """Edge number n scores n + 1, signs alternating from plus."""
    values = np.full(TINY.mask.shape, np.nan)
    for number, name in enumerate(EDGES):
        values[TINY.edge(name)] = (number + 1) * (-1) ** number
    return EdgeScores(TINY, values)


def written(name: str, circuit: Circuit | None, scores: EdgeScores | NodeScores | None, graph: Graph = TINY) -> bytes:
    found: Format = FORMATS.load(name)
    assert found.write is not None
    content = found.write(Exchanged(graph, circuit, scores))
    assert isinstance(content, bytes)
    return content


def read(name: str, content: bytes, graph: Graph = TINY) -> Exchanged:
    found: Format = FORMATS.load(name)
    assert found.read is not None
    return found.read(content, graph)


def there_and_back(name: str, result: Result) -> Exchanged:
    circuit, scores = result
    return read(name, written(name, circuit, scores, circuit.graph), circuit.graph)


def same(found: EdgeScores | NodeScores | None, wanted: EdgeScores | NodeScores | None, rtol: float = 0) -> None:
    assert type(found) is type(wanted)
    if found is not None and wanted is not None:
        np.testing.assert_allclose(found.values, wanted.values, rtol=rtol, atol=0)


def test_every_format_that_is_read_is_tested_here() -> None:
    assert {*TABLES, *EAP_IG, *OF_CIRCUIT, "auto-circuit", "interpbench"} == set(READABLE)


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=40)
@given(results())
def test_tables_lose_nothing_of_scores_and_circuit(name: str, result: Result) -> None:
    circuit, scores = result
    found = there_and_back(name, result)
    same(found.scores, scores)
    if isinstance(scores, NodeScores):
        kept = [row for row, kept in zip(circuit.graph.sources, circuit.mask.any(axis=1), strict=True) if kept]
        assert found.circuit == among(circuit.graph, kept)
    else:
        assert found.circuit == circuit
    if scores is not None and scores.verified is not None and found.scores is not None:
        for field in ("verified", "estimated"):
            np.testing.assert_array_equal(getattr(found.scores, field), getattr(scores, field))


def test_a_circuit_of_nodes_comes_back_from_a_table_of_nodes() -> None:
    graph = Graph(GraphSpec(2, 4, 8, n_kv_heads=2))
    scores = NodeScores(graph, np.random.default_rng(0).normal(size=graph.n_sources))
    circuit = top_nodes(scores, 5)
    assert there_and_back("csv", (circuit, scores)).circuit == circuit


def test_spreads_come_back_from_tables() -> None:
    rng = np.random.default_rng(0)
    known = {name: np.abs(rng.normal(size=TINY.mask.shape)) for name in ("stderr", "mean_abs", "half_width", "doubt")}
    scores = EdgeScores(TINY, rng.normal(size=TINY.mask.shape), **known)
    for name in TABLES:
        found = there_and_back(name, (KEPT, scores)).scores
        for field in known:
            np.testing.assert_array_equal(getattr(found, field), getattr(scores, field), err_msg=f"{name} {field}")


@pytest.mark.parametrize("name", EAP_IG)
@settings(max_examples=40)
@given(results())
def test_eap_igs_files_keep_circuit_and_scores(name: str, result: Result) -> None:
    found = there_and_back(name, result)
    assert found.circuit == result[0]
    same(found.scores, result[1], rtol=1e-12)


@pytest.mark.parametrize("name", OF_CIRCUIT)
@settings(max_examples=40)
@given(results())
def test_formats_of_a_circuit_keep_it_and_its_edges_scores(name: str, result: Result) -> None:
    circuit, scores = result
    if isinstance(scores, NodeScores):
        with pytest.raises(FormatError, match="these are of nodes"):
            there_and_back(name, result)
        return
    found = there_and_back(name, result)
    assert found.circuit == circuit
    wanted = np.full(circuit.mask.shape, np.nan) if scores is None else np.where(circuit.mask, scores.values, np.nan)
    values = np.full(wanted.shape, np.nan) if found.scores is None else found.scores.values
    np.testing.assert_allclose(values, wanted, rtol=1e-12)


@settings(max_examples=40)
@given(results())
def test_auto_circuit_keeps_scores(result: Result) -> None:
    scores = result[1]
    if not isinstance(scores, EdgeScores):
        with pytest.raises(FormatError, match=r"these are of nodes|there are none"):
            there_and_back("auto-circuit", result)
        return
    found = there_and_back("auto-circuit", result)
    assert found.circuit is None
    assert found.scores is not None
    exists = scores.graph.mask
    np.testing.assert_allclose(found.scores.values[exists], np.nan_to_num(scores.values)[exists], rtol=1e-12)


def test_interpbenchs_list_is_the_circuit() -> None:
    found = read("interpbench", pickle.dumps(PAIRS))
    assert (found.circuit, found.scores) == (KEPT, None)
    with pytest.raises(FormatError, match="that could run code"):
        read("interpbench", pickle.dumps([print]))


def test_csv_as_another_program_reads_it() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv", KEPT, tiny_scores()).decode())))
    assert [row["edge"] for row in rows] == list(EDGES)
    assert [float(row["score"]) for row in rows] == [1, -2, 3, -4, 5, -6, 7, -8]
    assert {row["edge"] for row in rows if row["in_circuit"] == "true"} == set(KEPT.edges())


def test_a_csv_of_a_spreadsheet_is_read() -> None:
    text = '\ufeffsource,destination,score,comment\r\nm0,logits,-1e-3,"a, b"\r\ninput,m0,,\r\n'
    found = read("csv", text.encode())
    assert found.circuit is None
    assert found.scores is not None
    assert dict(found.scores.items()) == {"m0->logits": -0.001}


def test_auto_circuits_file_written_by_hand() -> None:
    """PruneScores: what reads -> scores of what comes before it, heads first; minus ours."""
    by_hand = {
        "blocks.0.hook_q_input": [[-1.0]],
        "blocks.0.hook_k_input": [[2.0]],
        "blocks.0.hook_v_input": [[-3.0]],
        "blocks.0.hook_mlp_in": [4.0, 6.0],
        "blocks.0.hook_resid_post": [-5.0, -7.0, 8.0],
    }
    found = torch.load(io.BytesIO(written("auto-circuit", KEPT, tiny_scores())), weights_only=True)
    assert {name: tensor.tolist() for name, tensor in found.items()} == by_hand
    buffer = io.BytesIO()
    torch.save({name: torch.tensor(values) for name, values in by_hand.items()}, buffer)
    same(read("auto-circuit", buffer.getvalue()).scores, tiny_scores())


def test_acdcs_list_written_by_hand() -> None:
    by_hand = [
        [["blocks.0.hook_v_input", [None, None, 0], "blocks.0.hook_resid_pre", [None]], 3.0],
        [["blocks.0.hook_mlp_in", [None], "blocks.0.attn.hook_result", [None, None, 0]], -6.0],
        [["blocks.0.hook_resid_post", [None], "blocks.0.hook_mlp_out", [None]], -8.0],
    ]
    assert json.loads(written("acdc", KEPT, tiny_scores())) == by_hand
    inside = [
        [["blocks.0.attn.hook_q", [None, None, 0], "blocks.0.hook_q_input", [None, None, 0]], None],
        [["blocks.0.attn.hook_result", [None, None, 0], "blocks.0.attn.hook_v", [None, None, 0]], None],
    ]
    found = read("acdc", json.dumps([*by_hand, *inside]).encode())
    assert found.circuit == KEPT
    assert found.scores is not None
    assert dict(found.scores.items()) == {"input->a0.h0<v>": 3, "a0.h0->m0": -6, "m0->logits": -8}


def test_dot_is_a_picture_of_the_circuit() -> None:
    text = written("dot", KEPT, tiny_scores()).decode()
    assert text.startswith("digraph")
    assert text.count(" -> ") == 3


EDGE = '{"edge": "m0->logits", "score": 1}'
BAD = {
    "csv": [
        (b"", "empty"),
        (b"\xff", "not UTF-8, at byte 0"),
        (b"edge,score\nm0->logits,1\nm1->logits,1\n", r"line 3: edge 'm1->logits': unknown source 'm1'"),
        (b"edge,score\nm0->logits,much\n", "line 2: score is 'much', expected a finite number"),
        (b"edge,score\nm0->logits,inf\n", "line 2: score is 'inf'"),
        (b"edge,in_circuit\nm0->logits,perhaps\n", "line 2: in_circuit is 'perhaps', expected true or false"),
        (b"edge,score\nm0->logits,1\nm0->logits,1\n", "line 3: edge 'm0->logits' stands in two rows"),
        (b"edge,score\nm0->logits,1,2\n", "line 2: more cells"),
        (b"name,score\nm0->logits,1\n", "line 2: names nothing"),
        (b"edge,node,score\nm0->logits,,1\n,m0,1\n", "line 3: names a node, and the rows before name edges"),
        (b"edge,score,stderr\nm0->logits,1,-1\n", "stderr of edge 'm0->logits' is -1.0; it cannot be negative"),
        (b'edge,score\n"m0->logits,1\n', "not CSV"),
    ],
    "jsonl": [
        (f"{EDGE}\n{{".encode(), "line 2: not JSON"),
        (b"[1]\n", "line 1: list, expected an object"),
        (b'{"edge": "m0->logits", "score": true}\n', "line 1: score is True"),
        (b'{"edge": "m0->logits", "score": [1]}\n', r"line 1: score is \[1\]"),
    ],
    "parquet": [(b"PAR1", "not Parquet"), (b"", "not Parquet")],
    "graphml": [
        (b"", "not GraphML"),
        (b"<a/>", "not GraphML"),
    ],
    "eap-ig-json": [(b"{", "not JSON"), (b"[]", "the file is list, expected a dict"), (b"{}", "cfg is missing")],
    "eap-ig-pt": [(b"no", "not a torch file|is damaged")],
    "auto-circuit": [(b"no", "not a torch file|is damaged")],
    "acdc": [
        (b"{", "not JSON"),
        (b"{}", "the file is dict, expected a list of edges"),
        (b"[1]", "edge number 0 is no "),
        (b'[[["x", [null], "blocks.0.hook_mlp_out", [null]], 1]]', "edge number 0: receiver 'x' is no hook"),
        (b'[[["blocks.0.hook_resid_post", [null], "x", [null]], 1]]', "edge number 0: sender 'x' is no hook"),
        (
            b'[[["blocks.0.hook_q_input", [null], "blocks.0.hook_resid_pre", [null]], 1]]',
            r"edge number 0: index of blocks.0.hook_q_input is \[None\]",
        ),
        (
            b'[[["blocks.0.hook_resid_post", [null], "blocks.0.hook_mlp_out", [null]], "x"]]',
            "edge number 0: effect is 'x'",
        ),
        (
            b'[[["blocks.4.hook_mlp_in", [null], "blocks.0.hook_mlp_out", [null]], 1]]',
            "edge number 0: edge 'm0->m4': unknown destination 'm4'",
        ),
    ],
}


@pytest.mark.parametrize(("name", "content", "words"), [(name, *case) for name, cases in BAD.items() for case in cases])
def test_what_is_wrong_is_named_with_its_place(name: str, content: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        read(name, content)


def test_tensors_of_another_shape_are_refused() -> None:
    def refused(**changed: object) -> str:
        found = torch.load(io.BytesIO(written("auto-circuit", KEPT, tiny_scores())), weights_only=True)
        buffer = io.BytesIO()
        torch.save({name: value for name, value in {**found, **changed}.items() if value is not None}, buffer)
        with pytest.raises(FormatError) as error:
            read("auto-circuit", buffer.getvalue())
        return str(error.value)

    assert refused(x=1).startswith("module 'x' is none")
    missing = refused(**{"blocks.0.hook_mlp_in": None})
    assert missing == "module 'blocks.0.hook_mlp_in' is missing"
    other = refused(**{"blocks.0.hook_mlp_in": torch.zeros(3)})
    assert other == "module 'blocks.0.hook_mlp_in' is [3], expected a tensor [2]"
    wild = refused(**{"blocks.0.hook_mlp_in": torch.tensor([0.0, np.inf])})
    assert wild == "module 'blocks.0.hook_mlp_in' at [1] is inf; scores are finite"


def test_the_page_lists_every_format() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/exchange.md").read_text(encoding="utf-8")
    for name in FORMATS:
        found: Format = FORMATS.load(name)
        direction = "out" if found.read is None else "both" if found.write is not None else "in"
        row = f"| `{name}` | {found.summary} | {f'`{found.suffix}`' if found.suffix else 'folder'} | {direction} |"
        assert f"{row} {found.holds} | {found.sign} | {found.lost} |" in page
