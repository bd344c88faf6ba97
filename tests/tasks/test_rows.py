"""What is said of many rows at once: bad ones, remarkable ones, and answers of several tokens."""

from __future__ import annotations

import json

import pytest
from transformers import AutoTokenizer

from edgewise.errors import DataError
from edgewise.tasks import TextEncoder
from edgewise.tasks.files import read_prompts
from tasks.small_tokenizers import ID, word_tokenizer

ROW = {"clean": "Then Mary gave it to", "corrupted": "Then Anna gave it to", "answers": " Mary"}
SHORT = {**ROW, "corrupted": "Then Anna it to"}
EMPTY = {**ROW, "answers": []}
UNKNOWN = {**ROW, "answers": " Zebulon"}


@pytest.fixture(scope="module")
def gpt2(shared):
    return TextEncoder(AutoTokenizer.from_pretrained(shared / "gpt2-tokenizer"))


def written(folder, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path, encoder=None, **options):
    encoder = encoder or TextEncoder(word_tokenizer())
    return read_prompts(path, encoder, vocab_size=encoder.size, **options)


def refusal(path, encoder=None, **options):
    with pytest.raises(DataError) as caught:
        read(path, encoder, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_bad_row_is_named_with_what_is_wrong_and_each_fix_once(tmp_path):
    path = written(tmp_path, [SHORT, ROW, EMPTY, UNKNOWN, SHORT])
    said = refusal(path)
    assert said.startswith(f"{path}: 4 of 5 rows cannot be used: ")
    assert "rows 1 and 5, corrupted: 4 tokens where clean has 5; " in said
    assert "row 3, answers: empty; " in said
    assert "row 4, answers: answer ' Zebulon' is unknown to the tokenizer -- " in said
    for fix in ("make them equally long", "at least one right token", "use a word of its vocabulary"):
        assert said.count(fix) == 1, said


def test_the_first_ten_bad_rows_are_named_and_how_many_there_are(tmp_path):
    path = written(tmp_path, [ROW, *[SHORT] * 7, *[EMPTY] * 30])
    said = refusal(path)
    assert "37 of 38 rows cannot be used" in said
    assert "rows 2, 3, 4, 5, 6, 7 and 8, corrupted" in said
    assert "rows 9, 10 and 11, answers" in said
    assert "and 27 more -- " in said
    assert "row 12" not in said
    (warning,) = read(path, drop_invalid=True).warnings
    assert warning.startswith(f"{path}: 37 of 38 rows dropped: rows 2, 3")


def test_rows_that_are_equal_are_one_warning(tmp_path):
    equal = {**ROW, "corrupted": ROW["clean"]}
    (warning,) = read(written(tmp_path, [equal, ROW, *[equal] * 11])).warnings
    assert "rows 1, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more: clean and corrupted are the same tokens" in warning


def test_remarks_of_one_kind_are_one_warning(tmp_path, gpt2):
    rows = [{"clean": "gave it to ", "corrupted": "took it to ", "answers": [5335]} for _ in range(3)]
    rows += [{"clean": "gave it to", "corrupted": "took it to", "answers": name} for name in ("Mary", "John")]
    spaces, joined = read(written(tmp_path, rows), gpt2).warnings
    assert "rows 1, 2 and 3: clean ends in a space of its own" in spaces
    assert "rows 4 and 5, the first: answer 'Mary' continues the prompt's last word" in joined


@pytest.mark.parametrize("end", ["\n", "\n\n", ":\n"])
def test_a_template_that_ends_in_a_new_line_is_as_it_should_be(tmp_path, gpt2, end):
    rows = [{"clean": f"User: who{end}", "corrupted": f"User: what{end}", "answers": "Mary", "wrong_answers": "John"}]
    assert read(written(tmp_path, rows), gpt2).warnings == ()


def test_rows_that_were_dropped_are_not_remarked_on(tmp_path, gpt2):
    rows = [
        {"clean": "gave it to", "corrupted": "took it to", "answers": " Mary"},
        {"clean": "gave it to ", "corrupted": "to ", "answers": " Mary", "wrong_answers": [5335]},
    ]
    (warning,) = read(written(tmp_path, rows), gpt2, drop_invalid=True).warnings
    assert "row 2 dropped" in warning


def test_answers_of_several_tokens_are_shown_in_pieces_and_the_first_can_be_taken(tmp_path, gpt2):
    row = {"clean": "He is in", "corrupted": "She is on", "answers": " Sarajevo"}
    said = refusal(written(tmp_path, [row]), gpt2)
    pieces = gpt2.tokenizer(" Sarajevo")["input_ids"]
    assert len(pieces) > 1
    assert f"answers: answer ' Sarajevo' is {len(pieces)} tokens {[gpt2.decode([one]) for one in pieces]}" in said
    assert said.endswith("or take the first of its tokens with --first-token")
    path = written(tmp_path, [row | {"wrong_answers": [" Mogadishu", " Oslo"]}])
    (pair,) = read(path, gpt2, first_token=True)
    first = [gpt2.tokenizer(text)["input_ids"][0] for text in (" Sarajevo", " Mogadishu", " Oslo")]
    assert [*pair.answers, *pair.wrong_answers] == first
    assert read(written(tmp_path, [ROW]), first_token=True)[0].answers == (ID["Mary"],)


def test_first_tokens_that_do_not_tell_right_from_wrong_are_refused_by_row(tmp_path):
    apart = {**ROW, "answers": [" Mary John", " Mary 7"], "wrong_answers": [" Anna 12", " Anna 7"]}
    same = {**ROW, "answers": " Mary John", "wrong_answers": [" Anna", " Mary 12"]}
    said = refusal(written(tmp_path, [apart, same]), first_token=True)
    assert "row 2, wrong_answers: ' Mary 12' and the right answer ' Mary John' begin with the same token" in said
    (pair,) = read(written(tmp_path, [apart]), first_token=True)
    assert (pair.answers, pair.wrong_answers) == ((ID["Mary"],), (ID["Anna"],)), "each token counts once"


def test_an_answer_to_a_prompt_of_ids_may_be_cut_likewise(tmp_path):
    path = written(tmp_path, [{"clean": [5, 6], "corrupted": [5, 7], "answers": "Mary John"}])
    assert "2 tokens ['Mary', 'John'] by itself" in refusal(path)
    assert read(path, first_token=True)[0].answers == (ID["Mary"],)
