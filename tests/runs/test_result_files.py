"""Files of circuits and scores: what is in them, both ways, and what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from edgewise.errors import FormatError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.runs.store.files import read_circuit, read_scores, write_circuit, write_scores

GRAPH = Graph(GraphSpec(n_layers=2, n_heads=2, d_model=8))
GROUPED = Graph(GraphSpec(n_layers=1, n_heads=4, d_model=8, n_kv_heads=2))


def scores_of(graph: Graph, dtype: type = np.float32) -> EdgeScores:
    draw = np.random.default_rng(0)
    single = np.asarray(draw.normal(size=(3, *graph.mask.shape)), dtype=dtype)
    size = np.abs(single[1])
    return EdgeScores(graph, single[0], stderr=size, mean_abs=2 * size, per_prompt=single)


def circuit_of(graph: Graph) -> Circuit:
    return Circuit.from_edges(graph, [name for _, _, name in graph.edges()][::3])


@pytest.mark.parametrize("suffix", [".json", ".pt"])
@pytest.mark.parametrize("graph", [GRAPH, GROUPED], ids=["plain", "grouped"])
def test_a_circuit_comes_back_with_its_scores(tmp_path: Path, graph: Graph, suffix: str) -> None:
    circuit, scores = circuit_of(graph), scores_of(graph, np.float64)
    write_circuit(tmp_path / f"c{suffix}", circuit, scores)
    again, their_scores = read_circuit(tmp_path / f"c{suffix}")
    assert again == circuit
    assert their_scores is not None
    np.testing.assert_allclose(their_scores.values, scores.values, rtol=1e-12)


def test_json_carries_our_score_and_pt_minus_it(tmp_path: Path) -> None:
    values = np.where(GRAPH.mask, 0.0, np.nan)
    values[GRAPH.edge("m1->logits")] = -1.5
    scores, circuit = EdgeScores(GRAPH, values), Circuit.from_edges(GRAPH, ["m1->logits"])
    write_circuit(tmp_path / "c.json", circuit, scores)
    write_circuit(tmp_path / "c.pt", circuit, scores)
    edge = json.loads((tmp_path / "c.json").read_text())["edges"]["m1->logits"]
    assert edge == {"in_circuit": True, "score": -1.5}
    saved = torch.load(tmp_path / "c.pt", weights_only=True)
    assert saved["edges_scores"][6, 14] == 1.5  # m1 is source 1 + 2 * 3 - 1, logits destination 2 * 7
    assert int(saved["edges_in_graph"].sum()) == 1


def test_node_scores_stand_with_the_nodes(tmp_path: Path) -> None:
    write_circuit(tmp_path / "c.json", Circuit.full(GRAPH), NodeScores(GRAPH, np.arange(7.0)))
    nodes = json.loads((tmp_path / "c.json").read_text())["nodes"]
    assert nodes["a0.h1"] == {"score": 2.0}


@pytest.mark.parametrize("suffix", [".csv", "", ".JSON"])
def test_another_suffix_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FormatError, match=r"ends in \.json or \.pt"):
        write_circuit(tmp_path / f"c{suffix}", Circuit.full(GRAPH))
    with pytest.raises(FormatError, match=r"ends in \.json or \.pt"):
        read_circuit(tmp_path / f"c{suffix}")


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/nowhere/owned"),))


def test_a_pickle_with_code_is_refused(tmp_path: Path) -> None:
    torch.save({"cfg": Malicious()}, tmp_path / "code.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Malicious(), protocol=2))
    for name in ("code.pt", "raw.pt"):
        with pytest.raises(
            FormatError, match=f"{name}: (holds more than plain tensors, which could run code|not a torch file)"
        ):
            read_circuit(tmp_path / name)


def test_broken_json_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"cfg": {"n_lay')
    with pytest.raises(FormatError, match=r"cut\.json: not JSON"):
        read_circuit(tmp_path / "cut.json")
    (tmp_path / "other.json").write_text('{"cfg": {"n_layers": 1}}')
    (tmp_path / "ours.json").write_text('{"format": "edgewise-circuit", "format_version": 2}')
    with pytest.raises(FormatError, match=r"ours\.json: format_version is 2"):
        read_circuit(tmp_path / "ours.json")
    with pytest.raises(FormatError, match=r"other\.json: .*n_heads"):
        read_circuit(tmp_path / "other.json")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("graph", [GRAPH, GROUPED], ids=["plain", "grouped"])
def test_scores_come_back_bit_for_bit(tmp_path: Path, graph: Graph, dtype: type) -> None:
    scores = scores_of(graph, dtype)
    write_scores(tmp_path / "s.safetensors", scores)
    again = read_scores(tmp_path / "s.safetensors")
    assert isinstance(again, EdgeScores)
    assert again.graph == graph
    assert again.n_prompts == 3
    for field in ("values", "stderr", "mean_abs", "per_prompt"):
        ours, theirs = getattr(scores, field), getattr(again, field)
        assert theirs.dtype == dtype
        np.testing.assert_array_equal(ours, theirs)


def test_others_can_read_the_scores_without_us(tmp_path: Path) -> None:
    write_scores(tmp_path / "s.safetensors", scores_of(GROUPED))
    with safe_open(tmp_path / "s.safetensors", framework="numpy") as file:
        tensor, metadata = file.get_tensor("scores"), file.metadata()
    sources, destinations = json.loads(metadata["sources"]), json.loads(metadata["destinations"])
    assert sources == ["input", "a0.h0", "a0.h1", "a0.h2", "a0.h3", "m0"]
    assert destinations == [
        *(f"a0.h{head}<q>" for head in range(4)),
        *("a0.kv0<k>", "a0.kv1<k>", "a0.kv0<v>", "a0.kv1<v>"),
        *("m0", "logits"),
    ]
    assert tensor.shape == (6, 10)
    assert np.isnan(tensor[5, 0])  # m0 does not feed its own layer's attention


def test_node_scores_come_back(tmp_path: Path) -> None:
    scores = NodeScores(GRAPH, np.arange(7.0), stderr=np.ones(7), n_prompts=5)
    write_scores(tmp_path / "s.safetensors", scores)
    again = read_scores(tmp_path / "s.safetensors")
    assert isinstance(again, NodeScores)
    np.testing.assert_array_equal(again.values, np.arange(7.0))
    assert again.n_prompts == 5


def test_a_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    save_file({"scores": np.zeros((2, 2))}, path)
    with pytest.raises(FormatError, match="no scores of edgewise"):
        read_scores(path)
    write_scores(path, scores_of(GRAPH))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(FormatError, match="not a complete safetensors file"):
        read_scores(path)
    with pytest.raises(FileNotFoundError):
        read_scores(tmp_path / "none.safetensors")
