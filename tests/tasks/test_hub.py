"""Datasets of the hub and MIB's rows, read from folders of the same schema; columns under other names."""

from __future__ import annotations

import json

import pytest

from edgewise.errors import DataError
from edgewise.tasks import TextEncoder
from edgewise.tasks.files import read_prompts
from edgewise.tasks.hub import HubName, hub_digest, read_name

pytestmark = pytest.mark.slow

IOI = {
    "prompt": "Then Mary and John went. John gave it to",
    "template": "Then {name_A} and {name_B} went.",
    "metadata": {"indirect_object": "Mary", "subject": "John", "random_c": "Anna"},
    "s2_io_flip_counterfactual": {"prompt": "Then John and Mary went. Mary gave it to"},
}
CHOICE = {
    "prompt": "The box is red. What color is it?\nA. blue\nB. red\nAnswer:",
    "choices": {"label": ["A", "B"], "text": ["blue", "red"]},
    "answerKey": 1,
    "symbol_counterfactual": {
        "prompt": "The box is red. What color is it?\nX. blue\nK. red\nAnswer:",
        "choices": {"label": ["X", "K"], "text": ["blue", "red"]},
        "answerKey": 1,
    },
}
ARITHMETIC = {
    "prompt": "The sum of 12 and 25 is",
    "label": "37",
    "operator": "+",
    "random_counterfactual": {"prompt": "The sum of 41 and 13 is", "label": "54"},
}


@pytest.fixture
def encoder(gpt2_tokenizer):
    return TextEncoder(gpt2_tokenizer)


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)

    def write(row, name="rows", split="train"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / f"{split}.jsonl").write_text("\n".join([json.dumps(row)] * 3) + "\n")
        return f"hub:{folder}"

    return write


def read(source, encoder, **more):
    return read_prompts(source, encoder, vocab_size=None, **more)


@pytest.mark.parametrize(
    ("row", "dialect", "clean", "corrupted", "right", "wrong"),
    [
        (IOI, "mib-ioi", IOI["prompt"], IOI["s2_io_flip_counterfactual"]["prompt"], " Mary", " John"),
        (CHOICE, "mib-choice", CHOICE["prompt"], CHOICE["symbol_counterfactual"]["prompt"], " B", " K"),
        (ARITHMETIC, "mib-arithmetic", ARITHMETIC["prompt"], "The sum of 41 and 13 is", " 37", " 54"),
    ],
)
def test_rows_of_mib_mean_what_its_loader_reads(dataset, encoder, row, dialect, clean, corrupted, right, wrong):
    prompts = read(dataset(row, "ioi"), encoder, n=2)
    assert (prompts.name, len(prompts), prompts.info["dialect"]) == ("ioi", 2, dialect)
    text = encoder.decode
    for pair in prompts:
        assert (text(pair.clean), text(pair.corrupted)) == (clean, corrupted)
        assert (text(pair.answers), text(pair.wrong_answers)) == (right, wrong)


def test_a_dataset_of_other_columns_is_mapped(dataset, encoder):
    row = {"question": "He lives in", "twin": {"text": "She lives in"}, "good": " Paris", "bad": " Rome"}
    columns = {"clean": "question", "corrupted": "twin.text", "answers": "good", "wrong_answers": "bad"}
    source = dataset(row)
    (pair, *_) = read(f"{source}:train", encoder, columns=columns)
    assert encoder.decode(pair.corrupted) == "She lives in"
    assert encoder.decode(pair.answers) == " Paris"
    with pytest.raises(DataError, match=r"missing field 'clean'; the file has question"):
        read(source, encoder)
    with pytest.raises(DataError, match=r"--map clean=qestion, but there is no such column; did you mean 'question'"):
        read(source, encoder, columns=columns | {"clean": "qestion"})
    with pytest.raises(DataError, match=r"no field 'claen'; did you mean 'clean'"):
        read(source, encoder, columns={"claen": "question"})


def test_columns_of_a_file_are_mapped_too(tmp_path, encoder):
    path = tmp_path / "mine.csv"
    path.write_text("q,twin,good,bad\nHe lives in,She lives in, Paris, Rome\n")
    columns = {"clean": "q", "corrupted": "twin", "answers": "good", "wrong_answers": "bad"}
    (pair,) = read(path, encoder, columns=columns)
    assert encoder.decode(pair.clean) == "He lives in"


def test_which_split_is_read_and_other_rows_are_other_data(dataset, encoder):
    source = dataset(IOI, split="train")
    one = hub_digest(source)
    assert hub_digest(source) == one
    dataset(ARITHMETIC, "other", split="test")
    assert hub_digest(dataset(ARITHMETIC, "other", split="test")) != one
    with pytest.raises(DataError, match="no split 'validation'; name one of train behind a colon"):
        read(f"{source}:validation", encoder)


def test_names_are_taken_apart():
    assert read_name("hub:mib-bench/ioi:test") == HubName("mib-bench/ioi", None, "test")
    assert read_name("mib/mcqa@4_answer_choices") == HubName("mib-bench/copycolors_mcqa", "4_answer_choices", None)
    assert read_name("mib/arithmetic-addition:train") == HubName("mib-bench/arithmetic_addition", None, "train")
    with pytest.raises(DataError, match="no task of MIB's; did you mean 'ioi'"):
        read_name("mib/io")
    with pytest.raises(DataError, match=r"not hub:NAME\[@CONFIG\]\[:SPLIT\]"):
        read_name("hub:a:b:c")


def test_what_cannot_be_read_is_one_line(dataset, encoder, tmp_path):
    dataset(IOI)
    with pytest.raises(
        DataError, match=r"hub:.*none: cannot be read \(.*\); check the name and the connection"
    ) as error:
        read(f"hub:{tmp_path}/none", encoder)
    assert "\n" not in str(error.value)
    broken = {**CHOICE, "answerKey": 7}
    with pytest.raises(DataError, match="answerKey is none of the choices"):
        read(dataset(broken, "broken"), encoder)
