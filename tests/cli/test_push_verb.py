"""`edgewise push` and `--circuit hub:REPO`, on a hub of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import edgewise
from cli.conftest import Cli
from edgewise.runs.store.folder import load_run
from fake_hub import FakeHub

PLANTED = ("--model", "planted:0", "--task", "planted", "--n", 8)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgewise.cli.main import run

    out = tmp_path_factory.mktemp("push") / "run"
    assert run([*map(str, ("discover", *PLANTED, "--top", 16, "--no-pictures", "--out", out))]) == 0
    return out


@pytest.fixture
def hub(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    found = FakeHub()
    found.put_in_force(monkeypatch)
    yield found
    found.close()


def test_a_run_goes_to_the_hub_and_its_circuit_comes_back(hub: FakeHub, cli: Cli, run_folder: Path) -> None:
    pushed = cli("push", run_folder, "me/ioi-circuit", "--private")
    assert pushed.code == 0, pushed.err
    files = hub.repositories["me/ioi-circuit"]
    assert set(files) == {"README.md", "run.json", "scores.safetensors", "circuit.json", "faithfulness.json"}
    assert hub.private == {"me/ioi-circuit"}
    for name in set(files) - {"README.md"}:
        assert files[name] == (run_folder / name).read_bytes()
    circuit, scores = edgewise.read_circuit("hub:me/ioi-circuit")
    run = load_run(run_folder)
    assert circuit == run.circuit
    assert scores is not None
    assert dict(scores.items()) == pytest.approx(dict(run.scores.items()), rel=1e-6)
    numbers = []
    for place in ("hub:me/ioi-circuit", "hub:me/ioi-circuit@v1", run_folder / "circuit.json"):
        said = cli("evaluate", "--circuit", place, *PLANTED, "--random", 0, "--no-curve", "--json")
        assert said.code == 0, said.err
        numbers.append(json.loads(said.out)["circuit"])
    assert numbers[0] == numbers[1] == numbers[2]


def test_the_card_says_what_the_run_says(hub: FakeHub, cli: Cli, run_folder: Path) -> None:
    assert cli("push", run_folder, "me/circuit").code == 0
    text, run = hub.repositories["me/circuit"]["README.md"].decode(), load_run(run_folder)
    _, head, body = text.split("---\n", 2)
    assert yaml.safe_load(head)["library_name"] == "edgewise"
    assert "base_model" not in yaml.safe_load(head)  # planted models are on no hub
    assert f"16 of {run.circuit.graph.n_edges} edges" in body
    assert run.record.prompts.fingerprint in body
    assert run.evaluated is not None
    kept, stderr = run.evaluated.faithfulness, run.evaluated.faithfulness_stderr
    assert f"{kept:.4f} ± {stderr:.4f}" in body
    assert f"{run.record.metric.clean:.4f} ± {run.record.metric.clean_stderr:.4f}" in body
    assert "edgewise evaluate --circuit hub:me/circuit --model planted:0 --task planted" in body


def test_what_is_wrong_is_said_in_one_line(
    hub: FakeHub, cli: Cli, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*words: object) -> str:
        result = cli(*words)
        assert (result.code, len(result.err.strip().splitlines())) == (2, 1), result.err
        return result.err

    evaluate = ("evaluate", *PLANTED, "--circuit")
    assert "hub:me/none: there is no such repository" in refused(*evaluate, "hub:me/none")
    hub.repositories["me/empty"] = {}
    assert "has no such file; `edgewise push`" in refused(*evaluate, "hub:me/empty")
    assert "has no such revision" in refused(*evaluate, "hub:me/empty@v9")
    assert "not hub:OWNER/NAME" in refused(*evaluate, "hub:empty")
    assert "write OWNER/NAME" in refused("push", run_folder, "a/b/c")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "the hub refuses the token; log in with `hf auth login`" in refused("push", run_folder, "me/x")
    monkeypatch.delenv("HF_TOKEN")
    assert "log in with `hf auth login`" in refused("push", run_folder, "me/x")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "the hub cannot be reached; check the network" in refused("push", run_folder, "me/x")
    assert "the hub cannot be reached; check the network" in refused(*evaluate, "hub:me/other")
