"""How a call is carried out: progress is shown, libraries are quiet meanwhile, memory is limited."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from edgewise.errors import EdgewiseWarning
from edgewise.metrics.own import give
from edgewise.runs.steps import Execution
from edgewise.verbs.given_model import name_model
from edgewise.verbs.progress import ShownProgress

STOP = "stop it at any time, the same call goes on"


@contextmanager
def carried_out(
    given: dict[str, Any], *, overwrite: bool, progress: bool, stop: str = STOP, tokenizer: Any | None = None
) -> Iterator[Execution]:
    """Yield the execution, and take the memory to use out of what was given; a metric in it is one that may run.

    A model in memory gets the name by which it is known.

    Args:
        given: settings by their fields.
        overwrite: do it again, in place of what is stored.
        progress: show it.
        stop: what to say, before a long step, of stopping it.
        tokenizer: that of a model in memory.
    """
    if "metric" in given:
        given["metric"] = give(given["metric"])
    name_model(given, tokenizer)
    memory = given.pop("max_memory", None)
    if not progress:
        yield Execution(overwrite, memory)
        return
    with _quiet_bars(), ShownProgress(stop) as shown:
        yield Execution(overwrite, memory, shown)


def tell(lines: Iterable[str]) -> None:
    """Warn whoever called the function that calls this, one line each."""
    for line in lines:
        warnings.warn(line, EdgewiseWarning, stacklevel=3)


@contextmanager
def _quiet_bars() -> Iterator[None]:
    """Keep transformers' own bars away, which would stand between ours; afterwards they are as before."""
    from transformers.utils import logging

    were = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if were:
            logging.enable_progress_bar()
