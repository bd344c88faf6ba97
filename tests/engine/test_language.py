"""What a model says: a table of next words built by hand is told from random weights and from another's tokenizer."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

import tiny
from edgewise.engine.check import language
from edgewise.engine.check.language import NEAR, OPENINGS, SENTENCES
from edgewise.models import Model, load_model
from edgewise.models.word_tokenizer import PADDING, UNKNOWN, word_tokenizer
from edgewise.tasks.encode import TextEncoder
from traces import leaves_no_trace

WORDS = sorted({word for text in (*OPENINGS, *SENTENCES) for word in text.split()} | {"Paris", "water."})
VOCABULARY = (UNKNOWN, PADDING, *WORDS)
SURE = 8.0


def followers() -> dict[str, set[str]]:
    """Of each word, those that come after it in the sentences, and two that do after the openings."""
    found: dict[str, set[str]] = {word: set() for word in WORDS}
    for text in SENTENCES:
        words = text.split()
        for word, after in pairwise(words):
            found[word].add(after)
    found["of"].add("Paris")
    return found


def trained(seed: int = 0) -> GPT2LMHeadModel:
    """A GPT-2 that gives each word's followers a logit of `SURE`, the others 0: embeddings are one-hot, blocks write
    nothing, and the final norm's mean and scale are those of a one-hot vector.
    """
    size = len(VOCABULARY)
    config = GPT2Config(
        vocab_size=size, n_embd=size + size % 2, n_layer=1, n_head=2, n_positions=64, tie_word_embeddings=False
    )
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(config).eval()
    width = config.n_embd
    with torch.no_grad():
        for parameter in model.transformer.h.parameters():
            parameter.zero_()
        model.transformer.wpe.weight.zero_()
        model.transformer.wte.weight.copy_(torch.eye(size, width))
        # LayerNorm of a one-hot vector: (e - 1/width) * scale; turn it back into the vector itself.
        scale = 1 / math.sqrt((1 / width) * (1 - 1 / width) + config.layer_norm_epsilon)
        model.transformer.ln_f.weight.fill_(1 / scale)
        model.transformer.ln_f.bias.fill_(1 / width)
        model.lm_head.weight.zero_()
        for word, after in followers().items():
            for next_word in after:
                model.lm_head.weight[VOCABULARY.index(next_word), VOCABULARY.index(word)] = SURE
    return model


def loaded(module: Any, words: tuple[str, ...] = VOCABULARY) -> Model:
    return load_model(module, tokenizer=word_tokenizer(words, 64))


def test_the_loss_and_the_likeliest_tokens_are_those_counted_by_hand() -> None:
    model = loaded(trained())
    with leaves_no_trace(model.module):
        says = language(model)
    after, losses = followers(), []
    for text in SENTENCES:
        words = text.split()
        for word in words[:-1]:
            n = len(after[word])
            losses.append(math.log(n * math.exp(SURE) + len(VOCABULARY) - n) - SURE)
    assert says.n_tokens == len(losses)
    assert says.loss == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert says.chance == pytest.approx(math.log(len(VOCABULARY)))
    assert says.warning is None
    assert [one.text for one in says.continuations] == list(OPENINGS)
    capital = says.continuations[0].likeliest
    assert capital[0][0] == "Paris"
    assert capital[0][1] == pytest.approx(1 / (1 + (len(VOCABULARY) - 1) * math.exp(-SURE)), rel=1e-4)
    assert [len(one.likeliest) for one in says.continuations] == [5, 5, 5]


def test_random_weights_are_near_chance() -> None:
    config = GPT2Config(vocab_size=len(VOCABULARY), n_embd=32, n_layer=2, n_head=4, n_positions=64)
    torch.manual_seed(1)
    says = language(loaded(GPT2LMHeadModel(config).eval()))
    assert says.loss == pytest.approx(says.chance, rel=0.05)
    assert says.warning is not None
    assert f"{says.loss:.2f} nats a token, and chance is {says.chance:.2f}" in says.warning
    assert "\n" not in says.warning


def test_another_tokenizer_is_at_or_above_chance() -> None:
    """The same words under other ids."""
    order = torch.randperm(len(VOCABULARY), generator=torch.Generator().manual_seed(2)).tolist()
    says = language(loaded(trained(), tuple(VOCABULARY[i] for i in order)))
    assert says.loss is not None
    assert says.loss > says.chance
    assert says.warning is not None


def test_a_tokenizer_with_more_tokens_than_the_model_is_not_its_own() -> None:
    more = tuple(f"w{i}" for i in range(len(VOCABULARY)))
    says = language(loaded(trained(), (UNKNOWN, PADDING, *more, *WORDS)))
    assert (says.loss, says.why_not) == (None, None)
    assert says.warning is not None
    assert f"the model has {len(VOCABULARY)} tokens" in says.warning


def test_where_the_line_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model told nothing but which words follow none is uniform: its loss is chance, above the line; NaN is too."""
    flat = trained()
    with torch.no_grad():
        flat.lm_head.weight.zero_()
    says = language(loaded(flat))
    assert says.loss == pytest.approx(says.chance)
    assert says.loss > NEAR * says.chance
    model = loaded(flat)
    with torch.no_grad():
        flat.lm_head.weight.fill_(math.nan)  # after the door, which refuses such weights
    assert language(model).warning is not None


@pytest.mark.parametrize("name", ["demo", "planted:3", "compiled:induction"])
def test_a_model_without_plain_english_is_not_asked(name: str) -> None:
    says = language(load_model(name))
    assert (says.loss, says.warning, says.continuations) == (None, None, ())
    assert says.why_not == "its tokenizer knows no plain English"


def test_a_model_without_a_tokenizer_is_not_asked() -> None:
    assert language(load_model(tiny.gpt2())).why_not == "it has no tokenizer"


def test_a_short_context_is_enough() -> None:
    config = GPT2Config(vocab_size=len(VOCABULARY), n_embd=32, n_layer=2, n_head=4, n_positions=6)
    says = language(loaded(GPT2LMHeadModel(config).eval()))
    assert says.n_tokens == 5 * len(SENTENCES)


def test_a_real_tokenizer_writes_every_text(shared: Path) -> None:
    encoder = TextEncoder(AutoTokenizer.from_pretrained(shared / "gpt2-tokenizer"))
    torch.manual_seed(0)
    config = GPT2Config(n_embd=16, n_layer=1, n_head=2)
    says = language(Model("tiny", load_model(GPT2LMHeadModel(config).eval()).wiring, encoder.tokenizer))
    assert says.n_tokens == sum(len(encoder.prompt(text)) - 1 for text in SENTENCES)
    assert says.chance == pytest.approx(math.log(50257))
    assert says.warning is not None
