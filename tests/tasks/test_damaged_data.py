"""200 damaged copies of data files of every kind, with text and with ids: read, or refused in one line."""

from __future__ import annotations

import json
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from damage import refusals
from edgewise.errors import DataError
from edgewise.tasks import TextEncoder, parquet, tables
from edgewise.tasks.files import read_prompts, require_readable
from tasks.small_tokenizers import ID, word_tokenizer
from tasks.test_files import ID_ROW, TEXT_ROW, write

pytestmark = pytest.mark.slow

COPIES = 200
PREDICT = {"clean": "Then Mary gave it <predict> to</predict>", "corrupted": "Then Anna gave it <predict> to</predict>"}
INDICES = {"clean": "Then Mary", "corrupted": "Then Anna", "correct_idx": [6], "incorrect_idx": [7, 8]}
PREFIXES = {"clean_prefix": "Then Mary", "patch_prefix": "Then Anna", "clean_answer": " it", "patch_answer": " to"}
ROWS: dict[str, Any] = {"text": TEXT_ROW, "ids": ID_ROW, "predict": PREDICT, "indices": INDICES, "prefixes": PREFIXES}


def read(path: Path) -> None:
    encoder = TextEncoder(word_tokenizer())
    require_readable(path)
    read_prompts(path, encoder, vocab_size=len(ID), max_positions=8)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_every_damage_is_one_line(suffix: str, rows: str, tmp_path: Path) -> None:
    path = write(tmp_path, suffix, [ROWS[rows]] * 4)
    said = refusals(path, path.read_bytes(), lambda: read(path), COPIES if rows in ("text", "ids") else 60)
    assert all(str(path) in message for message in said)
    assert len(said) > 15


def test_cells_with_numbers_that_no_id_is(tmp_path: Path) -> None:
    numbers = ["9" * 5000, "[" + "9" * 5000 + " 1]", "[0x" + "f" * 5000 + "]", "[1e400]", "[" * 900 + "]" * 900]
    for number in numbers:
        path = tmp_path / "rows.csv"
        path.write_text(f'clean,corrupted,answers,wrong_answers\n"{number}",1 2,3,4\n1 2,1 3,"{number}",5\n')
        with pytest.raises(DataError, match="cannot be used") as caught:
            read_prompts(path, None, vocab_size=99)
        assert len(str(caught.value)) < 1000
        path.write_text(f'clean,corrupted,correct_idx,incorrect_idx\nThen,Mary,"{number}",4\n')
        with pytest.raises(DataError, match="row 1"):
            read_prompts(path, TextEncoder(word_tokenizer()), vocab_size=99)


@pytest.mark.parametrize("field", ["clean", "answers"])
def test_halves_of_characters(field: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([TEXT_ROW | {field: "Mary \ud800"}]))
    with pytest.raises(DataError, match=rf"row 1, {field}: half of a character"):
        read_prompts(path, TextEncoder(word_tokenizer()), vocab_size=99)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_a_file_larger_than_prompts_is_not_read(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"rows{suffix}"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)  # a hole: no byte is stored
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("read"))
    with pytest.raises(DataError, match=r"1\.0 GiB, more than a file of prompts may have"):
        require_readable(path)
    assert tables.MOST_BYTES == 2**30


def test_a_small_parquet_file_that_unpacks_to_all_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow, stored = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, rows = tmp_path / "rows.parquet", 200_000
    words = pyarrow.array(["x" * 2000]).dictionary_encode().take(pyarrow.array([0] * rows))
    stored.write_table(pyarrow.table({"clean": words}), path, store_schema=False)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(parquet, "MOST_BYTES", 20_000_000)
    with pytest.raises(DataError, match="GiB unpacked, more than a file of prompts may have"):
        require_readable(path)
    monkeypatch.setattr(parquet, "MOST_ROWS", rows - 1)
    with pytest.raises(DataError, match="200000 rows, more than"):
        require_readable(path)


def test_one_value_of_two_gigabytes_in_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is stored as a number and how often it stands there."""
    pyarrow, stored = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    stored.write_table(pyarrow.table({"clean": [[7] * 300_000]}), path)
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(parquet, "MOST_VALUES", 299_999)
    with pytest.raises(DataError, match="300,000 values, more than a file of prompts may have"):
        require_readable(path)


def test_rows_that_point_at_one_long_value_are_unpacked_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyarrow, stored = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    words = pyarrow.array(["x" * 100_000]).dictionary_encode().take(pyarrow.array([0] * 5_000))
    stored.write_table(pyarrow.table({"clean": words}), path, store_schema=False)
    monkeypatch.setattr(parquet, "_BYTES_AT_ONCE", 2_000_000)
    before = pyarrow.total_allocated_bytes()
    rows = list(islice(parquet.read_rows(path), 3))
    assert [len(row["clean"]) for row in rows] == [100_000] * 3
    assert pyarrow.default_memory_pool().max_memory() - before < 100_000_000, "of 500 MB"


@pytest.mark.parametrize("rows", [2_000, 20_000])
def test_rows_of_a_parquet_file_are_let_go_as_they_are_read(rows: int, tmp_path: Path) -> None:
    pyarrow, stored = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, ids = tmp_path / "rows.parquet", list(range(1000, 1020))
    stored.write_table(pyarrow.table({"clean": [ids] * rows, "corrupted": [ids] * rows}), path)
    tracemalloc.start()
    try:
        table = tables.read_table(path)
        assert sum(len(record.fields["clean"]) for record in table.records) == 20 * rows
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(table.records), table.columns) == (rows, ("clean", "corrupted"))
    assert peak < 3_000_000  # all 20,000 would take 30 MB


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_document_larger_than_is_read_as_one(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_OF_A_DOCUMENT", 1000)
    path = tmp_path / f"rows{suffix}"
    path.write_text(json.dumps([ID_ROW] * 100))
    with pytest.raises(DataError, match="more than a file of prompts may have"):
        require_readable(path)
    path.write_text("".join(json.dumps(ID_ROW) + "\n" for _ in range(100)))
    require_readable(path)


def _written(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".csv":
        lines = [",".join(ID_ROW), *(",".join(f'"{json.dumps(row[name])}"' for name in ID_ROW) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_no_more_is_read_than_is_asked_for(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    _written(path, [ID_ROW] * 50)
    with path.open("ab") as file:
        file.write(b"\xff not of this format")
    assert len(read_prompts(path, None, vocab_size=99, n=20)) == 20
    require_readable(path, n=20)
    with pytest.raises(DataError, match="not UTF-8"):
        read_prompts(path, None, vocab_size=99)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_that_are_left_out_are_made_up_for(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    bad = ID_ROW | {"answers": [1000]}
    _written(path, [bad] * 9 + [ID_ROW] * 50)
    found = read_prompts(path, None, vocab_size=99, n=4, drop_invalid=True)
    assert [pair.row for pair in found] == [10, 11, 12, 13]
    assert found.dropped == 9
    with pytest.raises(DataError, match="1000"):
        read_prompts(path, None, vocab_size=99, n=4)
