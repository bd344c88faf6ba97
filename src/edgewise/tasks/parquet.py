"""Rows of a Parquet file, read in parts: a small file can say that it unpacks to all memory there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgewise.errors import DataError

# More than prompts ever take.
MOST_ROWS, MOST_BYTES = 10_000_000, 2**31
_ROWS_AT_ONCE = 1024


def read_rows(path: Path, content: bytes) -> list[dict[str, Any]]:
    """The rows, each by the names of its columns.

    Args:
        path: the file, for messages.
        content: what is in it.

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
        file = ParquetFile(pyarrow.BufferReader(content), page_checksum_verification=True)
        _require_bounded(path, file.metadata)
        return list(_rows(path, file))
    except DataError:
        raise
    except Exception as error:  # over damaged bytes: errors of Arrow, of Python's text and numbers, of memory
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a readable Parquet file ({reason:.160}); write it again") from None


def _require_bounded(path: Path, metadata: Any) -> None:
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    _refuse_large(path, metadata.num_rows, sum(group.total_byte_size for group in groups))


def _rows(path: Path, file: Any) -> Iterator[dict[str, Any]]:
    rows = size = 0
    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, use_threads=False):
        rows, size = rows + batch.num_rows, size + batch.nbytes
        _refuse_large(path, rows, size)
        yield from batch.to_pylist()


def _refuse_large(path: Path, rows: int, size: int) -> None:
    if rows > MOST_ROWS or size > MOST_BYTES:
        found = f"{rows} rows" if rows > MOST_ROWS else f"{size / 2**30:.1f} GiB unpacked"
        raise DataError(f"{path}: {found}, more than a file of prompts may have; give fewer rows")
