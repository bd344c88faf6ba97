"""``transformers``' own loaders, with what can go wrong there said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import Filter, LogRecord, getLogger
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError, StrictDataclassError
from safetensors import SafetensorError
from transformers.utils import logging

from edgewise.errors import EdgewiseError, ModelError, UnknownNameError, did_you_mean
from edgewise.models.catalogue import KNOWN

# What a config or weights of the wrong kind may end in there.
FAILURES = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    TypeError,
    AttributeError,
    ImportError,
    AssertionError,
    ZeroDivisionError,
    StrictDataclassError,
    SafetensorError,
)
REPORTER = getLogger("transformers.modeling_utils")
JUDGED = ("LOAD REPORT", "checkpoint seem corrupted")


def from_pretrained(name: str, loader: Any, source: str, **options: Any) -> Any:
    """``from_pretrained``, with what can go wrong there said in one line."""
    with told(name, source):
        return loader.from_pretrained(source, **options)


@contextmanager
def told(name: str, source: str) -> Iterator[None]:
    """What can go wrong while ``transformers`` loads something, said in one line.

    Args:
        name: what the user called the model.
        source: its folder or hub name.

    Raises:
        ModelError: something that is there and cannot be loaded.
        UnknownNameError: nothing is there.
    """
    try:
        with quiet():
            yield
    except EdgewiseError:
        raise
    except Exception as error:  # code that a checkpoint carries raises what it likes
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
    if isinstance(error, KeyError) and " " not in str(error.args[0]):
        reason = f"{reason} is missing, or is not known to transformers"
    if isinstance(error, SyntaxError):
        reason = f"its code is no Python of this version: {reason}"
    if isinstance(error, ZeroDivisionError):
        reason = f"a size is 0 ({reason})"
    if Path(source).is_dir():
        return ModelError(f"model folder {source!r} cannot be loaded: {reason:.300}")
    if not isinstance(error, OSError | HFValidationError):
        return ModelError(f"model {name!r} cannot be loaded: {reason:.300}")
    near = "" if name in KNOWN else did_you_mean(name, KNOWN)
    known = f"model {name!r}" if name in KNOWN else f"unknown model {name!r}"
    return UnknownNameError(
        f"{known}{near or ';'} it is no folder here, and the hub did not give it"
        f" (check the name, the network, and `hf auth login` for gated models): {reason:.160}"
    )
