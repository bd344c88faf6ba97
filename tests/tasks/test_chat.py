"""Prompts in a chat template, against texts that are put together by hand."""

from __future__ import annotations

import json

import pytest

from edgewise.errors import DataError, SettingError
from edgewise.runs.config import RunConfig
from edgewise.tasks import TextEncoder, make_task
from edgewise.tasks.chat import ChatEncoder
from edgewise.tasks.files import read_prompts
from tasks.small_tokenizers import ids, word_tokenizer

TEMPLATE = (
    "{{ bos_token }} {% for m in messages %}[CLS] {{ m['role'] }} {{ m['content'] }} [SEP] {% endfor %}"
    "{% if add_generation_prompt %}[CLS] it {% endif %}"
)
ROW = {
    "clean": "Then Mary gave it to",
    "corrupted": "Then Anna gave it to",
    "answers": " Mary went",
    "wrong_answers": " Mary gave",
}


def chat_tokenizer(template=TEMPLATE):
    tokenizer = word_tokenizer("<s> $A", bos_token="<s>", cls_token="[CLS]", sep_token="[SEP]")
    tokenizer.chat_template = template
    return tokenizer


def read(tmp_path, encoder, **changes):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW | changes))
    return read_prompts(path, encoder, vocab_size=None)


def test_rows_of_a_file_stand_in_the_template_with_one_bos_and_answers_begin_the_reply(tmp_path):
    prompts = read(tmp_path, ChatEncoder(chat_tokenizer()))
    (pair,) = prompts
    assert list(pair.clean) == ids("<s> [CLS] user Then Mary gave it to [SEP] [CLS] it Mary")
    assert list(pair.corrupted) == ids("<s> [CLS] user Then Anna gave it to [SEP] [CLS] it Mary")
    assert ([*pair.answers], [*pair.wrong_answers]) == (ids("went"), ids("gave"))
    assert pair.positions == (len(pair.clean) - 1,)
    assert prompts.bos is False


def test_what_the_system_says_stands_before(tmp_path):
    (pair,) = read(tmp_path, ChatEncoder(chat_tokenizer(), "the store"), answers=" Mary", wrong_answers=" John")
    assert list(pair.clean) == ids("<s> [CLS] system the store [SEP] [CLS] user Then Mary gave it to [SEP] [CLS] it")


@pytest.mark.parametrize("task", ["ioi", "antonyms", "greater-than"])
def test_a_task_is_put_into_the_template_as_it_is_without(gpt2_tokenizer, task):
    """Of GPT-2, whose first words have other tokens without a space: replies have these, whatever made the task."""
    chat_template = "{% for m in messages %}User: {{ m['content'] }}\n{% endfor %}Model:{{ '\\n' }}"
    gpt2_tokenizer.chat_template = chat_template
    try:
        plain = make_task(task, gpt2_tokenizer, n=8)
        chat = make_task(task, gpt2_tokenizer, n=8, chat=ChatEncoder(gpt2_tokenizer))
    finally:
        gpt2_tokenizer.chat_template = None
    text = gpt2_tokenizer.decode
    assert len(chat) == 8
    if task != "antonyms":  # which leaves out what has no reply of one token, and so draws others
        for ours, theirs in zip(plain, chat, strict=True):
            assert text(theirs.clean) == f"User: {text(ours.clean)}\nModel:\n"
    for pair in chat:
        right, wrong = ({text([token]) for token in ids} for ids in (pair.answers, pair.wrong_answers))
        assert not right & wrong
        assert not any(one.startswith(" ") for one in right | wrong)
        assert len(pair.clean) == len(pair.corrupted)


def test_token_ids_and_tokenizers_without_a_template_are_refused(tmp_path):
    with pytest.raises(DataError, match="clean: token ids, which no chat template takes"):
        read(tmp_path, ChatEncoder(chat_tokenizer()), clean=[1, 2], corrupted=[1, 3], answers=[1], wrong_answers=[2])
    with pytest.raises(DataError, match="the model's tokenizer has no chat template"):
        ChatEncoder(word_tokenizer())
    refusing = chat_tokenizer("{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}a")
    with pytest.raises(DataError, match=r"the chat template refuses \(no system\); leave --system out"):
        ChatEncoder(refusing, "be brief")
    assert ChatEncoder(refusing).rendered("b") == "a"


def test_settings_that_do_not_go_together_are_refused():
    assert RunConfig("demo", task="ioi", system="be brief").in_chat
    with pytest.raises(SettingError, match="leave --bos and --no-bos out"):
        RunConfig("demo", task="ioi", chat=True, bos=True)
    assert TextEncoder(chat_tokenizer()).prompt("Mary") == ids("<s> Mary")
