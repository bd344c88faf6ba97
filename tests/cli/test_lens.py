"""Checkpoints in TransformerLens's format on the command line: what works, what is refused, what makes another run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from stored import contents, id_rows, write_rows
from tasks.small_tokenizers import word_tokenizer
from tiny_lens import CONFIGS, LensCheckpoint, checkpoint, dump, hub

if TYPE_CHECKING:
    from cli.conftest import Cli, Result

pytestmark = pytest.mark.slow

QUIET = ("--json", "--no-pictures")


def refused(result: Result, *parts: str) -> None:
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result
    assert result.err.startswith("edgewise: error: ")
    assert all(part in result.err for part in parts), result.err


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_invariant_holds(cli: Cli, tmp_path: Path, name: str, dtype: str) -> None:
    result = cli("check", checkpoint(CONFIGS[name]).write(tmp_path), "--dtype", dtype)
    assert result.code == 0, result.out
    assert "FAIL" not in result.out
    assert ("ranks edges as float32" in result.out) == (dtype == "bfloat16")
    assert ("EAP = exact slope, into logits" in result.out) == (dtype != "bfloat16")


def test_discover_in_a_folder(cli: Cli, tmp_path: Path) -> None:
    model, data = checkpoint(hub(attn_only=True)).write(tmp_path / "m"), write_rows(tmp_path / "x.jsonl", id_rows())
    result = cli("discover", "--model", model, "--data", data, "--out", tmp_path / "run", "--top", 9, *QUIET)
    assert result.code == 0, result
    run = json.loads(result.out)["run"]
    assert (run["model"]["architecture"], run["prompts"]["bos"]) == ("LensTransformer", False)
    assert run["counts"]["circuit_edges"] == 9
    assert run["identity"]["config"] is None


def test_text_gets_the_models_own_bos(cli: Cli, tmp_path: Path) -> None:
    rows = [{"clean": "Mary went", "corrupted": "John went", "answers": " Mary", "wrong_answers": " John"}]
    data = write_rows(tmp_path / "x.jsonl", rows)

    def command(name: str, *more: object, bos_token: str | None = "<s>", **config: Any) -> Result:
        model = checkpoint(dump(**config)).write(tmp_path / name)
        word_tokenizer(**({"bos_token": bos_token} if bos_token else {})).save_pretrained(model)
        return cli("discover", "--model", model, "--data", data, "--out", tmp_path / f"{name} run", *QUIET, *more)

    def begins_with_bos(result: Result) -> bool:
        return bool(json.loads(result.out)["run"]["prompts"]["bos"])

    assert begins_with_bos(command("by default")) is True
    assert begins_with_bos(command("never", default_prepend_bos=False)) is False
    assert begins_with_bos(command("asked not to", "--no-bos")) is False
    assert begins_with_bos(command("asked to", "--bos", default_prepend_bos=False)) is True
    refused(command("has none", bos_token=None), "BOS was asked for", "use --no-bos")
    assert begins_with_bos(command("has none, and need not", "--no-bos", bos_token=None)) is False


@pytest.fixture
def split(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Weights in one folder, the config in another, and data."""
    weights = checkpoint(CONFIGS["lens-bidirectional-without-norms"]).write(tmp_path / "w", "weights.pth")
    (tmp_path / "c").mkdir()
    config = (weights / "config.json").rename(tmp_path / "c" / "cfg.json")
    return weights / "weights.pth", config, write_rows(tmp_path / "rows.jsonl", id_rows())


def test_a_weights_file_and_its_config(cli: Cli, tmp_path: Path, split: tuple[Path, Path, Path]) -> None:
    weights, config, data = split
    assert cli("check", weights, "--config", config).code == 0
    command = ["discover", "--model", weights, "--config", config, "--data", data, "--out", tmp_path / "run"]
    first = cli(*command, *QUIET)
    assert first.code == 0, first
    run = json.loads(first.out)["run"]
    assert run["config"]["config"] == str(config)
    assert len(run["identity"]["config"]) == len(run["identity"]["model"]) == 64
    assert json.loads(cli(*command, *QUIET).out)["reused"] is True


def test_another_config_or_other_weights_are_another_run(
    cli: Cli, tmp_path: Path, split: tuple[Path, Path, Path]
) -> None:
    weights, config, data = split
    command = ["discover", "--model", weights, "--data", data, "--no-pictures", "--out", tmp_path / "run"]
    assert cli(*command, "--config", config).code == 0
    before = contents(tmp_path / "run")
    copy = config.with_name("copy.json")
    copy.write_text(config.read_text())
    refused(cli(*command, "--config", copy), "holds another run", "config is", "--overwrite")
    text = config.read_text()
    config.write_text(json.dumps(json.loads(text) | {"attn_scale": 4.0}))
    refused(cli(*command, "--config", config), "holds another run", "the files behind config have changed")
    config.write_text(text)
    other = checkpoint(CONFIGS["lens-bidirectional-without-norms"], seed=1)
    torch.save(dict(other.tensors), weights)
    refused(cli(*command, "--config", config), "the files behind model have changed")
    assert contents(tmp_path / "run") == before


def test_an_interrupted_run_is_not_gone_on_from_when_its_config_has_changed(
    cli: Cli, tmp_path: Path, split: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, config, data = split
    from edgewise.attribution import loop

    step, calls = loop._step, []

    def stops(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return step(*arguments, **named)

    command = ["discover", "--model", weights, "--config", config, "--data", data, "--batch-size", 1, *QUIET]
    monkeypatch.setattr(loop, "_step", stops)
    assert cli(*command, "--out", tmp_path / "run").code == 130
    config.write_text(json.dumps(json.loads(config.read_text()) | {"attn_scale": 4.0}))
    said = "holds another unfinished run", "the files behind config have changed", "--overwrite"
    refused(cli(*command, "--out", tmp_path / "run"), *said)
    again = cli(*command, "--out", tmp_path / "run", "--overwrite")
    fresh = cli(*command, "--out", tmp_path / "fresh")
    assert json.loads(again.out)["edges"] == json.loads(fresh.out)["edges"]


class RunsCode:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def test_refusals(cli: Cli, tmp_path: Path) -> None:
    given = checkpoint(dump())
    tensors = dict(given.tensors)

    def check(name: str, config: dict[str, Any], weights: dict[str, Any], *parts: str) -> None:
        folder = LensCheckpoint(config, weights).write(tmp_path / name) if weights is tensors else tmp_path / name
        if weights is not tensors:
            folder.mkdir()
            (folder / "config.json").write_text(json.dumps(config))
            torch.save(weights, folder / "model_final.pth")
        refused(cli("check", folder), *parts)

    check("key", dump(sparse=1), tensors, "config.json: sparse is 1", "--ignore-config sparse")
    check("alibi", dump(positional_embedding_type="alibi"), tensors, "'alibi' is not supported", "rotary positions")
    check("both", dump(normalization=None), tensors, "normalization is None", "leave the wrong one out")
    check("code", dump(), {"embed.W_E": RunsCode()}, "could run code", "state_dict()")
    wrong = {**tensors, "embed.W_E": torch.ones(9, 32)}
    check("shape", dump(), wrong, "'embed.W_E' is [9, 32]", "[50, 32] (d_vocab, d_model)")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text(json.dumps(dump()))
    refused(cli("check", tmp_path / "bare"), "has no weights", "*final.pth")
    torch.save(tensors, tmp_path / "alone.pth")
    refused(cli("check", tmp_path / "alone.pth"), "no config.json beside them", "--config FILE.json")
    refused(cli("check", tmp_path / "alone.pth", "--config", tmp_path / "none.json"), "none.json", "No such file")
    data = write_rows(tmp_path / "rows.jsonl", id_rows())
    command = ["discover", "--model", tmp_path / "alone.pth", "--data", data, "--out", tmp_path / "run"]
    refused(cli(*command, "--config", tmp_path / "none.json"), "none.json", "No such file", "--config")
    refused(cli("check", "attn-only-4l"), "'attn-only-4l'", "'NeelNanda/Attn_Only_4L512W_C4_Code'", "network")


def test_the_names_are_listed(cli: Cli) -> None:
    said = cli("list", "models").out
    assert "attn-only-4l" in said
    assert "redwood_attn_2l" in said
    assert said.rstrip().endswith("And so does any checkpoint in TransformerLens's format.")
