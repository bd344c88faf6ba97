"""What a model reads is known before its weights are: all that prompts need, and the same as afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgewise.errors import DataError, ModelError, UnsupportedModelError
from edgewise.models import load_model, open_model
from edgewise.runs.config import RunConfig
from edgewise.runs.setup import prepare
from edgewise.runs.steps import Steps
from stored import id_rows, save_text_model, write_rows
from tiny_gguf import TOKENS, module_of, write
from tiny_lens import checkpoint, hub


@pytest.mark.parametrize("name", ["demo", "planted:3", "compiled:induction"])
def test_what_is_read_before_the_weights_is_so_afterwards(name: str) -> None:
    opened = open_model(name)
    model = opened.load()
    for read in (opened.reader, model.reader, load_model(name).reader):
        assert (read.vocab_size, read.output_size) == (model.vocab_size, model.output_size)
        assert (read.max_positions, read.bos) == (model.max_positions, model.bos)
        assert read.tokenizer.get_vocab() == model.tokenizer.get_vocab()
    assert opened.reader.tokenizer is model.tokenizer


def test_bad_data_are_refused_before_weights_are_read(tmp_path: Path) -> None:
    """The weights of the folder are none: nobody has looked at them."""
    folder = save_text_model(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"no weights")
    data = write_rows(tmp_path / "rows.jsonl", [{**row, "answers": []} for row in id_rows(3)])
    said: list[str] = []
    steps = Steps(lambda progress: said.append(progress.step))
    with pytest.raises(DataError, match="3 of 3 rows cannot be used"):
        prepare(RunConfig(model=str(folder), data=str(data)), None, steps)
    assert said == [f"reading the config and the tokenizer of {folder}", "preparing prompts"]
    good = write_rows(tmp_path / "good.jsonl", id_rows(3))
    with pytest.raises(ModelError, match="cut off or damaged"):
        prepare(RunConfig(model=str(folder), data=str(good)), None, steps)
    assert said[-1] == f"loading {folder}"


def test_a_gguf_files_tokenizer_and_sizes_need_no_weights(tmp_path: Path) -> None:
    module = module_of("LlamaForCausalLM")
    path = write(tmp_path / "model.gguf", module, without=["blk.0.attn_q.weight"])
    opened = open_model(path)
    assert len(opened.reader.tokenizer) == len(TOKENS)
    assert opened.reader.vocab_size == module.config.vocab_size
    assert opened.reader.max_positions == module.config.max_position_embeddings
    with pytest.raises(ModelError):
        opened.load()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "gguf"])
def test_prompts_are_read_without_the_code_of_models(kind: str, tmp_path: Path) -> None:
    """It takes longer to import than prompts to check."""
    if kind == "folder":
        path = save_text_model(tmp_path / "model")
    else:
        path = write(tmp_path / "model.gguf", module_of("Gemma3ForCausalLM"))
    code = (
        "import sys; from edgewise.runs.discover import discover; from edgewise.models import open_model\n"
        "opened = open_model(sys.argv[1]); print(opened.reader.tokenizer('to').input_ids)\n"
        "heavy = {'transformers.modeling_utils', 'transformers.activations', 'scipy', 'matplotlib', 'peft'}\n"
        "print(sorted(heavy & set(sys.modules))); opened.load()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    ids, heavy = done.stdout.splitlines()
    assert ids != "[]"
    assert heavy == "[]"


def test_an_attribute_that_is_not_understood_is_told_after_the_data(tmp_path: Path) -> None:
    folder = save_text_model(tmp_path / "model")
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"add_cross_attention": True}))
    bad = write_rows(tmp_path / "rows.jsonl", [{**row, "answers": []} for row in id_rows(3)])
    with pytest.raises(DataError):
        prepare(RunConfig(model=str(folder), data=str(bad)), None, Steps(print))
    good = write_rows(tmp_path / "good.jsonl", id_rows(3))
    with pytest.raises(UnsupportedModelError, match="add_cross_attention"):
        prepare(RunConfig(model=str(folder), data=str(good)), None, Steps(print))


def test_an_architecture_that_is_not_supported_is_told_before_the_data(tmp_path: Path) -> None:
    folder = save_text_model(tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "mamba", "architectures": ["MambaForCausalLM"]}))
    with pytest.raises(UnsupportedModelError, match="'MambaForCausalLM' is not supported"):
        open_model(folder)


def test_a_lens_checkpoints_sizes_need_no_weights(tmp_path: Path) -> None:
    path = checkpoint(hub()).write(tmp_path)
    opened = open_model(path)
    weights = path if path.is_file() else next(path.glob("*.pth"))
    weights.write_bytes(b"no weights")
    config = hub()
    assert (opened.reader.vocab_size, opened.reader.max_positions) == (config["d_vocab"], config["n_ctx"])
    with pytest.raises(ModelError):
        opened.load()
