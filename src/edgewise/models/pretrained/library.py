"""``transformers``' own loaders, with what can go wrong there said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import Filter, LogRecord, getLogger
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers.utils import logging

from edgewise.errors import EdgewiseError, ModelError, UnknownNameError, did_you_mean
from edgewise.models.catalogue import KNOWN

# what loading raises for files that are damaged, absent, or of another kind
FAILURES: tuple[type[Exception], ...] = (OSError, ValueError, RuntimeError, KeyError, SafetensorError)
REPORTER = getLogger("transformers.modeling_utils")
JUDGED = ("LOAD REPORT", "checkpoint seem corrupted")


def from_pretrained(name: str, loader: Any, source: str, **options: Any) -> Any:
    """``from_pretrained``, with what can go wrong there said in one line."""
    try:
        with quiet():
            return loader.from_pretrained(source, **options)
    except FAILURES as error:
        raise _load_error(name, source, error) from error


@contextmanager
def quiet() -> Iterator[None]:
    """While in force, no bar for every tensor (downloads have their own), and no report that is judged anyway."""
    shown, silent = logging.is_progress_bar_enabled(), _WithoutReport()
    logging.disable_progress_bar()
    REPORTER.addFilter(silent)
    try:
        yield
    finally:
        REPORTER.removeFilter(silent)
        if shown:
            logging.enable_progress_bar()


class _WithoutReport(Filter):
    def filter(self, record: LogRecord) -> bool:
        return not any(mark in record.getMessage() for mark in JUDGED)


def _load_error(name: str, source: str, error: Exception) -> EdgewiseError:
    reason = " ".join(str(error).split())
    if Path(source).is_dir():
        return ModelError(f"model folder {source!r} cannot be loaded: {reason:.300}")
    near = "" if name in KNOWN else did_you_mean(name, KNOWN)
    known = f"model {name!r}" if name in KNOWN else f"unknown model {name!r}"
    return UnknownNameError(
        f"{known}{near or ';'} it is no folder here, and the hub did not give it"
        f" (check the name, the network, and `hf auth login` for gated models): {reason:.160}"
    )
