"""Damaged files of every format, cut, changed, of another model: read, or refused in one line that names the file."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from damage import refusals
from edgewise.errors import FormatError
from edgewise.graph import EdgeScores, Graph, GraphSpec, top_n
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.asked_circuit import asked_circuit
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.coming import readable
from edgewise.runs.exchange.format import About, Exchanged
from edgewise.runs.methods.imported import read_as
from edgewise.runs.store.files import read_circuit, write_circuit

GRAPH, OTHER = Graph(GraphSpec(2, 4, 8, n_kv_heads=2)), Graph(GraphSpec(3, 2, 8))
PAIRS = [("blocks.0.hook_resid_pre", "blocks.0.hook_mlp_in"), ("blocks.2.hook_mlp_out", "blocks.2.hook_resid_post")]


def result(graph: Graph = GRAPH) -> Exchanged:
    values = np.random.default_rng(0).normal(size=graph.mask.shape)
    scores = EdgeScores(graph, values, stderr=np.abs(values))
    return Exchanged(graph, top_n(scores, 9), scores, About(model="gpt2"))


def written(name: str, graph: Graph = GRAPH) -> bytes:
    if name == "interpbench":
        return pickle.dumps(PAIRS[: graph.spec.n_layers - 1])
    content: bytes = FORMATS.load(name).write(result(graph))
    return content


def in_one_line(path: Path, content: bytes, read: Callable[[], object], copies: int) -> list[str]:
    """What is said of damaged copies, and of the file cut at 30 places; each names the file."""
    said = refusals(path, content, read, copies=copies)
    for number in range(30):
        path.write_bytes(content[: len(content) * number // 30])
        try:
            read()
        except FormatError as error:
            said.append(str(error))
    assert all(path.name in line and "\n" not in line for line in said)
    path.write_bytes(content)
    return said


@pytest.mark.parametrize("name", readable())
def test_files_of_other_programs(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"theirs{FORMATS.load(name).suffix}"

    def read() -> Exchanged:
        return read_as(path, name, path.read_bytes(), GRAPH)

    assert len(in_one_line(path, written(name), read, copies=24)) > 20
    path.write_bytes(written(name, OTHER))
    with pytest.raises(FormatError, match=path.name):
        read()


@pytest.mark.parametrize("name", ["circuit.json", "theirs.json", "circuit.pt", "names.json", "edges.pkl"])
def test_circuits(name: str, tmp_path: Path) -> None:
    path, config = tmp_path / name, RunConfig(model="demo", task="ioi")
    if name == "circuit.json":
        write_circuit(path, result().whole_circuit(), result().edge_scores("it"))
    else:
        of_lists = {"names.json": json.dumps(["input->m0", "m0->logits"]).encode(), "edges.pkl": written("interpbench")}
        path.write_bytes(of_lists.get(name) or written("eap-ig-pt" if path.suffix == ".pt" else "eap-ig-json"))
    in_one_line(path, path.read_bytes(), lambda: asked_circuit(str(path), config, GRAPH), copies=24)
    if path.suffix != ".pkl" and name != "names.json":
        in_one_line(path, path.read_bytes(), lambda: read_circuit(path, GRAPH.spec), copies=20)


TENSORS: dict[str, Callable[[torch.Tensor], Any]] = {
    "sparse": lambda x: x.to_sparse(),
    "without values": lambda x: x.to("meta"),
    "complex": lambda x: x.to(torch.complex64),
    "of another shape": lambda x: x[:1],
    "infinite": lambda x: torch.full_like(x, float("inf")),
    "no tensor": lambda _: torch.zeros(2, 2).tolist(),
    "a large number": lambda _: 10**5000,
}


@pytest.mark.parametrize("change", TENSORS)
@pytest.mark.parametrize(("name", "field"), [("eap-ig-pt", "edges_scores"), ("auto-circuit", "blocks.0.hook_mlp_in")])
def test_tensors_that_are_none_of_plain_numbers(name: str, field: str, change: str) -> None:
    whole = torch.load(io.BytesIO(written(name)), weights_only=True)
    buffer = io.BytesIO()
    torch.save({**whole, field: TENSORS[change](whole[field])}, buffer)
    with pytest.raises(FormatError) as refused:
        read_as(Path("theirs.pt"), name, buffer.getvalue(), GRAPH)
    assert str(refused.value).startswith("theirs.pt: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("field", ["has_mlp", "parallel"])
def test_a_circuit_file_whose_shape_has_a_number_for_a_switch(field: str, tmp_path: Path) -> None:
    path = tmp_path / "circuit.json"
    write_circuit(path, result().whole_circuit())
    content = json.loads(path.read_text())
    content["graph"][field] = 3
    path.write_text(json.dumps(content))
    with pytest.raises(FormatError, match=rf"graph: graph shape: {field} is 3; it must be true or false"):
        read_circuit(path)


def test_a_place_that_can_be_none_is_named_with_its_file() -> None:
    table = b"edge,place,score\ninput->m0@a,a,1\ninput->m0@b->c->d,b->c->d@,2\n"
    with pytest.raises(FormatError, match=r"theirs\.csv: column place: 'd@' cannot be the name of a place"):
        read_as(Path("theirs.csv"), "csv", table, GRAPH)
