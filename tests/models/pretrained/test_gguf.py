"""GGUF files: the module computes what the written one does; what cannot be read as meant is refused in one line."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers.integrations.gguf import gguf_tokenizer_mapping, reader
from transformers.tokenization_utils_base import generate_merges

from edgewise.errors import ModelError, UnknownNameError, UnsupportedModelError
from edgewise.models import load_model
from edgewise.models.pretrained.gguf import header, place
from edgewise.models.pretrained.gguf.merges import merges_of
from tiny_gguf import ARCHITECTURES, END, HEADS, MERGES, TOKENS, WIDTH, module_of, unpacked, write

pytestmark = pytest.mark.slow

IDS = torch.tensor([[5, 80, 200, 7, 131, 42, 260, 3, 99, 64]])


def held_values(module: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach() for name, value in module.named_parameters()}


def logits(module: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.no_grad():
        return module(ids).logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_module_holds_the_written_weights_and_computes_the_same(architecture: str, tmp_path: Path) -> None:
    plain = module_of(architecture)
    model = load_model(write(tmp_path / "model.gguf", plain))
    assert model.architecture == architecture
    loaded = held_values(model.module)
    assert loaded.keys() == held_values(plain).keys()
    for name, value in held_values(plain).items():
        # Gemma's gains are stored with one added, which rounds them.
        torch.testing.assert_close(loaded[name], value, rtol=0, atol=2e-7, msg=name)
    torch.testing.assert_close(logits(model.module), logits(plain), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [Kind.F16, Kind.Q8_0, Kind.Q4_1], ids=lambda kind: kind.name)
def test_stored_weights_are_unpacked(kind: Kind, tmp_path: Path) -> None:
    plain = module_of("LlamaForCausalLM")
    model = load_model(write(tmp_path / "model.gguf", plain, kind=kind))
    expected = unpacked(plain, kind)
    for name, value in held_values(model.module).items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0, msg=name)
    assert not torch.equal(expected["model.layers.0.mlp.up_proj.weight"], plain.model.layers[0].mlp.up_proj.weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_in_the_asked_type(dtype: torch.dtype, tmp_path: Path) -> None:
    plain = module_of("LlamaForCausalLM").to(dtype)
    model = load_model(write(tmp_path / "model.gguf", module_of("LlamaForCausalLM")), dtype=dtype)
    assert {value.dtype for value in held_values(model.module).values()} == {dtype}
    for name, value in held_values(model.module).items():
        torch.testing.assert_close(value, held_values(plain)[name], rtol=0, atol=0, msg=name)


def test_output_of_its_own_and_embedding_as_output(tmp_path: Path) -> None:
    for tied in (True, False):
        plain = module_of("LlamaForCausalLM", tie_word_embeddings=tied)
        model = load_model(write(tmp_path / f"{tied}.gguf", plain))
        assert (model.module.lm_head.weight is model.module.model.embed_tokens.weight) == tied
        torch.testing.assert_close(logits(model.module), logits(plain), rtol=1e-5, atol=1e-5)


def test_base_epsilon_and_window_of_the_file(tmp_path: Path) -> None:
    rotary = {"rope_type": "default", "rope_theta": 31000.0}
    plain = module_of("LlamaForCausalLM", rms_norm_eps=0.03, rope_parameters=rotary)
    model = load_model(write(tmp_path / "llama.gguf", plain))
    torch.testing.assert_close(logits(model.module), logits(plain), rtol=1e-5, atol=1e-5)
    other = module_of("LlamaForCausalLM")
    assert (logits(other) - logits(plain)).abs().max() > 1e-2
    windowed = module_of("Gemma3ForCausalLM", sliding_window=4)
    model = load_model(write(tmp_path / "gemma.gguf", windowed))
    torch.testing.assert_close(logits(model.module), logits(windowed), rtol=1e-4, atol=1e-4)
    assert (logits(module_of("Gemma3ForCausalLM")) - logits(windowed)).abs().max() > 1e-2


def test_scaled_positions(tmp_path: Path) -> None:
    linear = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
    plain = module_of("LlamaForCausalLM", rope_parameters=linear)
    keys = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}
    model = load_model(write(tmp_path / "linear.gguf", plain, keys=keys))
    torch.testing.assert_close(logits(model.module), logits(plain), rtol=1e-5, atol=1e-5)
    with pytest.raises(UnsupportedModelError, match=r"llama\.rope\.scaling\.type is 'yarn', but transformers reads"):
        load_model(write(tmp_path / "yarn.gguf", plain, keys=keys | {"llama.rope.scaling.type": "yarn"}))


def test_scaled_positions_of_llama_3(tmp_path: Path) -> None:
    scaled = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    plain = module_of("LlamaForCausalLM", rope_parameters=scaled, max_position_embeddings=131072)
    size = WIDTH // HEADS
    frequencies = 1 / 500000.0 ** (torch.arange(0, size, 2).float() / size)
    factors = (frequencies / plain.model.rotary_emb.inv_freq).numpy().astype(np.float32)
    assert factors.max() > 31
    assert factors.min() < 1.001
    model = load_model(write(tmp_path / "model.gguf", plain, extra={"rope_freqs.weight": factors}))
    far = torch.arange(3000)[None] % len(TOKENS)
    torch.testing.assert_close(logits(model.module, far), logits(plain, far), rtol=1e-3, atol=1e-3)
    with pytest.raises(UnsupportedModelError, match=r"factors of rotary frequencies .* are not those"):
        load_model(write(tmp_path / "other.gguf", plain, extra={"rope_freqs.weight": factors[::-1].copy()}))


def test_tokenizer_of_the_file(tmp_path: Path) -> None:
    written = Tokenizer(
        models.BPE({token: i for i, token in enumerate(TOKENS)}, [tuple(merge.split()) for merge in MERGES])
    )
    written.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    written.decoder = decoders.ByteLevel()
    model = load_model(write(tmp_path / "model.gguf", module_of("LlamaForCausalLM")))
    for text in ("hello to the hell", "  two spaces, ça va?\n", "tot"):
        ids = model.tokenizer(text).input_ids
        assert ids == written.encode(text).ids
        assert model.tokenizer.decode(ids) == text
    assert model.tokenizer(f"to{END}").input_ids[-1] == len(TOKENS) - 1


@settings(max_examples=200)
@given(
    st.lists(st.text("abc ", min_size=1, max_size=5), unique=True, max_size=60),
    st.sampled_from(["none", "order", "ties", "random"]),
    st.sets(st.sampled_from("abc"), max_size=1),
    st.randoms(use_true_random=False),
)
def test_merges_are_those_that_transformers_derives(
    tokens: list[str], kind: str, skipped: set[str], random: Random
) -> None:
    ids = list(range(len(tokens)))
    random.shuffle(ids)
    vocab = dict(zip(tokens, ids, strict=True))
    scores = {
        "none": None,
        "order": {token: -at for at, token in enumerate(tokens)},
        "ties": {token: random.randrange(3) for token in tokens},
        "random": {token: random.random() for token in tokens},
    }[kind]
    assert merges_of(vocab, scores, skipped) == generate_merges(vocab, scores, skipped)


def test_without_tokenizer(tmp_path: Path) -> None:
    plain = module_of("LlamaForCausalLM")
    model = load_model(write(tmp_path / "model.gguf", plain, tokenizer=False))
    assert model.tokenizer is None
    torch.testing.assert_close(logits(model.module), logits(plain), rtol=1e-5, atol=1e-5)


def test_found_by_name_by_magic_and_in_a_folder(tmp_path: Path) -> None:
    file = write(tmp_path / "a.gguf", module_of("LlamaForCausalLM"))
    assert load_model(tmp_path).architecture == "LlamaForCausalLM"
    blob = shutil.copy(file, tmp_path / "sha256-0123")
    assert place.find(str(blob)) == Path(blob)
    (tmp_path / "deep").mkdir()
    shutil.copy(file, tmp_path / "deep" / "b.gguf")
    with pytest.raises(ModelError, match=r"has 2 GGUF files; name one with --gguf-file .*: a\.gguf, deep/b\.gguf"):
        load_model(tmp_path)
    assert place.find(str(tmp_path), "deep/b.gguf") == tmp_path / "deep" / "b.gguf"
    with pytest.raises(ModelError, match=r"has no file 'b\.guf'.*; it has a\.gguf, deep/b\.gguf"):
        load_model(tmp_path, gguf_file="b.guf")
    with pytest.raises(ModelError, match=r"leave gguf_file 'a\.gguf' out"):
        load_model(file, gguf_file="a.gguf")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"has no file 'a\.gguf'; it has no GGUF file at all"):
        load_model(tmp_path / "empty", gguf_file="a.gguf")
    with pytest.raises(ModelError, match="there is no such GGUF file"):
        load_model(tmp_path / "c.gguf")
    with pytest.raises(ModelError, match="a GGUF file holds its config; leave config"):
        load_model(file, config="config.json")


def test_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "one.gguf", module_of("LlamaForCausalLM"))
    offered = ["README.md", "one.gguf"]
    monkeypatch.setattr(place.huggingface_hub, "hf_hub_download", lambda name, wanted: str(tmp_path / wanted))
    monkeypatch.setattr(place.huggingface_hub, "list_repo_files", lambda name: offered)
    assert place.find("somebody/model", "one.gguf") == file
    assert place.find("somebody/model-GGUF") == file
    assert place.find("somebody/model") is None
    offered.append("two.gguf")
    with pytest.raises(ModelError, match=r"'somebody/model-GGUF' has 2 GGUF files; .*: one\.gguf, two\.gguf"):
        place.find("somebody/model-GGUF")

    def refuse(*_: Any) -> str:
        raise OSError("no\nnetwork")

    monkeypatch.setattr(place.huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(UnknownNameError, match=r"the hub did not give 'x\.gguf' of it .*: no network"):
        load_model("somebody/model", gguf_file="x.gguf")


def cut(file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


DAMAGED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text": (lambda file: file.write_text("hello"), "is no GGUF file: it does not start with GGUF"),
    "empty": (lambda file: file.write_bytes(b""), "is no GGUF file"),
    "pointer": (lambda file: file.write_text("version https://git-lfs.github.com/spec/v1\n"), "git-lfs pointer"),
    "magic alone": (lambda file: cut(file, 4 / file.stat().st_size), "cut short or damaged"),
    "within the keys": (lambda file: file.write_bytes(file.read_bytes()[:1500]), "cut short or damaged"),
    "within the vocabulary": (lambda file: file.write_bytes(file.read_bytes()[:2500]), "cut short or damaged"),
    "within the weights": (lambda file: cut(file, 0.9), "cut short or damaged"),
    "big-endian": (lambda file: file.write_bytes(b"GGUF\0\0\0\3" + file.read_bytes()[8:]), "is big-endian"),
    "version": (lambda file: file.write_bytes(b"GGUF\1\0\0\0" + file.read_bytes()[8:]), "version 1 which we cannot"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_one_line(damage: str, tmp_path: Path) -> None:
    file = write(tmp_path / "model.gguf", module_of("LlamaForCausalLM"))
    spoil, said = DAMAGED[damage]
    spoil(file)
    with pytest.raises(ModelError, match=said) as caught:
        load_model(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"architecture": "plamo"}, "does not read architecture 'plamo' from GGUF"),
        ({"architecture": "t5"}, "architecture 't5' "),
        ({"architecture": "starcoder2"}, "'Starcoder2ForCausalLM' is not supported"),
        ({"keys": {"split.count": 3}}, "is one of 3 parts; join them first"),
        ({"keys": {"general.type": "adapter"}}, "holds no model but of type 'adapter'"),
        ({"keys": {"llama.expert_used_count": 2}}, "llama.expert_used_count is 2, but transformers reads it as None"),
        ({"keys": {"llama.attention.scale": 0.5}}, "llama.attention.scale not understood"),
        (
            {"extra": {"blk.0.attn_q.bias": np.ones(WIDTH, np.float32)}},
            r"passes over 1 of .*\(blk\.0\.attn_q\.bias\)",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_would_be_read_otherwise_is_refused(more: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = write(tmp_path / "model.gguf", module_of("LlamaForCausalLM"), **more)
    with pytest.raises(ModelError, match=said) as caught:
        load_model(file)
    assert "\n" not in str(caught.value)


def test_a_window_that_is_not_read_is_refused(tmp_path: Path) -> None:
    keys = {"qwen2.attention.sliding_window": 16}
    with pytest.raises(UnsupportedModelError, match="sliding_window is 16, but transformers reads it as None"):
        load_model(write(tmp_path / "model.gguf", module_of("Qwen2ForCausalLM"), keys=keys))


def test_a_key_that_the_user_vouches_for(tmp_path: Path) -> None:
    file = write(tmp_path / "model.gguf", module_of("LlamaForCausalLM"), keys={"llama.attention.scale": 0.25})
    assert load_model(file, ignore_config=["llama.attention.scale"]).architecture == "LlamaForCausalLM"


def test_part_of_a_split_file_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "model-00001-of-00003.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="is one of 3 parts; join them first"):
        load_model(file)


@pytest.mark.parametrize("missing", ["gguf", "accelerate"])
def test_without_the_extra(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setattr(header, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ModelError, match=rf"needs {missing}; install with: pip install 'edgewise\[gguf\]'"):
        load_model(file)


def test_the_packages_are_as_before(tmp_path: Path) -> None:
    def found() -> tuple[object, ...]:
        return gguf.GGUFReader, gguf.get_tensor_name_map, reader._mapped, gguf_tokenizer_mapping.generate_merges

    before = found()
    load_model(write(tmp_path / "model.gguf", module_of("LlamaForCausalLM")))
    assert found() == before
    assert gc.isenabled()
