"""InterpBench's models: pickled configs of TransformerLens's own writing, read without running anything in them."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from damage import refusals
from edgewise.errors import FormatError, ModelError, UnknownNameError
from edgewise.graph import Circuit, Graph, GraphSpec
from edgewise.graph.hook_edges import circuit_of_hooks
from edgewise.models import load_model
from edgewise.models.files import local, model_files
from edgewise.models.lens.pickled import read_pickle
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.truth import known_truth
from fake_hub import FakeHub

CASE = Path(__file__).with_name("interpbench_case")
# As InterpBench lists them: whole heads, so q, k and v alike, and edges inside heads and MLPs too.
PAIRS = [
    ("hook_embed", "blocks.0.hook_resid_pre"),
    *(("blocks.0.hook_resid_pre", f"blocks.0.hook_{one}_input[1]") for one in "qkv"),
    *((f"blocks.0.hook_{one}_input[1]", f"blocks.0.attn.hook_{one}[1]") for one in "qkv"),
    *((f"blocks.0.attn.hook_{one}[1]", "blocks.0.attn.hook_result[1]") for one in "qkv"),
    ("blocks.0.attn.hook_result[1]", "blocks.1.hook_mlp_in"),
    ("blocks.1.hook_mlp_in", "blocks.1.hook_mlp_out"),
    ("blocks.1.hook_mlp_out", "blocks.1.hook_resid_post"),
    ("hook_pos_embed", "blocks.1.hook_mlp_in"),
]
EDGES = [
    "input->a0.h1<q>", "input->a0.h1<k>", "input->a0.h1<v>", "a0.h1->m1", "m1->logits", "input->m1",
]  # fmt: skip


@pytest.fixture
def case(tmp_path: Path) -> Path:
    folder = tmp_path / "11"
    shutil.copytree(CASE, folder)
    (folder / "edges.pkl").write_bytes(pickle.dumps(PAIRS))
    return folder


def test_a_case_written_by_transformer_lens_gives_its_logits_and_its_circuit(case: Path) -> None:
    model, said = load_model(case), json.loads((CASE / "logits.json").read_text())
    logits = model.module(input_ids=torch.tensor(said["ids"])).logits
    torch.testing.assert_close(logits, torch.tensor(said["logits"]), rtol=1e-5, atol=1e-5)
    assert model.circuit == Circuit.from_edges(model.graph, EDGES)
    assert set(model_files(case)) >= {"ll_model.pth", "ll_model_cfg.pkl", "edges.pkl"}
    base = RunConfig(model=str(case), task="ioi")
    truth = known_truth(base, model)
    assert truth is not None
    assert truth.circuit == model.circuit


def test_a_dict_and_a_file_that_is_named_are_read_too(case: Path) -> None:
    fields = read_pickle(case / "ll_model_cfg.pkl") | {"attn_scale": np.float64(2**0.5), "dtype": torch.float32}
    config = case / "config.pkl"
    config.write_bytes(pickle.dumps(fields))
    read = read_pickle(config)
    assert read["dtype"] == "torch.float32"
    assert read["attn_scale"] == pytest.approx(2**0.5)
    model = load_model(case / "ll_model.pth", config=config)
    assert (model.graph.spec, model.circuit) == (load_model(case).graph.spec, None)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    found = FakeHub()
    found.put_in_force(monkeypatch, token=None)
    yield found
    found.close()


def test_a_case_by_name(hub: FakeHub, case: Path) -> None:
    files = {f"11/{path.name}": path.read_bytes() for path in case.iterdir()}
    hub.repositories["cybershiptrooper/InterpBench"] = files | {"3/ll_model.pth": b"another's"}
    assert local("interpbench:11") is None
    model = load_model("interpbench:11")
    assert model.circuit == Circuit.from_edges(model.graph, EDGES)
    place = local("interpbench:11")
    assert place is not None
    assert {path.name for path in place.iterdir()} == {"ll_model.pth", "ll_model_cfg.pkl", "edges.pkl"}
    with pytest.raises(UnknownNameError, match="has no case '99'"):
        load_model("interpbench:99")
    with pytest.raises(ModelError, match="write interpbench:CASE"):
        load_model("interpbench:../x")


class Code:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("content", [Code(), {"d_model": Code()}, [np.array([1.0, 2.0])], {"x": print}])
def test_what_could_run_code_is_refused_by_name(tmp_path: Path, content: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cfg.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ModelError, match=r"holds more than plain values \(it asks for "):
        read_pickle(path)
    assert not (tmp_path / "pwned").exists()


def test_damaged_copies_are_read_or_refused_in_one_line(case: Path) -> None:
    for name in ("ll_model_cfg.pkl", "edges.pkl"):
        whole = (case / name).read_bytes()
        assert refusals(case / name, whole, lambda: load_model(case), copies=40)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ({"a": 1}, "expected a list of pairs"),
        ([("blocks.0.hook_mlp_out",)], "edge number 0 is"),
        ([("blocks.0.hook_mlp_out", 3)], "edge number 0 is"),
        ([("blocks.9.hook_mlp_out", "blocks.1.hook_resid_post")], "edge number 0: .*blocks.9.hook_mlp_out"),
        ([("blocks.1.hook_mlp_out", "blocks.0.hook_mlp_in")], "edge number 0: .* does not exist"),
    ],
)
def test_lists_of_hooks_that_are_none(pairs: Any, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        circuit_of_hooks(pairs, Graph(GraphSpec(2, 4, 8)))
