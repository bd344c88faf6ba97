"""The page and the pictures that come with a result."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgewise import processes
from edgewise.disk import about_file
from edgewise.errors import EdgewiseWarning, RunConflictError
from edgewise.runs.steps import Execution, Progress, Report
from edgewise.runs.store.analysis import analyses
from edgewise.runs.store.beside import put_beside
from edgewise.runs.store.folder import Run
from edgewise.runs.store.names import PAGE
from edgewise.runs.store.neurons import NeuronRun
from edgewise.runs.store.results import write_files
from edgewise.runs.store.shown import are_shown, write_shown

if TYPE_CHECKING:
    from edgewise.report.files import Picture

DRAWING = "drawing pictures"
PAGING = "making the page"


def show_on_page(run: Run | NeuronRun, report: Report) -> None:
    """Put what was measured of a run onto its page, where it has one that is older: also after a kill in between."""

    def show() -> None:
        if are_shown(run.folder, [PAGE]) and _is_older(run.folder / PAGE, analyses(run.folder)):
            write_page(run, report)

    processes.in_first(show)


def _is_older(page: Path, results: Iterable[Path]) -> bool:
    made = page.stat().st_mtime_ns
    return any(path.stat().st_mtime_ns >= made for path in results)


def show_found(run: Run | NeuronRun, report: Report) -> Path:
    """Make the page of a run that `discover` has finished, unless it is there; return its path."""

    def show() -> None:
        if not (run.reused and are_shown(run.folder, [PAGE])):
            write_page(run, report)

    processes.in_first(show)
    return run.folder / PAGE


def write_page(run: Run | NeuronRun, report: Report) -> None:
    """Make a run's page, with all that was measured of it."""
    report(Progress(PAGING))
    write_shown(run, {PAGE: page_text(run).encode()})


def page_text(run: Run | NeuronRun) -> str:
    """The page of a run of either kind."""
    from edgewise.report.page.neurons import neuron_page
    from edgewise.report.page.page import page

    return neuron_page(run) if isinstance(run, NeuronRun) else page(run)


def show_beside(result: Path, runs: Sequence[Run], report: Report) -> Path:
    """Put a result of several runs onto the page of each, and onto one page of all of them beside it.

    Args:
        result: its file.
        runs: what it is about, or those of them that a page holds.
        report: told that pages are made.

    Returns:
        The page of all.
    """
    processes.in_first(lambda: _show_beside(result, runs, report))
    return result.parent / PAGE


def write_page_of(result: Path, runs: Sequence[Run], report: Report) -> Path:
    """Make one page of several runs beside their common result; return it."""

    def write() -> None:
        from edgewise.report.page.page import page_of

        report(Progress(PAGING))
        write_files(result.parent, {PAGE: page_of(runs, [result]).encode()})

    processes.in_first(write)
    return result.parent / PAGE


def _show_beside(result: Path, runs: Sequence[Run], report: Report) -> None:
    for run in runs:
        _mention(run, result, report)
    write_page_of(result, runs, report)


def _mention(run: Run, result: Path, report: Report) -> None:
    """Put a result onto a run's page; of a run that may not be written to just now the page stays as it is."""
    try:
        put_beside(run.folder, result)
        if are_shown(run.folder, [PAGE]):
            write_page(run, report)
    except (OSError, RunConflictError) as error:
        about = about_file(error) if isinstance(error, OSError) else error
        warnings.warn(f"the page of {run.folder} does not show {result.name}: {about}", EdgewiseWarning, stacklevel=2)


def draw_result(execution: Execution, out: Path, name: str, picture: Callable[[], Picture]) -> None:
    """Draw a result into its folder, and say so to whoever waits.

    Args:
        execution: how it is carried out.
        out: the folder.
        name: of its files, without a suffix.
        picture: makes what is drawn.
    """

    def draw() -> None:
        from edgewise.report.files import picture_files

        execution.report(Progress(DRAWING))
        write_files(out, picture_files(name, picture()))

    processes.in_first(draw)
