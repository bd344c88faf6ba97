"""What was made with some files is not gone on from with others: verify, evaluate and a stopped run say which."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import tiny
from edgewise.errors import ModelError, RunConflictError, RunError
from edgewise.runs import setup as preparing
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.sweep import sweep
from edgewise.runs.discover import discover
from edgewise.runs.evaluate import evaluate
from edgewise.runs.evaluated_circuit import circuit_of_run
from edgewise.runs.identity import identity, model_identity, model_parts
from edgewise.runs.store.folder import load_run
from edgewise.runs.verify import verify
from edgewise.settings.evaluation import EvaluationRequest
from models.test_files import litter
from runs.test_resume import Stopped, stop_after
from stored import contents, save_model, save_text_model

pytestmark = pytest.mark.slow

CODE = "from transformers import GPT2LMHeadModel as Known\nfrom .scale import ONE\n\n\nclass GPT2LMHeadModel(Known):\n"
CODE += "    one = ONE\n"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code of a checkpoint is copied before it runs: into a folder of this test."""
    place = str(tmp_path / "modules")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", place)
    monkeypatch.syspath_prepend(place)


def with_code(folder: Path) -> Path:
    save_text_model(folder)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_own.GPT2LMHeadModel"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_own.py").write_text(CODE)
    (folder / "scale.py").write_text("ONE = 1\n")
    return folder


def sharded(folder: Path) -> Path:
    tiny.gpt2().save_pretrained(folder, max_shard_size="40KB")
    return folder


def a_weight(path: Path) -> None:
    """Change one byte in the middle, and set size and time back."""
    before, raw = path.stat(), bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def a_space(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


CHANGES: dict[str, tuple[Callable[[Path], Path], str, Callable[[Path], None]]] = {
    "a weight": (with_code, "model.safetensors", a_weight),
    "the config": (with_code, "config.json", a_space),
    "the tokenizer": (with_code, "tokenizer.json", a_space),
    "code": (with_code, "modeling_own.py", a_space),
    "code that code imports": (with_code, "scale.py", a_space),
    "a shard": (sharded, "model-00002-of-", a_weight),
    "the index": (sharded, "model.safetensors.index.json", a_space),
}


@pytest.fixture
def stopped(tmp_path: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> Callable[[RunConfig], Path]:
    """Begins a run and lets it stop after four prompts."""

    def begin(asked: RunConfig) -> Path:
        with monkeypatch.context() as short:
            stop_after(4, short, Stopped())
            with pytest.raises(Stopped):
                discover(asked, tmp_path / "stopped")
        return tmp_path / "stopped"

    return begin


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("change", CHANGES)
def test_another_file_is_refused_and_named(
    config: RunConfig, tmp_path: Path, stopped: Callable[[RunConfig], Path], change: str
) -> None:
    make, name, alter = CHANGES[change]
    model = make(tmp_path / "model")
    asked = replace(config, model=str(model), trust_remote_code=make is with_code)
    folder = tmp_path / "run"
    discover(asked, folder)
    begun = stopped(asked)
    before = contents(folder), contents(begun)
    (path,) = model.glob(f"{name}*")
    alter(path)
    for go_on in (
        lambda: verify(folder, edges=30, trust_remote_code=True),
        lambda: evaluate(circuit_of_run(folder, {"trust_remote_code": True}), EvaluationRequest(curve=False), folder),
        lambda: discover(asked, folder),
        lambda: discover(asked, begun),
    ):
        with pytest.raises(
            RunConflictError, match=f"the files behind model have changed: {path.name} differs[;)]"
        ) as e:
            go_on()
        assert "\n" not in str(e.value)
    assert (contents(folder), contents(begun)) == before


def test_what_is_not_read_does_not_count(
    config: RunConfig, tmp_path: Path, stopped: Callable[[RunConfig], Path]
) -> None:
    model = save_text_model(tmp_path / "model")
    asked = replace(config, model=str(model))
    folder = tmp_path / "run"
    found = discover(asked, folder)
    begun = stopped(asked)
    litter(model)
    assert discover(asked, folder).reused
    assert not verify(folder, edges=30).reused
    assert not evaluate(circuit_of_run(folder, {}), EvaluationRequest(curve=False), folder).reused
    assert (
        discover(asked, begun).scores.values[found.scores.graph.mask] == found.scores.values[found.scores.graph.mask]
    ).all()


def test_weights_that_come_first_are_named(config: RunConfig, tmp_path: Path) -> None:
    import torch

    model = save_model(tmp_path / "model")
    torch.save(tiny.gpt2().state_dict(), model / "pytorch_model.bin")
    whole = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").unlink()
    asked = replace(config, model=str(model))
    discover(asked, tmp_path / "run")
    (model / "model.safetensors").write_bytes(whole)
    said = "changed: model.safetensors is read too, pytorch_model.bin is no longer read"
    with pytest.raises(RunConflictError, match=said):
        verify(tmp_path / "run", edges=30)


def test_many_files_are_counted(config: RunConfig, tmp_path: Path) -> None:
    model = sharded(tmp_path / "model")
    asked = replace(config, model=str(model))
    discover(asked, tmp_path / "run")
    shards = sorted(model.glob("model-*.safetensors"))
    for path in shards:
        a_weight(path)
    said = f"{shards[0].name} differs, {shards[1].name} differs, {shards[2].name} differs, {len(shards) - 3} more"
    with pytest.raises(RunConflictError, match=said):
        verify(tmp_path / "run", edges=30)


def test_a_model_that_changes_while_it_is_loaded_is_refused(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a hub model does, of which loading fetches a newer commit."""
    model = save_model(tmp_path / "model")
    asked = replace(config, model=str(model))
    discover(asked, tmp_path / "run")
    real = preparing.open_model

    def load(*args: object, **kwargs: object) -> object:
        save_model(model, tiny.gpt2(seed=1))
        return real(*args, **kwargs)

    monkeypatch.setattr(preparing, "open_model", load)
    for go_on in (
        lambda: verify(tmp_path / "run", edges=30),
        lambda: evaluate(circuit_of_run(tmp_path / "run", {}), EvaluationRequest(curve=False), tmp_path / "run"),
    ):
        save_model(model)
        with pytest.raises(RunConflictError, match=r"model.safetensors differs while .*; start the same command again"):
            go_on()
    assert not list((tmp_path / "run").glob("verif*.json"))


def test_a_stopped_sweep_is_not_begun_anew_on_other_files(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgewise.runs import resume

    model = save_model(tmp_path / "model")
    method = {"model": str(model), "method": "acdc", "n": 3}
    asked = {f"tau-{tau}": replace(config, **method, settings={"tau": tau}) for tau in (0.5, 1.0)}
    stored: list[bool] = []

    class Once:
        def __init__(self, save: Callable[[object], None]) -> None:
            self.save = save

        def offer(self, state: object) -> None:
            self.save(state)
            stored.append(True)
            raise Stopped

    with monkeypatch.context() as short:
        short.setattr(resume, "Saver", Once)
        with pytest.raises(Stopped):
            sweep(asked, tmp_path / "sweep")
    assert stored
    a_weight(model / "model.safetensors")
    with pytest.raises(RunConflictError, match=r"another unfinished sweep .*model.safetensors differs"):
        sweep(asked, tmp_path / "sweep")


def test_the_record_names_every_file_with_its_sha256(config: RunConfig, tmp_path: Path) -> None:
    model = save_text_model(tmp_path / "model")
    run = discover(replace(config, model=str(model)), tmp_path / "run")
    names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    expected = {f"model/{name}": hashlib.sha256((model / name).read_bytes()).hexdigest() for name in names}
    found = dict(load_run(tmp_path / "run").record.identity)
    assert {name: digest for name, digest in found.items() if "/" in name} == expected
    assert found["model"] == run.record.identity["model"] not in (None, *expected.values())


def model_digest(name: str, **more: str) -> str | None:
    """Fingerprint of all that a run's model is read from."""
    return model_identity(RunConfig(name, task="ioi", **more))["model"]


def test_a_copy_is_the_same_model_and_another_adapter_is_not(tmp_path: Path) -> None:
    one, two = (str(save_model(tmp_path / name)) for name in "ab")
    assert model_digest(one) == model_digest(two)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "README.md"):
        (adapter / name).write_bytes(name.encode())
    merged = model_digest(one, adapter=str(adapter))
    assert merged not in (None, model_digest(one))
    assert set(model_parts(one, adapter=str(adapter))) - set(model_parts(one)) == {
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
    }
    (adapter / "README.md").write_bytes(b"other words")
    assert model_digest(one, adapter=str(adapter)) == merged
    a_weight(adapter / "adapter_model.safetensors")
    assert model_digest(one, adapter=str(adapter)) != merged
    assert model_digest(one, adapter="no/adapter-here") is None


def test_a_gguf_file_is_its_own_digest(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    (tmp_path / "b.gguf").write_bytes(b"others")
    expected = hashlib.sha256(b"GGUF").hexdigest()
    assert model_digest(str(tmp_path / "a.gguf")) == model_digest(str(tmp_path), gguf_file="a.gguf") == expected


def test_a_model_whose_files_cannot_be_named_is_said(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.models.files.local", lambda _: None)
    assert identity(config)["model"] is None
    run = discover(config, tmp_path / "run")
    assert [line for line in run.record.warnings if "neither its files nor its commit" in line]
    monkeypatch.undo()
    assert not [line for line in discover(config, tmp_path / "other").record.warnings if "nor its commit" in line]


def test_a_hub_model_is_the_commit_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commit = "c0ffee" + "0" * 34
    for repository, file in (
        ("one/model", "config.json"),
        ("two/quantised", "q4.gguf"),
        ("three/lora", "adapter_config.json"),
    ):
        place = tmp_path / f"models--{repository.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text(commit)
        (place / "snapshots" / commit).mkdir(parents=True)
        (place / "snapshots" / commit / file).write_text("{}")
    assert model_digest("one/model") == commit
    assert model_digest("two/quantised") is None  # that a file of it is meant, the name does not say
    assert model_digest("two/quantised", gguf_file="q4.gguf") == commit
    assert model_parts("one/model", adapter="three/lora") == {"commit": commit, "adapter/commit": commit}
    assert model_digest("not/here") is None


@pytest.mark.usefixtures("modules")
def test_no_file_says_that_its_code_may_run(config: RunConfig, tmp_path: Path) -> None:
    """A stranger's run.json asks for the code of the folder beside it: nothing of it runs until the user says so."""
    model, folder, ran = with_code(tmp_path / "model"), tmp_path / "run", tmp_path / "ran"
    discover(replace(config, model=str(model)), folder)
    record = json.loads((folder / "run.json").read_text())
    record["config"]["trust_remote_code"] = True
    (folder / "run.json").write_text(json.dumps(record))
    (model / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    before = contents(folder)
    for go_on in (lambda: circuit_of_run(folder, {}), lambda: verify(folder, edges=30)):
        with pytest.raises(RunError, match="look at that code, and add --trust-remote-code"):
            go_on()
        assert not ran.exists()
    assert contents(folder) == before


def test_a_kernel_of_the_hub_is_code_too(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"kernel of the hub, which is code.*--trust-remote-code"):
        discover(replace(config, attention="some/kernel"), tmp_path / "run")
