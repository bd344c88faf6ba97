"""What a user gets wrong: exit code 2, one line on stderr that names the place and the fix, no traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import tiny
from stored import contents, id_rows, save_model, write_rows

if TYPE_CHECKING:
    from cli.conftest import Cli, Result

ROW = {"clean": [1, 2, 3], "corrupted": [1, 5, 3], "answers": [7], "wrong_answers": [9]}
TEXT = {"clean": "Then Mary gave it to", "corrupted": "Then Anna gave it to", "answers": " Mary"}
TEXT_ROW = TEXT | {"wrong_answers": " Anna"}


def refused(result: Result, *parts: str) -> None:
    """One line on stderr that holds all parts, nothing on stdout."""
    assert result.code == 2, result
    assert result.out == ""
    assert result.err.count("\n") == 1, result.err
    assert result.err.startswith("edgewise: error: ")
    assert "Traceback" not in result.err
    for part in parts:
        assert part in result.err


def without(row: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != field}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--model", "gtp2", "--task", "ioi"], ["unknown model 'gtp2'", "did you mean 'gpt2'?"]),
        (["--task", "iio"], ["unknown task 'iio'", "did you mean 'ioi'?", "Known tasks: ioi"]),
        (["--task", "ioi", "--metric", "logit-dif"], ["unknown metric", "did you mean 'logit-diff'?"]),
        (["--task", "ioi", "--method", "epa"], ["unknown method 'epa'", "did you mean 'eap'?"]),
        (["--task", "ioi", "--by", "absolute"], ["--by is 'absolute'", "use one of abs"]),
        (["--task", "ioi", "--level", "edges"], ["--level is 'edges'", "did you mean 'edge'?"]),
        (["--task", "ioi", "--dtype", "float46"], ["'float46'", "float64"]),
        (["--task", "ioi", "--device", "gpu"], ["device 'gpu'", "use auto, cpu, cuda"]),
        (["--model", "./none", "--task", "ioi"], ["'./none'", "no such folder"]),
        ([], ["--task and --data"]),
        (["--task", "ioi", "--data", "a.csv"], ["exactly one of --task and --data"]),
        (["--task", "ioi", "--top", "3", "--threshold", "1"], ["give one of --top, --threshold, --fraction"]),
        (["--task", "ioi", "--option", "abba"], ["'abba' is not name=value"]),
        (["--task", "ioi", "--n", "0"], ["n is 0; give at least 1"]),
        (["--task", "ioi", "--top", "many"], ["--top is 'many'; give a whole number", "edgewise discover --help"]),
        (["--task", "ioi", "--n", "3.5"], ["--n is '3.5'; give a whole number"]),
        (["--task", "ioi", "--fraction=1%"], ["--fraction is '1%'; give a number"]),
        (["--task", ""], ["an empty word is given after --task"]),
        (["--tops", "3"], ["No such option: --tops", "edgewise discover --help"]),
        (["--modle", "demo"], ["No such option: --modle; did you mean '--model'? see `edgewise discover --help`"]),
        (["--xyzzy", "3"], ["No such option: --xyzzy; see `edgewise discover --help`"]),
    ],
)
def test_arguments(cli: Cli, model: Path, tmp_path: Path, arguments: list[str], parts: list[str]) -> None:
    given = arguments if "--model" in arguments else ["--model", str(model), *arguments]
    refused(cli("discover", *given, "--out", tmp_path / "run"), *parts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["discovr", "--task", "ioi"], ["No such command 'discovr'; did you mean 'discover'? see `edgewise --help`"]),
        (["frob"], ["No such command 'frob'; see `edgewise --help`"]),
        (["discover", "--task", "ioi", "--out", "x"], ["Missing option '--model'"]),
        (["discover", "--task", "ioi", "--model", "demo"], ["Missing option '--out'"]),
        (["show", "runs/demo", "--rows", "0"], ["--rows is '0'; give at least 1", "edgewise show --help"]),
        (["select", "", "--out", "x.json"], ["an empty word is given after select"]),
        (["discover", "--model", "demo", "--task", "ioi", "--out", ""], ["an empty word is given after --out"]),
        (["show"], ["Missing argument 'DIR'", "edgewise show --help"]),
        (["show", "nowhere"], ["nowhere: no such run folder", "--out"]),
        (["list", "model"], ["'model'", "did you mean 'models'?"]),
        (["shwo"], ["'shwo'", "edgewise --help"]),
        (["check", "./nowhere"], ["'./nowhere'", "no such folder"]),
    ],
)
def test_verbs(cli: Cli, arguments: list[str], parts: list[str]) -> None:
    refused(cli(*arguments), *parts)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([ROW, without(ROW, "corrupted")], ["row 2", "corrupted", "missing"]),
        ([without(ROW, "answers")], ["missing field 'answers'"]),
        ([ROW, ROW | {"corrupted": [1, 5]}], ["row 2", "corrupted", "2 tokens where clean has 3", "--drop"]),
        ([ROW | {"wrong_answers": [7]}], ["row 1", "wrong_answers", "7"]),
        ([ROW, ROW, ROW | {"clean": [1, 50, 3]}], ["row 3", "clean", "50", "vocabulary"]),
        ([ROW | {"answers": [-1]}], ["row 1", "answers", "-1", "vocabulary"]),
        ([ROW | {"clean": [1] * 25, "corrupted": [2] * 25}], ["row 1", "25 tokens", "context of 24"]),
        ([ROW | {"positions": [3]}], ["row 1", "positions", "3"]),
        ([without(ROW, "wrong_answers") | {"wrong_answers": []}], ["wrong_answers", "row 1", "log-prob"]),
        ([TEXT_ROW], ["row 1", "clean", "no tokenizer", "token ids"]),
    ],
)
def test_rows_of_ids(cli: Cli, model: Path, tmp_path: Path, rows: list[Any], parts: list[str]) -> None:
    data = write_rows(tmp_path / "rows.jsonl", rows)
    refused(cli("discover", "--model", model, "--data", data, "--out", tmp_path / "run"), *parts)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        (TEXT | {"answers": " Mary went"}, ["row 1", "answers", "2 tokens"]),
        (TEXT_ROW | {"wrong_answers": " Mary"}, ["row 1", "wrong_answers"]),
        (TEXT_ROW | {"corrupted": "Then Anna went and gave it to"}, ["row 1", "corrupted", "tokens where"]),
    ],
)
def test_rows_of_text(cli: Cli, text_model: Path, tmp_path: Path, row: dict[str, Any], parts: list[str]) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [row])
    refused(cli("discover", "--model", text_model, "--data", data, "--out", tmp_path / "run"), *parts)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("none.csv", None, ["none.csv", "cannot be read", "--data"]),
        ("empty.csv", b"", ["empty.csv"]),
        ("empty.jsonl", b"", ["empty.jsonl"]),
        ("empty.parquet", b"", ["empty.parquet"]),
        ("header.csv", b"clean,corrupted,answers,wrong_answers\n", ["header.csv"]),
        ("binary.csv", b"\xff\xfe\x00\x80" * 8, ["binary.csv"]),
        ("broken.jsonl", b'{"clean": [1, 2\n', ["broken.jsonl", "1"]),
        ("rows.xlsx", b"PK", ["rows.xlsx"]),
    ],
)
def test_data_files(cli: Cli, model: Path, tmp_path: Path, name: str, content: bytes | None, parts: list[str]) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(cli("discover", "--model", model, "--data", tmp_path / name, "--out", tmp_path / "run"), *parts)


def test_a_folder_as_data(cli: Cli, model: Path, tmp_path: Path) -> None:
    refused(cli("discover", "--model", model, "--data", tmp_path, "--out", tmp_path / "run"), str(tmp_path))


def test_a_folder_without_weights(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((model / "config.json").read_text())
    result = cli("discover", "--model", tmp_path, "--data", data, "--out", tmp_path / "run")
    refused(result, str(tmp_path), "no weights", "safetensors")


def test_a_folder_without_config(cli: Cli, data: Path, tmp_path: Path) -> None:
    result = cli("discover", "--model", tmp_path, "--data", data, "--out", tmp_path / "run")
    refused(result, str(tmp_path), "config.json")


def test_cut_weights(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    refused(cli("discover", "--model", tmp_path, "--data", data, "--out", tmp_path / "run"), str(tmp_path))


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"architectures": ["MambaForCausalLM"], "model_type": "mamba"}, ["MambaForCausalLM", "GPT2LMHeadModel"]),
        ({"architectures": ["GPT2ForSequenceClassification"]}, ["GPT2ForSequenceClassification", "GPT2LMHeadModel"]),
        ({"architectures": "GPT2LMHeadModel"}, ["architectures", "list"]),
        ({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}, ["T5ForConditionalGeneration", "t5"]),
        ({"model_type": "gpt9"}, ["model_type", "gpt9"]),
        ({"model_type": None, "architectures": None}, ["model_type is missing"]),
        ({"activation_function": "swiglu"}, ["activation_function", "'swiglu'", "silu"]),
        ({"n_embd": "32"}, ["n_embd", "int"]),
        ({"sliding_window": 3, "text_config": {}}, ["--ignore-config sliding_window --ignore-config text_config"]),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, ["GPTQ", "pip install"]),
    ],
)
def test_an_unsupported_architecture(
    cli: Cli, model: Path, data: Path, tmp_path: Path, change: dict[str, Any], parts: list[str]
) -> None:
    config = json.loads((model / "config.json").read_text()) | change
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(config))
    refused(cli("discover", "--model", tmp_path, "--data", data, "--out", tmp_path / "run"), *parts)


def test_text_for_a_model_without_tokenizer(cli: Cli, model: Path, tmp_path: Path) -> None:
    result = cli("discover", "--model", model, "--task", "ioi", "--out", tmp_path / "run")
    refused(result, "'ioi'", "no tokenizer", "token ids")


def test_bos_without_tokenizer(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    result = cli("discover", "--model", model, "--data", data, "--bos", "--out", tmp_path / "run")
    refused(result, "BOS", "no tokenizer")


def test_nan_weights(cli: Cli, data: Path, tmp_path: Path) -> None:
    module = tiny.gpt2()
    with torch.no_grad():
        module.transformer.h[0].attn.c_proj.weight[3, 3] = float("nan")
    broken = save_model(tmp_path / "nan", module)
    refused(cli("discover", "--model", broken, "--data", data, "--out", tmp_path / "run"), "nan", "weights")
    assert not (tmp_path / "run").exists()


def test_infinite_scores(cli: Cli, data: Path, tmp_path: Path) -> None:
    module = tiny.gpt2()
    with torch.no_grad():
        module.transformer.ln_f.bias[0] = float("inf")
    broken = save_model(tmp_path / "inf", module)
    refused(cli("discover", "--model", broken, "--data", data, "--no-pictures", "--out", tmp_path / "run"))


def test_kl_has_no_gradient_at_the_clean_run(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    command = ("discover", "--model", model, "--data", data, "--method", "eap", "--metric", "kl")
    result = cli(*command, "--out", tmp_path / "run")
    refused(result, "'kl'", "gradient", "logit-diff")


def test_accuracy_has_no_gradient(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    refused(cli("discover", "--model", model, "--data", data, "--metric", "accuracy", "--out", out), "gradient")


def test_a_metric_that_is_saturated(cli: Cli, tmp_path: Path) -> None:
    """Probabilities of 0 and 1 exactly: softmax is flat, and the gradient below 1e-6."""
    module = tiny.gpt2(tie_word_embeddings=False)
    with torch.no_grad():
        module.lm_head.weight.mul_(1e6)
    sure = save_model(tmp_path / "sure", module)
    data = write_rows(tmp_path / "rows.jsonl", id_rows(3))
    result = cli("discover", "--model", sure, "--data", data, "--metric", "prob-diff", "--out", tmp_path / "run")
    refused(result, "'prob-diff'", "1e-06", "use logit-diff")


def test_more_edges_than_there_are(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    result = cli("discover", "--model", model, "--data", data, "--top", 263, "--out", tmp_path / "run")
    refused(result, "--top is 263", "262 edges", "at most 262")


def test_a_folder_that_holds_another_run(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    command = ["discover", "--model", model, "--data", data, "--no-pictures", "--out", tmp_path / "run"]
    assert cli(*command).code == 0
    before = contents(tmp_path / "run")
    refused(cli(*command, "--seed", 3), "holds another run", "seed is 0 there, 3 here", "--overwrite")
    assert contents(tmp_path / "run") == before


def test_a_file_where_the_run_should_go(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    result = cli("discover", "--model", model, "--data", data, "--out", tmp_path / "run")
    refused(result, "a file of that name exists", "choose another folder")


def test_out_of_memory(cli: Cli, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore lines")

    monkeypatch.setattr("edgewise.attribution.loop._step", exhausted)
    result = cli("discover", "--model", model, "--data", data, "--out", tmp_path / "run")
    refused(result, "out of memory", "shorter prompts or more memory")


def test_invalid_rows_are_dropped_and_counted_on_request(cli: Cli, model: Path, tmp_path: Path) -> None:
    rows = [ROW, ROW | {"corrupted": [1, 5]}, ROW | {"clean": [1, 99, 3]}, ROW]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    command = ["discover", "--model", model, "--data", data, "--drop-invalid", "--out", tmp_path / "run"]
    result = cli(*command, "--json", "--no-pictures")
    assert result.code == 0
    said = json.loads(result.out)["run"]["prompts"]
    assert (said["n"], said["dropped"]) == (2, 2)
    assert "row 2" in result.err
    assert "row 3" in result.err


def test_prompts_that_are_all_equal_are_refused(cli: Cli, model: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [ROW | {"corrupted": ROW["clean"]}] * 3)
    result = cli("discover", "--model", model, "--data", data, "--no-pictures", "--out", tmp_path / "run")
    assert result.code == 2
    assert "rows.jsonl: clean and corrupted are the same tokens in all 3 rows" in result.err


def test_equal_prompts_are_warned_of_by_row(cli: Cli, model: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [ROW, ROW | {"corrupted": ROW["clean"]}, ROW])
    result = cli("discover", "--model", model, "--data", data, "--no-pictures", "--out", tmp_path / "run")
    assert result.code == 0
    first, behaviour = result.err.splitlines()
    assert first.startswith("edgewise: warning: ")
    assert "row 2" in first
    assert "clean and corrupted are the same" in first
    assert "better on clean prompts" in behaviour  # of a random model
