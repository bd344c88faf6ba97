"""HTML of the views: lines, tables and pictures, with every text escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

from edgewise.report.table import Table
from edgewise.visible import visible

PICTURE_WIDTH = 480
_RIGHT, _LEFT = ' style="text-align:right"', ' style="text-align:left"'


def text(words: str) -> str:
    """Text that is nothing but text."""
    return escape(visible(words))


def heading(words: str) -> str:
    """The first line of a view."""
    return f"<p><b>{text(words)}</b></p>"


def lines(texts: Iterable[str]) -> str:
    """Lines of text; nothing where there are none."""
    shown = "<br>".join(map(text, texts))
    return f"<p>{shown}</p>" if shown else ""


def html_table(cells: Table) -> str:
    """A table, with the alignment of its columns."""
    aligned = [_RIGHT if column in cells.right else _LEFT for column in range(len(cells.header))]
    return f"<table><thead>{_row('th', cells.header, aligned)}</thead><tbody>{_rows(cells, aligned)}</tbody></table>"


def picture(svg: str, words: str, width: int = PICTURE_WIDTH) -> str:
    """A picture that shares no names, styles or scripts with the page around it.

    Args:
        svg: the picture.
        words: what it shows, for those who do not see it.
        width: in pixels; small by default.
    """
    coded = base64.b64encode(svg.encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{coded}" alt="{text(words)}" width="{width}">'


def folded(summary: str, html: str) -> str:
    """What is shown when asked for."""
    return f"<details><summary>{text(summary)}</summary>{html}</details>"


def _rows(cells: Table, aligned: list[str]) -> str:
    return "".join(_row("td", row, aligned) for row in cells.rows)


def _row(kind: str, cells: Iterable[str], aligned: list[str]) -> str:
    filled = zip(cells, aligned, strict=True)
    return f"<tr>{''.join(f'<{kind}{style}>{text(cell)}</{kind}>' for cell, style in filled)}</tr>"
