"""What every figure is: a title, and a function from what is asked to what is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewise.report.files import Picture
from edgewise.runs.steps import Execution

Cell = str | int | float | None


@dataclass(frozen=True)
class Request:
    """What a figure is made with.

    Args:
        out: folder of all figures; their runs are in its folder ``runs``.
        model: one model for all; None takes those of the paper.
        fast: fewer prompts and coarser grids.
        machine: how models are loaded and run, by the names of settings.
        execution: how the runs are carried out.
    """

    out: Path
    model: str | None = None
    fast: bool = False
    machine: Mapping[str, Any] = field(default_factory=dict)
    execution: Execution = Execution()


@dataclass(frozen=True)
class Published:
    """One number of the paper beside ours.

    Args:
        what: which number it is.
        paper: as published; None where the paper has none.
        ours: as found now; None where it was not made. Counts are int.
        same_model: whether ours is of the model that the paper used, so that the two can be compared.
    """

    what: str
    paper: float | None
    ours: float | None
    same_model: bool


@dataclass(frozen=True)
class Made:
    """A figure as it came out.

    Args:
        picture: of it.
        data: all of it as JSON values.
        header: names of the columns of the CSV.
        rows: its rows.
        published: numbers of the paper beside ours.
        caption: sentences that say what was done, with which model.
    """

    picture: Picture
    data: Mapping[str, Any]
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    published: tuple[Published, ...]
    caption: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """One row of `FIGURES`.

    Args:
        name: what users type.
        summary: one line on what it shows.
        make: from what is asked to what is shown.
    """

    name: str
    summary: str
    make: Callable[[Request], Made]
