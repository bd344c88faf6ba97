"""The numbers of the demo model's card, measured again on the weights that are shipped."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel

from edgewise.errors import DataError
from edgewise.tasks import TASKS, make_task
from edgewise.tasks.templates.shipped import LIBRARY

pytestmark = pytest.mark.slow

FOLDER = Path(str(files("edgewise.models") / "demo"))
CARD = (FOLDER / "README.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `([\w-]+)` \| (.+) \| (top-1 accuracy|probability of the later years) \| ([01]\.\d{4}) \|$", re.M
)
PROMPTS = int(re.search(r"Measured on ([\d,]+) held-out prompts", CARD)[1].replace(",", ""))
LEAST = {"ioi": 0.99, "greater-than": 0.95, "docstring": 0.99, "induction": 0.99}
OTHER_MODELS = {"planted", "compiled"}  # tasks in words of their own models alone
# Tasks in words that the demo model does not know.
MORE_WORDS = {file.stem for file in LIBRARY.glob("*.toml")} - set(LEAST)


def rows():
    """Task, options and the number that the card states."""
    for task, options, _, value in ROW.findall(CARD):
        named = dict(re.findall(r"`(\w+)=(\w+)`", options))
        yield task, {k: int(v) if v.isdigit() else v for k, v in named.items()}, float(value)


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(FOLDER).eval()


@torch.no_grad()
def last_logits(model, prompts):
    """One prompt length at a time, so that nothing is padded: [prompt, vocabulary] in the prompts' order."""
    logits = torch.empty(len(prompts), model.config.vocab_size)
    lengths = [len(pair.clean) for pair in prompts]
    for length in set(lengths):
        rows = [i for i, other in enumerate(lengths) if other == length]
        logits[rows] = model(torch.tensor([prompts[i].clean for i in rows]), logits_to_keep=1).logits[:, -1].float()
    return logits


def measured(model, tokenizer, task, options):
    prompts = make_task(task, tokenizer, n=PROMPTS, seed=0, split="held-out", options=options)
    logits = last_logits(model, prompts)
    if task == "greater-than":
        probability = logits.double().softmax(-1)
        return sum(float(p[list(pair.answers)].sum()) for p, pair in zip(probability, prompts, strict=True)) / PROMPTS
    best = logits.argmax(-1).tolist()
    return sum(token == pair.answers[0] for token, pair in zip(best, prompts, strict=True)) / PROMPTS


@pytest.mark.parametrize(("task", "options", "stated"), list(rows()))
def test_the_card_states_what_the_weights_do(task, options, stated, model, tokenizer):
    found = measured(model, tokenizer, task, options)
    assert found == pytest.approx(stated, abs=1e-3)  # two prompts of 2,000: rounding differs between machines
    assert found >= LEAST[task]


def test_the_card_has_every_task_as_it_is_by_default():
    assert PROMPTS >= 1000
    assert (
        {task for task, options, _ in rows() if not options}
        == set(TASKS.names()) - OTHER_MODELS - MORE_WORDS
        == set(LEAST)
    )


@pytest.mark.parametrize("task", sorted(OTHER_MODELS | MORE_WORDS))
def test_a_task_that_the_card_leaves_out_cannot_be_made_for_the_model(task, tokenizer):
    with pytest.raises(
        DataError, match=f"task '{task}' is for|of this tokenizer, and the task needs|does not know the words"
    ):
        make_task(task, tokenizer, n=2)


def test_the_model_is_what_the_card_says(model, tokenizer):
    config = model.config
    assert type(model) is GPT2LMHeadModel
    assert (config.n_layer, config.n_head, config.n_embd, config.n_positions) == (4, 4, 64, 64)
    assert model.dtype == torch.float32
    assert f"({model.num_parameters():,} parameters" in CARD
    assert config.vocab_size == len(tokenizer) < 600
    assert f"{len(tokenizer)} tokens" in CARD
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 2 * 2**20


def test_the_folder_holds_no_pickle():
    kinds = {file.suffix for file in FOLDER.iterdir()}
    assert kinds <= {".json", ".safetensors", ".md"}


def test_a_sentence_is_one_token_a_word_or_mark(tokenizer):
    ids = tokenizer("Then, Mary and John went to the store. John gave a bag to")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == (
        [
            "Then",
            ",",
            "Mary",
            "and",
            "John",
            "went",
            "to",
            "the",
            "store",
            ".",
            "John",
            "gave",
            "a",
            "bag",
            "to",
        ]
    )
    assert tokenizer(" Mary")["input_ids"] == tokenizer("Mary")["input_ids"] == [ids[2]]
    assert tokenizer.convert_ids_to_tokens(tokenizer("year 1745 to 17")["input_ids"]) == [
        "year",
        "17",
        "45",
        "to",
        "17",
    ]
    assert tokenizer.bos_token_id is None


def test_it_completes_the_readmes_sentence(model, tokenizer):
    ids = tokenizer("Then, Mary and John went to the store. John gave a bag to", return_tensors="pt")["input_ids"]
    assert tokenizer.decode(model(ids).logits[0, -1].argmax()) == "Mary"
