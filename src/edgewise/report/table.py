"""Plain text tables: columns parted by two spaces, so that they survive pipes, logs and READMEs, and their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells before they are laid out, as text or otherwise.

    Args:
        header: one heading a column.
        rows: cells, as many a row as headings.
        right: numbers of the columns to align on the right.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()

    def __str__(self) -> str:
        """As plain text."""
        return table(self.header, self.rows, self.right)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return a table as text.

    Args:
        header: one heading a column.
        rows: cells, as many a row as headings.
        right: numbers of the columns to align on the right.
    """
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def fixed(value: float | None, digits: int) -> str:
    """Return a number with so many digits after the point, never as minus nothing; a dash where there is none."""
    return "-" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"
