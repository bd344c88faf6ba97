"""Write a figure: SVG, PNG light and dark, its data as JSON and CSV, and a page of markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from edgewise.paper.figure import Cell, Figure, Made, Published
from edgewise.report.files import picture_files
from edgewise.runs.store.results import document, write_files


def write_figure(folder: Path, figure: Figure, made: Made) -> tuple[Path, ...]:
    """Write the files of a figure, each in one step, and return their paths, the page first.

    Raises:
        OSError: the folder cannot be written.
    """
    files = {
        **picture_files(figure.name, made.picture),
        f"{figure.name}.json": document(made.data),
        f"{figure.name}.csv": _csv(made).encode(),
        # The page comes last: where it stands, all of them do.
        f"{figure.name}.md": page(figure, made).encode(),
    }
    return tuple(reversed(write_files(folder, files)))


def page(figure: Figure, made: Made) -> str:
    """Return the page of a figure as markdown: picture, caption, published numbers beside ours."""
    parts = [
        f"# {figure.name}: {figure.summary}",
        f"![{figure.summary}]({figure.name}.svg)",
        "\n".join(made.caption).strip(),
        *([_published(made.published)] if made.published else []),
        f"Data: [{figure.name}.json]({figure.name}.json), [{figure.name}.csv]({figure.name}.csv)",
    ]
    return "\n\n".join(parts) + "\n"


def published_rows(published: Sequence[Published]) -> list[tuple[str, str, str]]:
    """Return (what, published, ours) as text; ours is marked where the published number is another model's."""
    return [
        (one.what, _number(one.paper), _number(one.ours) + (" (*)" if _is_elsewhere(one) else "")) for one in published
    ]


def _published(published: Sequence[Published]) -> str:
    # A bar inside a cell would begin another one.
    rows = "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in published_rows(published)
    )
    note = (
        "\n\n(*) of another model than the paper's: not to be compared." if any(map(_is_elsewhere, published)) else ""
    )
    return f"| | published | ours |\n| --- | --- | --- |\n{rows}{note}"


def _is_elsewhere(one: Published) -> bool:
    return not one.same_model and one.paper is not None and one.ours is not None


def _csv(made: Made) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(made.header)
    writer.writerows(tuple(_cell(value) for value in row) for row in made.rows)
    return buffer.getvalue()


def _cell(value: Cell) -> str | int | float:
    return "" if value is None else value


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"
