from __future__ import annotations

import csv
import json
import re
import sys

import pytest
from transformers import AutoTokenizer

from edgewise.errors import DataError
from edgewise.tasks import TextEncoder
from edgewise.tasks.files import read_prompts
from tasks.small_tokenizers import ID, ids, word_tokenizer

CLEAN, CORRUPTED = "Then Mary gave it to", "Then Anna gave it to"
TEXT_ROW = {"clean": CLEAN, "corrupted": CORRUPTED, "answers": " Mary", "wrong_answers": [" Anna", " John"]}
ID_ROW = {
    "clean": [1, 2, 3],
    "corrupted": [1, 5, 3],
    "answers": [7, 8],
    "wrong_answers": 9,
    "positions": [1, -1],
}
VOCABULARY = len(ID)


def encoder(**named):
    return TextEncoder(word_tokenizer(**named))


def write(folder, suffix, rows):
    """The same rows as a file of each kind; in CSV a list is JSON and everything else is a plain cell."""
    path = folder / f"prompts{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == ".json":
        path.write_text(json.dumps(rows))
    elif suffix == ".parquet":
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for row in rows:
                cells = {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()}
                writer.writerow(cells)
    return path


def refusal(path, tokenizer=None, **options):
    limits = {"vocab_size": VOCABULARY, "max_positions": 8, **options}
    with pytest.raises(DataError) as caught:
        read_prompts(path, tokenizer, **limits)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_text_is_the_same_in_every_kind_of_file(tmp_path, suffix):
    rows = [TEXT_ROW, {**TEXT_ROW, "answers": " John", "wrong_answers": [" Anna"]}]
    prompts = read_prompts(write(tmp_path, suffix, rows), encoder(), vocab_size=VOCABULARY)
    first, second = prompts
    assert first.clean == tuple(ids(CLEAN))
    assert first.corrupted == tuple(ids(CORRUPTED))
    assert first.answers == (ID["Mary"],)
    assert first.wrong_answers == (ID["Anna"], ID["John"])
    assert first.positions == (4,)
    assert second.answers == (ID["John"],)
    assert (first.row, second.row) == (1, 2)
    assert (prompts.name, prompts.metric, prompts.bos, prompts.dropped) == ("prompts", "logit-diff", False, 0)
    assert prompts.warnings == ()
    assert prompts.info == {"file": str(tmp_path / f"prompts{suffix}"), "dialect": "edgewise", "rows": 2}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_ids_are_the_same_in_every_kind_of_file_and_need_no_tokenizer(tmp_path, suffix):
    prompts = read_prompts(write(tmp_path, suffix, [ID_ROW, ID_ROW]), None, vocab_size=10)
    assert [p.clean for p in prompts] == [(1, 2, 3)] * 2
    assert prompts[0].corrupted == (1, 5, 3)
    assert (prompts[0].answers, prompts[0].wrong_answers) == ((7, 8), (9,))
    assert prompts[0].positions == (1, 2)


@pytest.mark.parametrize("cells", ["1 2 3,1 5 3,7,9", '"1, 2, 3","1,5,3",7 ,"[9]"', '"[1, 2, 3]","[1,5,3]",[7],9'])
def test_csv_cells_of_whole_numbers_are_ids(tmp_path, cells):
    path = tmp_path / "ids.csv"
    path.write_text(f"clean,corrupted,answers,wrong_answers\n{cells}\n")
    (pair,) = read_prompts(path, None, vocab_size=10)
    assert (pair.clean, pair.corrupted, pair.answers, pair.wrong_answers) == (
        (1, 2, 3),
        (1, 5, 3),
        (7,),
        (9,),
    )


def test_a_csv_answer_of_digits_to_a_text_prompt_is_text(tmp_path):
    path = write(tmp_path, ".csv", [{"clean": CLEAN, "corrupted": CORRUPTED, "answers": "12"}])
    assert read_prompts(path, encoder(), vocab_size=VOCABULARY)[0].answers == (ID["12"],)
    path = write(tmp_path, ".csv", [{"clean": CLEAN, "corrupted": CORRUPTED, "answers": [12]}])
    assert read_prompts(path, encoder(), vocab_size=VOCABULARY)[0].answers == (12,)


def test_numbers_in_csv_are_ids_with_a_warning_and_text_in_json_lines(tmp_path):
    row = {"clean": "12 7", "corrupted": "7 7", "answers": "12"}
    in_csv = read_prompts(write(tmp_path, ".csv", [row]), encoder(), vocab_size=VOCABULARY)
    assert in_csv[0].clean == (12, 7)
    assert any("read as token ids" in warning for warning in in_csv.warnings)
    in_lines = read_prompts(write(tmp_path, ".jsonl", [row]), encoder(), vocab_size=VOCABULARY)
    assert in_lines[0].clean == (ID["12"], ID["7"])
    assert in_lines.warnings == ()


def test_a_prompt_in_brackets_is_text_unless_it_is_a_list_of_ids(tmp_path):
    row = {"clean": "[CLS] Mary", "corrupted": "[CLS] John", "answers": '[" Mary", 7]'}
    (pair,) = read_prompts(write(tmp_path, ".csv", [row]), encoder(), vocab_size=VOCABULARY)
    assert pair.clean == (ID["[CLS]"], ID["Mary"])
    assert pair.answers == (ID["Mary"], 7)


def test_bos_is_the_tokenizers_default_for_text_and_the_users_choice_for_ids(tmp_path):
    llama = encoder(template="<s> $A", bos_token="<s>")
    text, tokens = write(tmp_path, ".jsonl", [TEXT_ROW]), write(tmp_path, ".json", [ID_ROW])

    def read(path, bos):
        prompts = read_prompts(path, llama, vocab_size=VOCABULARY, bos=bos)
        return prompts.bos, list(prompts[0].clean)

    assert read(text, None) == read(text, True) == (True, [ID["<s>"], *ids(CLEAN)])
    assert read(text, False) == (False, ids(CLEAN))
    assert ID["<s>"] == 1, "so that the ids below begin with BOS already"
    assert read(tokens, None) == read(tokens, False) == (False, [1, 2, 3])
    assert read(tokens, True) == (True, [1, 2, 3]), "BOS is there already and is not doubled"
    other = write(tmp_path, ".json", [{**ID_ROW, "clean": [6, 2, 3], "corrupted": [6, 5, 3]}])
    assert read(other, True) == (True, [1, 6, 2, 3])
    with pytest.raises(DataError, match="no tokenizer; write its id into the prompts"):
        read_prompts(tokens, None, vocab_size=VOCABULARY, bos=True)


BAD_ROWS = [
    ({"corrupted": "Then Anna it to"}, "row 2, corrupted: 4 tokens where clean has 5; .*--drop-invalid"),
    (
        {"answers": " Mary John", "wrong_answers": []},
        r"row 2, answers: answer ' Mary John' is 2 tokens .*use an answer that is one",
    ),
    ({"wrong_answers": [" Mary John"]}, "row 2, answers: answer ' Mary' is how another begins"),
    ({"answers": [" Mary", " Anna"]}, "row 2, wrong_answers: token .* is also in answers; remove it"),
    ({"answers": []}, "row 2, answers: empty; give at least one right token"),
    ({"answers": [VOCABULARY]}, f"row 2, answers: token id {VOCABULARY} is outside .* vocabulary"),
    (
        {"clean": "Then " * 9, "corrupted": "it " * 9},
        "row 2, clean: 9 tokens exceed the model's context of 8",
    ),
    ({"clean": "", "corrupted": ""}, "row 2, clean: no tokens"),
    ({"positions": [5]}, "row 2, positions: 5 lies outside the prompt of 5 tokens; use 0 to 4"),
    ({"corrupted": [1, 2, 3, 4, 5]}, "row 2, corrupted: text beside token ids"),
    (
        {"answers": " Zebulon"},
        "row 2, answers: answer ' Zebulon' is unknown to the tokenizer; use a word of its",
    ),
    ({"answers": [1.5]}, "row 2, answers: 1.5 is not a whole number"),
    ({"answers": [[1, 2]]}, r"row 2, answers: \[1, 2\] is not a whole number; .* at each position"),
    ({"clean": {"text": 1}}, "row 2, clean: .* is neither text nor a list of token ids"),
    (
        {"clean": [1, 2, 3, 4, 5], "corrupted": [1, 2, 3, 4, 6]},
        "row 2, clean: token ids, where the rows before",
    ),
    ({"answers": None}, "row 2, answers: missing; add the field to the row"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_ROWS)
def test_a_bad_row_is_refused_by_row_field_and_fix_or_dropped_and_counted(tmp_path, changes, message):
    path = write(tmp_path, ".jsonl", [TEXT_ROW, {**TEXT_ROW, **changes}, TEXT_ROW])
    assert re.match(f": {message}", refusal(path, encoder()))
    prompts = read_prompts(path, encoder(), vocab_size=VOCABULARY, max_positions=8, drop_invalid=True)
    assert [p.row for p in prompts] == [1, 3]
    assert prompts.dropped == 1
    assert re.search(f"row 2 dropped: {message.removeprefix('row 2, ')}", prompts.warnings[0])


@pytest.mark.parametrize("changes", [{"answers": " Mary John", "wrong_answers": []}, {"answers": []}])
def test_a_file_without_a_usable_row_is_refused_even_when_rows_may_be_dropped(tmp_path, changes):
    path = write(tmp_path, ".jsonl", [{**TEXT_ROW, **changes}] * 3)
    message = refusal(path, encoder(), drop_invalid=True)
    assert message.startswith(": none of the 3 rows can be used; the first: ")
    assert "answers" in message


def test_text_without_a_tokenizer_is_refused(tmp_path):
    assert "row 1, clean: text, and the model has no tokenizer; give token ids" in refusal(
        write(tmp_path, ".csv", [TEXT_ROW])
    )
    assert "row 1, answers: text, and the model has no tokenizer" in refusal(
        write(tmp_path, ".jsonl", [{**ID_ROW, "answers": " Mary"}])
    )


def test_a_text_answer_to_a_prompt_of_ids_is_looked_up_by_itself(tmp_path):
    path = write(tmp_path, ".jsonl", [{**ID_ROW, "answers": " Mary"}])
    assert read_prompts(path, encoder(), vocab_size=VOCABULARY)[0].answers == (ID["Mary"],)
    path = write(tmp_path, ".jsonl", [{**ID_ROW, "answers": "Mary John"}])
    assert "answer 'Mary John' is 2 tokens ['Mary', 'John'] by itself; give a token id, or take the first" in refusal(
        path, encoder()
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", b"", "no rows; give at least one prompt"),
        ("p.csv", b"clean,corrupted,answers\n", "no rows"),
        ("p.jsonl", b"\n \n", "no rows"),
        ("p.json", b"[]", "no rows"),
        ("p.txt", b"hello", "unknown extension '.txt'; give a .csv, .jsonl, .json, .parquet file"),
        ("p", b"hello", "a name without extension; give a .csv"),
        (
            "p.csv",
            b"clean,answers\na,b\n",
            "missing field 'corrupted'; the file has clean, answers; add it, so that",
        ),
        ("p.jsonl", b'{"clean": "a", "corrupted": "b"}', "missing field 'answers'"),
        ("p.csv", b"clean,clean\na,b\n", "two columns are named 'clean'"),
        ("p.csv", b"clean,corrupted,answers\na,b\n", "row 1 has 2 cells where the header has 3; quote cells"),
        ("p.csv", b'clean,corrupted\na,"b\n', "line 2: invalid CSV"),
        ("p.jsonl", b'{"clean": "a"}\n\n{"clean": \n', "line 3: invalid JSON"),
        ("p.jsonl", b'{"clean": "a"}\n[1, 2]\n', "line 2: list where a row belongs"),
        (
            "p.json",
            b'{"clean": "a"}\n{"clean": "b",\n',
            "line 2: invalid JSON .* one object a line, or all in one list",
        ),
        ("p.json", b'{"rows": []}', "neither a list of rows nor"),
        ("p.json", b"[3]", "row 1: int where a row belongs"),
        (
            "p.csv",
            b"clean,corrupted\na,b\n\xff,c\n",
            r"line 3: not UTF-8 \(byte 0xff\); save the file as UTF-8",
        ),
        ("p.jsonl", b'{"clean": "\xe9"}', "line 1: not UTF-8"),
        ("p.parquet", b"not parquet", "not a readable Parquet file"),
    ],
)
def test_a_bad_file_is_refused_by_place_and_fix(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    assert re.match(f"(: |, ){message}", refusal(path, encoder()))


def test_an_unreadable_path_is_refused(tmp_path):
    assert "cannot be read (No such file or directory); check the path" in refusal(tmp_path / "absent.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "cannot be read (Is a directory)" in refusal(tmp_path / "folder.csv")
    assert "a folder; give a .csv, .jsonl, .json, .parquet file" in refusal(tmp_path)


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "p.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "needs pyarrow; install it with: pip install 'edgewise[parquet]'" in refusal(path)


def test_a_byte_order_mark_and_blank_lines_change_nothing(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes(b"\xef\xbb\xbfclean,corrupted,answers\r\n\r\n1 2,1 3,4\r\n")
    assert read_prompts(path, None, vocab_size=10)[0].clean == (1, 2)


def test_answers_may_be_absent_when_no_metric_needs_them(tmp_path):
    path = write(tmp_path, ".jsonl", [{"clean": [1, 2], "corrupted": [1, 3]}])
    (pair,) = read_prompts(path, None, vocab_size=10, require_answers=False)
    assert pair.answers == ()


def test_rows_that_look_wrong_are_warned_about_by_row(tmp_path, shared):
    rows = [{**TEXT_ROW, "corrupted": CLEAN}, {**TEXT_ROW, "clean": "Then Zebulon gave it to"}]
    warnings = read_prompts(write(tmp_path, ".jsonl", rows), encoder(), vocab_size=VOCABULARY).warnings
    assert len(warnings) == 2
    assert any("row 1: clean and corrupted are the same" in warning for warning in warnings)
    assert any("row 2: 1 words are unknown to the tokenizer" in warning for warning in warnings)

    gpt2 = TextEncoder(AutoTokenizer.from_pretrained(shared / "gpt2-tokenizer"))
    rows = [
        {"clean": "gave it to", "corrupted": "took it to", "answers": "Mary"},
        {"clean": "gave it to ", "corrupted": "took it to ", "answers": [5335]},
        {"clean": "from 1732 to 17", "corrupted": "from 1701 to 17", "answers": "32"},
    ]
    warnings = read_prompts(write(tmp_path, ".jsonl", rows), gpt2, vocab_size=50257).warnings
    assert len(warnings) == 2
    assert "row 1: answer 'Mary' continues the prompt's last word; if a new word is meant, write ' Mary'" in warnings[0]
    assert "row 2: clean ends in a space of its own" in warnings[1]
