"""A loaded model in the place of a name: what its run records, and how later verbs find the model again."""

from __future__ import annotations

import gc
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import edgewise
from edgewise.errors import EdgewiseError, EdgewiseWarning, ModelError, RunConflictError, RunError, SettingError
from edgewise.models import in_memory
from tiny import llama
from traces import leaves_no_trace

ASKED: dict[str, Any] = {"task": "planted", "n": 4, "method": "eap", "top": 20, "pictures": False, "progress": False}
QUIET: dict[str, Any] = {"progress": False}
NUMBERS: dict[str, Any] = {"random": 0, "curve": False, **QUIET}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planted model as files of transformers."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = edgewise.load_model("planted:0")
    model.module.save_pretrained(folder)  # type: ignore[operator]
    model.tokenizer.save_pretrained(folder)  # type: ignore[union-attr]
    return folder


def loaded(folder: Path) -> tuple[Any, Any]:
    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def test_scores_are_those_of_the_model_by_name_and_the_record_says_what_it_was(stored: Path, tmp_path: Path) -> None:
    module, tokenizer = loaded(stored)
    by_name = edgewise.discover(model=stored, out=tmp_path / "name", **ASKED)
    with leaves_no_trace(module):
        run = edgewise.discover(model=module, tokenizer=tokenizer, out=tmp_path / "memory", **ASKED)
    np.testing.assert_array_equal(run.scores.values, by_name.scores.values)
    record = json.loads((tmp_path / "memory" / "run.json").read_text())
    name = record["config"]["model"]
    assert name.startswith("memory:tiny@")
    assert (record["config"]["dtype"], record["config"]["device"]) == ("float32", "cpu")
    assert record["model"]["architecture"] == record["identity"]["model/class"] == type(module).__name__
    weights = hashlib.sha256()
    for key, x in sorted(module.state_dict().items()):
        weights.update(f"{key}\0torch.float32\0{list(x.shape)}\0".encode() + x.numpy().tobytes())
    assert record["identity"]["model/weights"] == weights.hexdigest()
    assert len(record["identity"]["model/config"]) == 64
    # With its tokenizer, as edgewise loads it, and again: it is the same run.
    again = edgewise.load_model(module, tokenizer=tokenizer)
    assert edgewise.discover(model=again, out=tmp_path / "memory", **ASKED).record == run.record


def test_later_verbs_have_it_while_it_is_there_and_ask_for_it_afterwards(stored: Path, tmp_path: Path) -> None:
    module, tokenizer = loaded(stored)
    run = edgewise.discover(model=module, tokenizer=tokenizer, out=tmp_path / "run", **ASKED)
    wanted = edgewise.evaluate(run, **NUMBERS).faithfulness
    del module
    gc.collect()
    # What is stored is read without the model.
    assert edgewise.evaluate(run, **NUMBERS).faithfulness == wanted
    for ask in (
        lambda: edgewise.evaluate(run, overwrite=True, **NUMBERS),
        lambda: edgewise.verify(run, edges=20, **QUIET),
        lambda: edgewise.compare([run], out=tmp_path / "out", circuit=run.folder / "circuit.json", random=0, **QUIET),
    ):
        with pytest.raises(ModelError, match=r"'memory:tiny@\w+' was in the memory of the Python .*; give it again"):
            ask()
    assert edgewise.evaluate(run, model=stored, overwrite=True, **NUMBERS).faithfulness == wanted
    again, tokenizer = loaded(stored)
    assert edgewise.verify(run, edges=20, model=again, tokenizer=tokenizer, **QUIET).n_prompts == 4
    circuit = run.folder / "circuit.json"
    held = edgewise.compare([run], out=tmp_path / "out", circuit=circuit, model=again, random=0, **QUIET).known
    assert held is not None
    assert held.runs[0].overlap == 1
    asked: dict[str, Any] = {"circuit": circuit, "task": "planted", "n": 4}
    assert edgewise.evaluate(model=again, tokenizer=tokenizer, **asked, **NUMBERS).faithfulness
    # A model that was loaded for a run by its name is let go of.
    del again
    gc.collect()
    assert in_memory.parts(run.config.model) == {}


def test_another_model_is_refused(stored: Path, tmp_path: Path) -> None:
    module, tokenizer = loaded(stored)
    run = edgewise.discover(model=module, tokenizer=tokenizer, out=tmp_path / "run", **ASKED)
    with torch.no_grad():
        module.get_input_embeddings().weight[0, 0] += 1
    with pytest.raises(RunConflictError, match=r"model.* have changed: weights differs"):
        edgewise.evaluate(run, **NUMBERS)
    with pytest.raises(RunConflictError, match=r"another config or other weights; give that model"):
        edgewise.evaluate(run, model=module, tokenizer=tokenizer, **NUMBERS)
    with pytest.raises(RunConflictError, match=r"model is .*memory:tiny@.* there, .*memory:tiny@.* here"):
        edgewise.discover(model=module, tokenizer=tokenizer, out=tmp_path / "run", **ASKED)
    with pytest.raises(RunConflictError, match="another config or other weights"):
        edgewise.evaluate(run, model="planted:1", **NUMBERS)


def refused(stored: Path) -> list[tuple[dict[str, Any], type[EdgewiseError], str]]:
    module, tokenizer = loaded(stored)
    with torch.no_grad():
        module.get_input_embeddings().weight[1, 1] += 1  # one that no tokenizer was ever given with
    trained = AutoModelForCausalLM.from_pretrained(stored).train()
    return [
        (
            {"model": module, "dtype": "float64"},
            SettingError,
            "dtype is 'float64', and the model in memory has float32",
        ),
        ({"model": module, "device": "cuda:3"}, SettingError, "device is 'cuda:3'"),
        ({"model": module, "attention": "eager"}, ModelError, "attention is its own"),
        ({"model": module, "adapter": "x"}, ModelError, "merge the adapter into it yourself"),
        ({"model": module}, EdgewiseError, "tokenizer"),
        ({"model": trained, "tokenizer": tokenizer}, ModelError, "training mode"),
        ({"model": torch.nn.Linear(2, 2), "tokenizer": tokenizer}, ModelError, "Linear"),
        ({"model": torch.nn.Identity()}, SettingError, "model is a Identity without weights"),
        ({"model": module, "tokenizer": "gpt2"}, SettingError, "tokenizer is str; give the loaded one"),
        ({"model": 3}, SettingError, "model is int; give a name, a folder, or a loaded model"),
        ({"model": stored, "tokenizer": tokenizer}, SettingError, "a named model brings its own"),
        ({"model": "memory:gone@123"}, ModelError, "is not here"),
    ]


def test_what_cannot_be_taken_is_refused_in_one_line(stored: Path, tmp_path: Path) -> None:
    for number, (given, error, said) in enumerate(refused(stored)):
        with pytest.raises(error, match=said) as found:
            edgewise.discover(out=tmp_path / str(number), **(ASKED | given))
        assert "\n" not in str(found.value)


def test_a_run_of_a_named_model_takes_no_other(stored: Path, tmp_path: Path) -> None:
    run = edgewise.discover(model=stored, out=tmp_path / "run", **ASKED)
    with pytest.raises(RunError, match="a run names its own model"):
        edgewise.verify(run, model=loaded(stored)[0], edges=20, **QUIET)


def test_a_model_that_was_loaded_by_query_heads_stays_so(tmp_path: Path) -> None:
    model = edgewise.load_model(llama(), kv_heads="query")
    row = {"corrupted": [1, 4, 3], "answers": [5], "wrong_answers": [6]}
    (tmp_path / "ids.jsonl").write_text("\n".join(json.dumps({"clean": [1, n, 3], **row}) for n in (2, 7, 8)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgewiseWarning)
        run = edgewise.discover(
            model=model, data=tmp_path / "ids.jsonl", method="eap", top=5, pictures=False, out=tmp_path / "run", **QUIET
        )
    assert run.config.kv_heads == "query"
    assert run.circuit.graph == model.graph
    assert not model.graph.spec.is_grouped


def test_neurons_of_a_model_in_memory(stored: Path, tmp_path: Path) -> None:
    module, tokenizer = loaded(stored)
    asked: dict[str, Any] = {"task": "planted", "n": 4, "method": "eap", "progress": False}
    run = edgewise.discover_neurons(model=module, tokenizer=tokenizer, out=tmp_path / "run", **asked)
    named = edgewise.discover_neurons(model=stored, out=tmp_path / "name", **asked)
    np.testing.assert_array_equal(run.scores.values, named.scores.values)
