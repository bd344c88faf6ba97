from __future__ import annotations

import json

import pytest
from transformers import AutoTokenizer

from edgewise.errors import DataError
from edgewise.tasks import TextEncoder, make_task
from tasks.small_tokenizers import ID, ids, word_tokenizer

BOS, CLS = ID["<s>"], ID["[CLS]"]
TEXT = "Then Mary went to the store"


@pytest.fixture(scope="module")
def gpt2(shared):
    return AutoTokenizer.from_pretrained(shared / "gpt2-tokenizer")


@pytest.mark.parametrize(
    ("template", "named", "prefix"),
    [
        (None, {}, []),
        (None, {"bos_token": "<s>"}, []),
        ("<s> $A", {"bos_token": "<s>"}, [BOS]),
        ("<s> $A </s>", {"bos_token": "<s>", "eos_token": "</s>"}, [BOS]),
        ("$A </s>", {"bos_token": "<s>", "eos_token": "</s>"}, []),
        ("[CLS] $A [SEP]", {"cls_token": "[CLS]", "sep_token": "[SEP]"}, [CLS]),
    ],
)
def test_the_default_puts_what_the_tokenizer_puts_before_text_and_nothing_after_it(template, named, prefix):
    encoder = TextEncoder(word_tokenizer(template, **named))
    assert encoder.prompt(TEXT) == [*prefix, *ids(TEXT)]
    assert encoder.bos is bool(prefix)
    assert encoder.prefix == tuple(prefix)


def test_bos_can_be_forced_on_and_off():
    llama = word_tokenizer("<s> $A", bos_token="<s>")
    plain = word_tokenizer(None, bos_token="<s>")
    assert TextEncoder(llama, bos=False).prompt(TEXT) == ids(TEXT)
    assert TextEncoder(plain, bos=True).prompt(TEXT) == [BOS, *ids(TEXT)]
    assert TextEncoder(llama, bos=True).prompt(TEXT) == [BOS, *ids(TEXT)]
    with pytest.raises(DataError, match="no BOS token; use --no-bos"):
        TextEncoder(word_tokenizer(), bos=True)


def test_text_that_begins_with_bos_does_not_get_a_second_one():
    encoder = TextEncoder(word_tokenizer("<s> $A", bos_token="<s>"))
    assert encoder.prompt("<s> " + TEXT) == [BOS, *ids(TEXT)]


def test_an_answer_never_carries_special_tokens():
    encoder = TextEncoder(word_tokenizer("<s> $A </s>", bos_token="<s>", eos_token="</s>"))
    assert encoder.answer(TEXT, " Mary") == ID["Mary"]
    assert encoder.answers(TEXT, [" John", " 12", "Anna"]) == [ID["John"], ID["12"], ID["Anna"]]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            " Mary John",
            r"answer ' Mary John' is 2 tokens \['Mary', 'John'\]; use an answer that is one token",
        ),
        (" Zebulon", "answer ' Zebulon' is unknown to the tokenizer"),
        ("", "answer '' is empty"),
    ],
)
def test_an_answer_that_is_not_one_known_token_is_refused(answer, message):
    with pytest.raises(DataError, match=message):
        TextEncoder(word_tokenizer()).answer(TEXT, answer)


def test_single_is_for_choosing_words():
    encoder = TextEncoder(word_tokenizer("<s> $A", bos_token="<s>"))
    assert encoder.single(" Mary") == ID["Mary"]
    assert encoder.single("Mary John") is None
    assert encoder.single("Zebulon") is None


def test_gpt2_has_no_bos_by_default(gpt2):
    assert TextEncoder(gpt2).prompt("Then, Mary") == [6423, 11, 5335]
    assert TextEncoder(gpt2, bos=True).prompt("Then, Mary") == [50256, 6423, 11, 5335]


def test_acdc_prompts_encode_to_acdc_ids(gpt2, shared):
    facts = json.loads((shared / "acdc_ioi.json").read_text())
    encoder = TextEncoder(gpt2)
    rows = zip(facts["io"], facts["s"], facts["place"], facts["object"], facts["clean_ids"], strict=True)
    count = 0
    for io, s, place, thing, expected in rows:
        text = f"Then, {io} and {s} went to the {place}. {s} gave a {thing} to"
        assert [*encoder.prompt(text), encoder.answer(text, f" {io}")] == expected
        count += 1
    assert count == 200


def test_gpt2_answers_are_read_as_continuations(gpt2):
    encoder = TextEncoder(gpt2)
    assert encoder.answer("gave it to", " Mary") == 5335
    with pytest.raises(DataError, match="' Zebulon' is 4 tokens"):
        encoder.answer("gave it to", " Zebulon")
    with pytest.raises(DataError, match=r"fuses with the space the prompt ends in; .* give the answer as ' Mary'"):
        encoder.answer("gave it to ", "Mary")
    with pytest.raises(DataError, match=r"write ' Stephanie', which is one token"):
        encoder.answer("gave it to", "Stephanie")


def test_years_that_gpt2_would_fuse_with_their_century_are_still_one_token(gpt2, shared):
    """ " 17" + "00" is the single token " 1700", and yet the logit read after " 17" is that of "00"."""
    encoder = TextEncoder(gpt2)
    assert encoder.prompt(" 1700") == [35665], "the trap is there"
    text = "The war lasted from the year 1732 to 17"
    found = encoder.answers(text, [f"{year:02d}" for year in range(100)])
    assert [gpt2.decode([token]) for token in found] == [f"{year:02d}" for year in range(100)]


def test_tasks_refuse_a_missing_tokenizer_and_wrong_arguments():
    tokenizer = word_tokenizer()
    with pytest.raises(DataError, match="task 'ioi' is text and the model has no tokenizer"):
        make_task("ioi", None)
    with pytest.raises(DataError, match="MIB's tasks are datasets; write --data mib/ioi"):
        make_task("mib/ioi", tokenizer)
    with pytest.raises(DataError, match="n: 0 prompts asked for"):
        make_task("ioi", tokenizer, n=0)
    with pytest.raises(DataError, match="split: 'test' is not one of discovery, held-out"):
        make_task("ioi", tokenizer, split="test")  # type: ignore[arg-type]
    with pytest.raises(
        DataError,
        match=r"task 'ioi' has no option 'templat'; did you mean 'template'. its options: order, template, cor",
    ):
        make_task("ioi", tokenizer, options={"templat": "acdc"})
