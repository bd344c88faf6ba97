"""What the verbs of long work share: how it is carried out, and how its result is shown and where it went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewise.cli import output
from edgewise.cli.options import Given
from edgewise.cli.progress import STOP, ShownProgress

if TYPE_CHECKING:
    from edgewise.runs.steps import Execution


@contextmanager
def carried_out(given: Given, overwrite: bool, stop: str = STOP) -> Iterator[Execution]:
    """Show progress within; `stop` as of `ShownProgress`.

    What is no part of the work is taken out of what was given: the memory to use, and what the launcher has read. A
    metric that the command names may run from here on, also where it is code of a file.
    """
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.metrics.own import give
    from edgewise.runs.steps import Execution

    quiet_transformers()
    given.pop("processes", None)
    if "metric" in given:
        given["metric"] = give(given["metric"])
    with ShownProgress(stop) as shown:
        yield Execution(overwrite, given.pop("max_memory", None), shown)


def show_result(out: Path, name: str, text: str, document: Any, *, as_json: bool, reused: bool = False) -> None:
    """Print a result that was drawn.

    Args:
        out: its folder.
        name: of its files, without a suffix, and of its JSON document.
        text: for people.
        document: JSON values, for programs.
        as_json: whether these are printed.
        reused: whether it was there already.
    """
    if as_json:
        output.document(name, document)
        return
    verb = f"Found the finished {name} in" if reused else "Wrote"
    output.result(f"{text}\n\nPicture: {out / f'{name}.svg'}\n{verb} {out / f'{name}.json'}")
