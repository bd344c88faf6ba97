"""Rows of a Parquet file, read in parts: a small file can say that it unpacks to all memory there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgewise.errors import DataError, in_words

# More than prompts ever take.
MOST_ROWS, MOST_VALUES, MOST_BYTES = 10_000_000, 2**27, 2**31
# Of so many rows at once, or of fewer where each could be as large as all that is stored: a value that is stored once
# and pointed at by every row.
_ROWS_AT_ONCE, _BYTES_AT_ONCE = 1024, 2**30


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows, each by the names of its columns; of the file no more is unpacked than has been asked for.

    Args:
        path: the file.

    Raises:
        DataError: pyarrow is not installed, it is no whole Parquet file, or it is larger unpacked than prompts are.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; install it with: pip install 'edgewise[parquet]'"
        ) from error
    try:
        with pyarrow.OSFile(str(path)) as source, ParquetFile(source, page_checksum_verification=True) as file:
            yield from _rows(path, file, _require_bounded(path, file.metadata))
    except DataError:
        raise
    except Exception as error:  # over damaged bytes: errors of Arrow, of Python's text and numbers, of memory
        raise DataError(f"{path}: not a readable Parquet file ({in_words(error)}); write it again") from None


def _require_bounded(path: Path, metadata: Any) -> int:
    """Refuse what says that it is large; return how many rows can be unpacked at once, whatever is in them."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    values = sum(column.num_values for column in columns)
    if values > MOST_VALUES:
        raise DataError(f"{path}: {values:,} values, more than a file of prompts may have; give fewer rows")
    _refuse_large(path, metadata.num_rows, sum(group.total_byte_size for group in groups))
    largest = max((group.total_byte_size for group in groups), default=1)
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(1, largest)))


def _rows(path: Path, file: Any, at_once: int) -> Iterator[dict[str, Any]]:
    rows = size = 0
    for batch in file.iter_batches(batch_size=at_once, use_threads=False):
        rows, size = rows + batch.num_rows, size + batch.nbytes
        _refuse_large(path, rows, size)
        yield from batch.to_pylist()


def _refuse_large(path: Path, rows: int, size: int) -> None:
    if rows > MOST_ROWS or size > MOST_BYTES:
        found = f"{rows} rows" if rows > MOST_ROWS else f"{size / 2**30:.1f} GiB unpacked"
        raise DataError(f"{path}: {found}, more than a file of prompts may have; give fewer rows")
