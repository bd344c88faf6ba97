"""Prompts from a data file: read the rows, recognise whose they are, encode them, check every one.

Fields of our own: `clean`, `corrupted`, `answers`, `wrong_answers` and, where another position than the last
token is read, `positions`; prompts and answers as text or as token ids. Files of other libraries are
recognised by theirs. Rows are numbered from 1 without the header; in JSON lines the number is the line's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewise.errors import DataError
from edgewise.tasks.build import PairBuilder
from edgewise.tasks.dialects import OWN, Dialect, RawPrompt, recognise
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.hub import is_hub, read_hub, read_name
from edgewise.tasks.mapped import mapped
from edgewise.tasks.packed import gathered
from edgewise.tasks.problems import Problem, Remark, remark_lines
from edgewise.tasks.prompts import PromptPair, PromptSet
from edgewise.tasks.tables import FileTable, Record, read_table
from edgewise.tasks.validation import Limits, settle, sort_out

# Names of columns that a message lists.
_SHOWN = 20


def read_prompts(
    path: str | os.PathLike[str],
    encoder: TextEncoder | None,
    *,
    vocab_size: int | None,
    output_size: int | None = None,
    max_positions: int | None = None,
    n: int | None = None,
    drop_invalid: bool = False,
    bos: bool | None = None,
    first_token: bool = False,
    whole_answers: bool = False,
    require_answers: bool = True,
    columns: Mapping[str, str] | None = None,
) -> PromptSet:
    """Read prompts from a CSV, JSON, JSON lines or Parquet file.

    Args:
        path: the file, or a dataset (`edgewise.tasks.hub`).
        encoder: the model's tokenizer, wrapped; None for a model without one, whose data must be ids.
        vocab_size: number of token ids that the model reads; None leaves ids unchecked.
        output_size: number of token ids that it predicts; None means as many as it reads.
        max_positions: its context in tokens; None if it has no limit.
        n: how many prompts are wanted, the first of the file: no more rows are read than that takes. None for all.
        drop_invalid: leave unusable rows out and count them instead of refusing the file.
        bos: put BOS before every prompt; None does as the tokenizer does by default for text, and puts none
            before ids.
        first_token: of text answers that are several tokens, take the first.
        whole_answers: read every token of the right answer, behind those before it; ids are its tokens in order.
        require_answers: refuse rows without answers; metrics such as `kl` need none.
        columns: field of ours -> the column of the file that has it, with dots between the names of nested ones.

    Returns:
        The prompts, named after the file; `info` records the path, the dialect and the number of rows.

    Raises:
        DataError: the file cannot be read, lacks a field, or has unusable rows; the message names the first ten of
            them, the field and the fix.
    """
    limits = Limits(vocab_size, output_size, max_positions, require_answers)
    most = n
    while True:
        table, dialect, required = _understood(path, require_answers, most, columns)
        rows = _build_rows(table, dialect, required, PairBuilder(encoder, bos, first_token, whole_answers))
        kept, unusable = sort_out(rows.pairs, limits)
        if n is None or most is None or table.whole or not drop_invalid or len(kept) >= n:
            break
        most *= 2  # in the place of rows that are left out
    problems = sorted((*rows.problems, *unusable), key=lambda problem: problem.row)
    checked = settle(kept, problems, drop_invalid=drop_invalid, origin=str(path))
    notes = _notes(path, dialect, rows, could_be_text=encoder is not None and not table.typed)
    left = {pair.row for pair in kept} if rows.remarks else set()
    remarks = remark_lines(str(path), ((row, remark) for row, remark in rows.remarks if row in left))
    return PromptSet(
        name=_name(str(path)),
        pairs=checked.pairs if n is None else checked.pairs[:n],
        metric="answer-log-prob" if whole_answers else dialect.metric,
        bos=rows.bos,
        dropped=checked.dropped,
        warnings=(*notes, *remarks, *checked.warnings),
        info={"file": str(path), "dialect": dialect.name, "rows": len(table.records)},
        tokenizer=None if encoder is None else encoder.tokenizer,
    )


def require_readable(
    path: str | os.PathLike[str],
    *,
    n: int | None = None,
    require_answers: bool = True,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Refuse a file that is not there, not in its format, without rows or without a field: no tokenizer is needed.

    Args:
        path: the file.
        n: how many prompts are wanted of it.
        require_answers: as of `read_prompts`.
        columns: as of `read_prompts`.

    Raises:
        DataError: as `read_prompts`.
    """
    _understood(path, require_answers, n, columns)


Source = str | os.PathLike[str]


def _understood(
    path: Source, require_answers: bool, most: int | None, columns: Mapping[str, str] | None
) -> tuple[FileTable, Dialect, tuple[str, ...]]:
    """A file's first rows, whose they are, and the fields that each must have."""
    table = read_hub(str(path), most) if is_hub(str(path)) else read_table(Path(path), most)
    if columns:
        table, dialect = mapped(table, columns, str(path)), OWN
    else:
        dialect = recognise(table)
    required = tuple(name for name in dialect.required if require_answers or name != "answers")
    _check_columns(path, table, required)
    return table, dialect, required


@dataclass(frozen=True)
class _Rows:
    """What became of the rows: pairs, what is wrong or remarkable, and whether prompts are ids and begin with BOS."""

    pairs: Sequence[PromptPair]
    problems: tuple[Problem, ...]
    remarks: tuple[tuple[int, Remark], ...]
    are_ids: bool
    bos: bool


def _name(source: str) -> str:
    """What prompts of a file or dataset are called."""
    return read_name(source).name.rpartition("/")[2] if is_hub(source) else Path(source).stem


def _check_columns(path: Source, table: FileTable, required: Sequence[str]) -> None:
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise DataError(
            f"{path}: missing field {missing[0]!r}; the file has {_some(table.columns) or 'no fields'}; "
            f"add it, so that every row has {', '.join(required)}, or say which column it is: --map {missing[0]}=COLUMN"
        )


def _some(columns: Sequence[str]) -> str:
    """Names of columns, as far as they make a line."""
    more = f", and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return ", ".join(name if len(name) <= 40 else f"{name[:40]}..." for name in columns[:_SHOWN]) + more


def _build_rows(table: FileTable, dialect: Dialect, required: Sequence[str], builder: PairBuilder) -> _Rows:
    problems: list[Problem] = []
    remarks: list[tuple[int, Remark]] = []
    first: RawPrompt | None = None

    def built() -> Iterator[PromptPair]:
        nonlocal first
        for record in table.records:
            try:
                raw = _meaning(record, dialect, required, table.typed)
                first = first or raw
                _check_alike(raw, first)
                made = builder.build(raw, record.row)
            except DataError as error:
                problems.append(Problem(record.row, str(error)))
                continue
            remarks.extend((record.row, remark) for remark in made.remarks)
            yield made.pair

    pairs = gathered(built())
    are_ids = first is not None and not isinstance(first.clean, str)
    return _Rows(pairs, tuple(problems), tuple(remarks), are_ids, first is not None and builder.bos(first))


def _meaning(record: Record, dialect: Dialect, required: Sequence[str], typed: bool) -> RawPrompt:
    missing = [name for name in required if record.fields.get(name) is None]
    if missing:
        raise DataError(f"{missing[0]}: missing; add the field to the row")
    raw = dialect.read(record.fields, typed)
    _require_whole_characters(raw)
    return raw


def _require_whole_characters(raw: RawPrompt) -> None:
    """Refuse halves of characters, which JSON can hold and no tokenizer reads."""
    for field in ("clean", "corrupted", "answers", "wrong_answers"):
        value = getattr(raw, field)
        for text in [value] if isinstance(value, str) else value:
            if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
                raise DataError(f"{field}: half of a character (a lone surrogate); write the text out as UTF-8 again")


def _check_alike(raw: RawPrompt, first: RawPrompt) -> None:
    if isinstance(raw.clean, str) != isinstance(first.clean, str):
        kinds = ("text", "token ids") if isinstance(raw.clean, str) else ("token ids", "text")
        raise DataError(f"clean: {kinds[0]}, where the rows before have {kinds[1]}; give all rows alike")


def _notes(path: Source, dialect: Dialect, rows: _Rows, could_be_text: bool) -> tuple[str, ...]:
    """Warnings on the file as a whole."""
    notes = []
    if rows.are_ids and could_be_text:
        notes.append(f"{path}: prompts of whole numbers are read as token ids; text of numbers needs JSON lines")
    if dialect.bos_note and not rows.bos:
        notes.append(f"{path}: {dialect.bos_note}")
    return tuple(notes)
