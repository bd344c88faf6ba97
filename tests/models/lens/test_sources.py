"""Which files belong to what the user named: folders, single files, hub repositories with and without a network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

from edgewise.errors import EdgewiseError, ModelError, UnknownNameError, UnsupportedModelError
from edgewise.models import load_model
from edgewise.models.catalogue import KNOWN, LENS_MODELS
from edgewise.runs.config import RunConfig
from edgewise.runs.identity import model_identity
from tasks.small_tokenizers import word_tokenizer
from tiny_lens import LensCheckpoint, checkpoint, dump, hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "NeelNanda/Attn_Only_4L512W_C4_Code"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def given() -> LensCheckpoint:
    return checkpoint(hub(attn_only=True))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(cache: Path, repository: str, given: LensCheckpoint, weights: str = "model_final.pth") -> Path:
    """Store a checkpoint in a cache as if it had been fetched."""
    place = cache / f"models--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    return given.write(place / "snapshots" / COMMIT, weights)


def test_the_final_weights_are_preferred_to_other_files(given: LensCheckpoint, tmp_path: Path) -> None:
    folder = given.write(tmp_path)
    torch.save({"data": torch.ones(3)}, folder / "validation_data.pt")
    (folder / "model.safetensors").write_bytes(b"something else")
    assert load_model(folder).graph.n_edges == 3 * 4 * 3 + 3 * (4 * 3) * 4 + 13  # input, earlier heads, logits
    (folder / "model_final.pth").unlink()
    with pytest.raises(ModelError, match=r"model.safetensors' cannot be read"):
        load_model(folder)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a_final.pth", "b_final.pth"), r"2 files could be the weights \(a_final.pth, b_final.pth\); name one"),
        (("a.safetensors", "b.safetensors"), "2 files could be the weights"),
        (("a.pt", "b.pth"), "2 files could be the weights"),
        ((), r"has no weights \(\*final.pth"),
    ],
)
def test_weights_that_cannot_be_told_apart(
    given: LensCheckpoint, tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    folder = given.write(tmp_path, "x.bin")
    for name in names:
        shutil.copy(folder / "x.bin", folder / name)
    with pytest.raises(ModelError, match=message):
        load_model(folder)


def test_a_single_file_with_its_config_beside_it_or_elsewhere(given: LensCheckpoint, tmp_path: Path) -> None:
    folder = given.write(tmp_path / "here", "weights.pth", "cfg.json")
    with pytest.raises(ModelError, match=r"have no config.json beside them; say where it is: --config FILE.json"):
        load_model(folder / "weights.pth")
    elsewhere = load_model(folder / "weights.pth", config=folder / "cfg.json")
    shutil.copy(folder / "cfg.json", folder / "config.json")
    beside = load_model(folder / "weights.pth")
    assert elsewhere.graph.spec == beside.graph.spec
    assert elsewhere.name == str(folder / "weights.pth")


def test_a_config_that_is_given_stands_for_that_of_the_folder(given: LensCheckpoint, tmp_path: Path) -> None:
    folder = given.write(tmp_path / "here")
    (folder / "config.json").write_text("not JSON")
    (tmp_path / "cfg.json").write_text(json.dumps(given.config))
    assert load_model(folder, config=tmp_path / "cfg.json").config.n_layers == 3


@pytest.mark.parametrize(
    ("model", "config", "message"),
    [
        ("demo", "{folder}/config.json", r"--config goes with a weights file or a folder, and 'demo' is neither"),
        ("attn-only-4l", "{folder}/config.json", "and 'attn-only-4l' is neither"),
        ("{folder}/none.pth", "{folder}/config.json", "there is no such weights file; check the path"),
        ("{folder}/none.pth", None, "there is no such weights file; check the path"),
        ("{folder}", "{folder}/none.json", r"none.json' cannot be read \(No such file"),
        ("{folder}", "{folder}/hf.json", "is not in TransformerLens's format, which has d_model and n_layers"),
        ("{folder}", "{folder}/cfg.pkl", "is not in TransformerLens's format, which has d_model and n_layers"),
        ("{folder}/notes.txt", "{folder}/config.json", "weights are a file in .safetensors, .pth, .pt"),
        ("{folder}/notes.txt", None, "is a file; give the folder that holds config.json"),
    ],
)
def test_what_does_not_go_together(
    given: LensCheckpoint, tmp_path: Path, model: str, config: str | None, message: str
) -> None:
    folder = given.write(tmp_path)
    (folder / "hf.json").write_text(json.dumps({"model_type": "gpt2", "n_embd": 8}))
    (folder / "cfg.pkl").write_bytes(b"\x80\x04}\x94.")
    (folder / "notes.txt").touch()
    with pytest.raises(ModelError, match=message) as caught:
        load_model(model.format(folder=folder), config=None if config is None else config.format(folder=folder))
    assert "\n" not in str(caught.value)


def test_the_tokenizer_beside_the_weights_and_the_models_own_bos(given: LensCheckpoint, tmp_path: Path) -> None:
    without = load_model(given.write(tmp_path / "without"))
    assert (without.tokenizer, without.bos) == (None, True)
    folder = given.write(tmp_path / "with")
    word_tokenizer().save_pretrained(folder)
    assert load_model(folder).tokenizer("Mary went")["input_ids"] == word_tokenizer()("Mary went")["input_ids"]
    assert load_model(folder / "model_final.pth").tokenizer is not None
    never = checkpoint(hub(attn_only=True, default_prepend_bos=False)).write(tmp_path / "never")
    assert load_model(never).bos is False
    assert load_model(load_model(never).module).bos is False


def test_the_tokenizer_that_the_config_names(
    given: LensCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = LensCheckpoint({**given.config, "tokenizer_name": "someone/words"}, given.tensors).write(tmp_path / "x")
    assert load_model(named).tokenizer is None  # the hub is out of reach: data may still be ids
    asked: list[str] = []
    monkeypatch.setattr(
        "transformers.AutoTokenizer.from_pretrained", lambda name, **_: asked.append(name) or word_tokenizer()
    )
    assert load_model(named).tokenizer is not None
    assert asked == ["someone/words"]
    own = word_tokenizer()
    assert load_model(named, tokenizer=own).tokenizer is own


def test_names_of_the_catalogue_stand_for_hub_repositories(
    given: LensCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, asked = given.write(tmp_path), []

    def fetch_one(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(folder / file)

    def fetch_all(repository: str, *, allow_patterns: list[str]) -> str:
        asked.append((repository, tuple(allow_patterns)))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch_one)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch_all)
    model = load_model("attn-only-4l")
    assert (model.name, model.config.n_layers) == ("attn-only-4l", 3)
    assert asked[0] == (REPOSITORY, "config.json")
    repository, patterns = asked[1]
    assert repository == REPOSITORY
    assert {"config.json", "*final.pth", "*.safetensors"} <= set(patterns)
    assert load_model("someone/else").config.n_layers == 3


@pytest.mark.parametrize("name", ["attn-only-4l", REPOSITORY])
def test_a_filled_cache_needs_no_network(cache: Path, given: LensCheckpoint, name: str) -> None:
    fill(cache, REPOSITORY, given)
    assert load_model(name).graph.spec.has_mlp is False
    assert model_identity(RunConfig(name, task="ioi"))["model"] == COMMIT


def test_weights_in_a_subfolder_of_a_repository(cache: Path, given: LensCheckpoint) -> None:
    snapshot = fill(cache, "someone/model", given, "weights.bin")
    (snapshot / "checkpoints").mkdir()
    (snapshot / "weights.bin").rename(snapshot / "checkpoints" / "at_the_final.pth")
    assert load_model("someone/model").config.n_layers == 3


def test_a_repository_without_weights(cache: Path, given: LensCheckpoint) -> None:
    fill(cache, REPOSITORY, given, "weights.bin")
    with pytest.raises(ModelError, match=rf"{REPOSITORY}: has no weights"):
        load_model("attn-only-4l")


def test_the_config_of_a_repository_is_named_in_its_refusal(cache: Path, given: LensCheckpoint) -> None:
    fill(cache, "somebody/else", LensCheckpoint({**given.config, "new_switch": 1}, given.tensors))
    with pytest.raises(UnsupportedModelError, match=r"^config.json of somebody/else: new_switch is 1"):
        load_model("somebody/else")
    assert load_model("somebody/else", ignore_config=["new_switch"]).config.n_layers == 3


def test_other_keys_of_a_published_config_have_no_effect(cache: Path, given: LensCheckpoint) -> None:
    """TransformerLens reads a few keys of these repositories; a training setting nobody listed must not stop them."""
    fill(cache, REPOSITORY, LensCheckpoint({**given.config, "wandb_id": "x1", "neuron_scale": 0.5}, given.tensors))
    assert load_model("attn-only-4l").config.n_layers == 3


def test_old_layouts_are_refused_by_name(cache: Path, given: LensCheckpoint) -> None:
    fill(cache, "NeelNanda/SoLU_8L_v21_old", given)
    with pytest.raises(ModelError, match=r"'NeelNanda/SoLU_8L_v21_old': its old layout.*solu-8l"):
        load_model("NeelNanda/SoLU_8L_v21_old")


def test_an_empty_cache_without_network(cache: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"model 'gelu-2l': the hub did not give 'NeelNanda/GELU_2L512W") as e:
        load_model("gelu-2l")
    assert "\n" not in str(e.value)
    with pytest.raises(UnknownNameError, match="did you mean 'attn-only-4l'"):
        load_model("atn-only-4l")


@pytest.mark.parametrize(
    "error", [OSError("502\nbad gateway"), OfflineModeIsEnabled("off"), HfHubHTTPError.__base__("cut")]
)
def test_a_download_that_breaks_off(
    cache: Path, given: LensCheckpoint, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fill(cache, REPOSITORY, given)

    def broken(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    for name in ("attn-only-4l", REPOSITORY):
        with pytest.raises(UnknownNameError, match=rf"the hub did not give '{REPOSITORY}' \(check the network\)") as e:
            load_model(name)
        assert "\n" not in str(e.value)


def test_a_hugging_face_model_is_not_taken_for_one(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("not here")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", missing)
    with pytest.raises(EdgewiseError, match="unknown model 'gtp2'; did you mean 'gpt2'"):
        load_model("gtp2")


def test_the_catalogue_lists_every_name() -> None:
    assert LENS_MODELS.keys() <= KNOWN.keys()
    assert all(KNOWN[name].startswith("TransformerLens format: ") for name in LENS_MODELS)
    assert LENS_MODELS["redwood_attn_2l"] == "ArthurConmy/redwood_attn_2l"


def test_a_dump_with_every_field_is_understood(tmp_path: Path) -> None:
    model = load_model(checkpoint(dump()).write(tmp_path))
    assert (model.vocab_size, model.output_size, model.max_positions) == (50, 50, 24)
