"""Files of other libraries: their own examples, written out by hand, mean what their loaders make of them."""

from __future__ import annotations

import json

import pytest
from transformers import AutoTokenizer

from edgewise.errors import DataError
from edgewise.tasks import TextEncoder
from edgewise.tasks.files import read_prompts

MARY, JOHN = 5335, 1757  # " Mary" and " John" in GPT-2's vocabulary


@pytest.fixture(scope="module")
def gpt2(shared):
    return TextEncoder(AutoTokenizer.from_pretrained(shared / "gpt2-tokenizer"))


def read(folder, name, content, gpt2, **options):
    path = folder / name
    path.write_text(content)
    return read_prompts(path, gpt2, vocab_size=50257, max_positions=1024, **options)


@pytest.mark.parametrize(
    "columns",
    [
        "correct_idx,incorrect_idx",
        "clean_answer_idx,corrupted_answer_idx",
        "country_idx,corrupted_country_idx",
    ],
)
def test_eap_ig_indices_are_token_ids(tmp_path, gpt2, columns):
    content = f"clean,corrupted,{columns}\nMary and John,Anna and Paul,{MARY},{JOHN}\n"
    prompts = read(tmp_path, "ioi.csv", content, gpt2)
    assert (prompts.info["dialect"], prompts.metric) == ("eap-ig", "logit-diff")
    assert prompts[0].clean == tuple(gpt2.prompt("Mary and John"))
    assert (prompts[0].answers, prompts[0].wrong_answers) == ((MARY,), (JOHN,))


def test_eap_ig_lists_of_indices_count_a_token_once(tmp_path, gpt2):
    content = f'clean,corrupted,answers_idx,corrupted_answers_idx\na cat,a car,"[{MARY}, {JOHN}, {MARY}]","[7]"\n'
    prompts = read(tmp_path, "hypernymy.csv", content, gpt2)
    assert (prompts[0].answers, prompts[0].wrong_answers) == ((MARY, JOHN), (7,))


def test_eap_ig_labels_are_years(tmp_path, gpt2):
    content = (
        "clean,corrupted,label\n"
        "The plan went from the year 1642 to the year 16,The plan went from the year 1601 to the year 16,42\n"
        "The game went from the year 1604 to the year 16,The game went from the year 1601 to the year 16,4\n"
    )
    prompts = read(tmp_path, "greater_than_data.csv", content, gpt2)
    assert prompts.metric == "prob-diff"
    for pair, year in zip(prompts, (42, 4), strict=True):
        assert [gpt2.decode([token]) for token in pair.answers] == [f"{y:02d}" for y in range(year + 1, 100)]
        assert [gpt2.decode([token]) for token in pair.wrong_answers] == [f"{y:02d}" for y in range(year + 1)]
    with pytest.raises(DataError, match="row 1, label: 43 is not the end of a year in clean"):
        read(tmp_path, "wrong.csv", content.replace(",42", ",43"), gpt2)
    with pytest.raises(DataError, match="row 1, answers: empty"):
        read(tmp_path, "last.csv", content.replace("1642", "1699").replace(",42", ",99"), gpt2)


def test_eap_ig_and_auto_circuit_put_bos_and_say_so_where_we_do_not(tmp_path, gpt2):
    content = f"clean,corrupted,correct_idx,incorrect_idx\nMary and John,Anna and Paul,{MARY},{JOHN}\n"
    assert "--bos does as EAP-IG" in read(tmp_path, "ioi.csv", content, gpt2).warnings[0]
    with_bos = read(tmp_path, "ioi.csv", content, gpt2, bos=True)
    assert with_bos.warnings == ()
    assert with_bos[0].clean[0] == 50256


def test_auto_circuit(tmp_path, gpt2):
    rows = [
        {
            "clean": "The war lasted from the year 1797 to 17",
            "corrupt": "The war lasted from the year 1701 to 17",
            "answers": ["98", "99"],
            "wrong_answers": ["00", "97"],
        }
    ]
    prompts = read(tmp_path, "gt.json", json.dumps({"prompts": rows, "seq_labels": ["The"]}), gpt2)
    assert prompts.info["dialect"] == "auto-circuit"
    assert "".join(gpt2.decode(prompts[0].corrupted)) == rows[0]["corrupt"]
    assert [gpt2.decode([t]) for t in (*prompts[0].answers, *prompts[0].wrong_answers)] == [
        "98",
        "99",
        "00",
        "97",
    ]


def test_auto_circuit_ids_need_no_tokenizer_and_answers_by_position_are_refused(tmp_path):
    row = {"clean": [3, 0, 1], "corrupt": [3, 2, 1], "answers": [1], "wrong_answers": [0]}
    prompts = read(tmp_path, "tracr.json", json.dumps({"prompts": [row]}), None)
    assert (prompts[0].clean, prompts[0].answers) == ((3, 0, 1), (1,))
    nested = {**row, "answers": [[1, 0]]}
    with pytest.raises(DataError, match=r"row 1, answers: .*other answers at each position, is not supported"):
        read(tmp_path, "tracr.json", json.dumps({"prompts": [nested]}), None)
    with pytest.raises(DataError, match="missing field 'answers'"):
        read(tmp_path, "mini.json", '{"prompts": [{"clean": [1], "corrupt": [2]}]}', None)


def test_edge_pruning_marks_the_answer_in_the_text(tmp_path, gpt2):
    rows = [
        {
            "clean": "1 + 2 = <predict>3</predict>",
            "corrupted": "1 + 4 = <predict>5</predict>",
            "split": "train",
        },
        {"clean": "1 + 2 =<predict> 3</predict>, said Mary.", "corrupted": "2 + 1 = <predict>3</predict>"},
        {"clean": "1 + 2 = <predict>3</predict>", "corrupted": "1 + 4 ="},
    ]
    prompts = read(tmp_path, "sums.jsonl", "\n".join(map(json.dumps, rows)), gpt2)
    assert prompts.info["dialect"] == "edge-pruning"
    assert [gpt2.decode(pair.clean) for pair in prompts] == ["1 + 2 ="] * 3
    assert [gpt2.decode(pair.corrupted) for pair in prompts] == ["1 + 4 =", "2 + 1 =", "1 + 4 ="]
    assert [gpt2.decode(pair.answers) for pair in prompts] == [" 3"] * 3
    assert [gpt2.decode(pair.wrong_answers) for pair in prompts] == [" 5", "", ""], "3 is no wrong answer to 3"
    unmarked = json.dumps({"clean": "1 + 2 = 3", "corrupted": "1 + 4 = 5"})
    with pytest.raises(DataError, match="row 4, clean: no answer between <predict> and </predict>"):
        read(tmp_path, "sums.jsonl", "\n".join([*map(json.dumps, rows), unmarked]), gpt2)


HYPERNYMS = (
    "clean,answers,answers_idx,corrupted,corrupted_answers,corrupted_answers_idx\n"
    '"Here are forks and other","[\'tool\', \'tools\']","[2891, 4899]",'
    '"Here are birds and other","[\'bird\', \'birds\']","[6512, 10087]"\n'
)


def test_eap_ig_hypernyms_are_their_ids_beside_their_words(tmp_path, gpt2):
    prompts = read(tmp_path, "hypernymy.csv", HYPERNYMS, gpt2)
    assert [gpt2.decode([token]) for token in prompts[0].answers] == [" tool", " tools"]
    assert [gpt2.decode([token]) for token in prompts[0].wrong_answers] == [" bird", " birds"]
    assert [warning for warning in prompts.warnings if "another tokenizer" in warning] == []


@pytest.mark.parametrize("cell", ["[[2891, 4899]]", "[2891 4899]", "(2891, 4899)", "[2891.0, 4899]"])
def test_lists_of_ids_are_read_as_python_prints_them(tmp_path, gpt2, cell):
    prompts = read(tmp_path, "hypernymy.csv", HYPERNYMS.replace("[2891, 4899]", cell), gpt2)
    assert prompts[0].answers == (2891, 4899)


def test_ids_of_another_tokenizer_are_told_by_the_words_beside_them(tmp_path, gpt2):
    other = HYPERNYMS.replace("[2891, 4899]", "[3921, 4678]").replace("[6512, 10087]", "[5279, 9072]")
    (said,) = [warning for warning in read(tmp_path, "h.csv", other, gpt2).warnings if "another tokenizer" in warning]
    assert "row 1: the answers' token ids are those of another tokenizer: 'tool' stands beside an id that is " in said
    assert repr(gpt2.decode([3921])) in said


def test_nothing_in_a_cell_is_run(tmp_path, gpt2):
    cell = '[__import__("os").getpid()]'.replace('"', '""')
    with pytest.raises(DataError, match="is not a list that can be read"):
        read(tmp_path, "h.csv", HYPERNYMS.replace("[2891, 4899]", cell), gpt2)


def test_words_as_python_prints_them_are_answers_of_our_own_files(tmp_path, gpt2):
    content = "clean,corrupted,answers,wrong_answers\nHe saw,He had,\"[' Mary', ' John']\",\"(' tool',)\"\n"
    (pair,) = read(tmp_path, "own.csv", content, gpt2)
    assert (pair.answers, gpt2.decode(pair.wrong_answers)) == ((MARY, JOHN), " tool")


def test_our_own_fields_win_over_indices_beside_them(tmp_path, gpt2):
    content = (
        f"clean,corrupted,answers,wrong_answers,correct_idx,incorrect_idx\nHe saw,He had, Mary, John,{JOHN},{MARY}\n"
    )
    prompts = read(tmp_path, "own.csv", content, gpt2)
    assert (prompts.info["dialect"], prompts[0].answers) == ("edgewise", (MARY,))


def test_eap_ig_greater_than_with_the_year_for_an_index(tmp_path, gpt2):
    content = (
        "clean,corrupted,correct_idx\n"
        "The plan lasted from the year 1642 to the year 16,The plan lasted from the year 1601 to the year 16,42\n"
        "The case lasted from the year 1604 to the year 16,The case lasted from the year 1601 to the year 16,4\n"
    )
    prompts = read(tmp_path, "greater-than.csv", content, gpt2)
    assert prompts.metric == "prob-diff"
    for pair, year in zip(prompts, (42, 4), strict=True):
        assert [gpt2.decode([token]) for token in pair.answers] == [f"{y:02d}" for y in range(year + 1, 100)]
    with pytest.raises(DataError, match="row 1, correct_idx: 43 is not the end of a year in clean"):
        read(tmp_path, "wrong.csv", content.replace(",42", ",43"), gpt2)


@pytest.mark.parametrize("space", [" ", ""])
@pytest.mark.parametrize("name", ["simple.json", "simple.jsonl", "as-list.json"])
def test_feature_circuits(tmp_path, gpt2, space, name):
    fields = ("clean_prefix", "patch_prefix", "clean_answer", "patch_answer", "case")
    texts = [("The uncle", "The girls", "is", "are", "singular"), ("The girls", "The uncle", "do", "does", "plural")]
    rows = [dict(zip(fields, (a, b, space + c, space + d, e), strict=True)) for a, b, c, d, e in texts]
    content = json.dumps(rows) if name == "as-list.json" else "\n".join(map(json.dumps, rows)) + "\n"
    prompts = read(tmp_path, name, content, gpt2)
    assert (prompts.info["dialect"], prompts.warnings) == ("feature-circuits", ())
    assert [gpt2.decode(pair.corrupted) for pair in prompts] == ["The girls", "The uncle"]
    assert [gpt2.decode(pair.answers) for pair in prompts] == [" is", " do"]
    assert [gpt2.decode(pair.wrong_answers) for pair in prompts] == [" are", " does"]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_json_is_read_by_its_content_whatever_its_name(tmp_path, name, start, end):
    row = {"clean": [1, 2], "corrupted": [1, 3], "answers": 4, "note": {"any": "thing"}}
    path = tmp_path / name
    listed = (json.dumps([row, row], indent=1), json.dumps({"prompts": [row, row]}))
    for content in (end.join([json.dumps(row)] * 2), *listed):
        path.write_bytes((start + content).encode())
        prompts = read_prompts(path, None, vocab_size=10)
        assert [pair.clean for pair in prompts] == [(1, 2)] * 2
    path.write_text(json.dumps(row))
    assert len(read_prompts(path, None, vocab_size=10)) == 1


def test_a_batch_of_one_is_a_prompt_and_lists_of_one_are_tokens(tmp_path):
    row = {"clean": [[3, 0, 1]], "corrupt": [[3, 2, 1]], "answers": [[1], [2]], "wrong_answers": [0]}
    (pair,) = read(tmp_path, "ids.json", json.dumps({"prompts": [row]}), None)
    assert (pair.clean, pair.corrupted, pair.answers) == ((3, 0, 1), (3, 2, 1), (1, 2))


def test_blank_lines_and_nameless_columns_of_a_csv_are_passed_over(tmp_path):
    content = ",,clean,corrupted,answers\r\n0,x,1 2,1 3,4\r\n  \r\n1,y,1 2,1 4,4\r\n"
    assert [pair.corrupted for pair in read(tmp_path, "p.csv", content, None)] == [(1, 3), (1, 4)]
