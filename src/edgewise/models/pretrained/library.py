"""``transformers``' own loaders, with what can go wrong there said in one line."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from logging import Filter, LogRecord, getLogger
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError, StrictDataclassError
from transformers.utils import logging

from edgewise.disk import trouble
from edgewise.errors import EdgewiseError, ModelError, UnknownNameError, did_you_mean
from edgewise.models.catalogue import KNOWN

# How much of what a library says is passed on, and what is not: a folder's trouble is not the network's.
SAID = 300
_IN_WORDS = (OSError, ValueError, ImportError, RuntimeError, KeyError)
_ADVICE = ("internet connection", "local directory with the same name", "offline mode")
_OF_THE_NETWORK = (*_ADVICE, "huggingface.co")
REPORTERS = (getLogger("transformers.modeling_utils"), getLogger("accelerate.big_modeling"))
JUDGED = ("LOAD REPORT", "checkpoint seem corrupted", "parameters are on the meta device")


def from_pretrained(name: str, loader: Any, source: str, **options: Any) -> Any:
    """``from_pretrained``, with what can go wrong there said in one line."""
    with told(name, source):
        return loader.from_pretrained(source, **options)


@contextmanager
def told(name: str, source: str, file: str | None = None) -> Iterator[None]:
    """What can go wrong while ``transformers`` loads something, said in one line.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        file: what is read of it, where that is one file.

    Raises:
        ModelError: something that is there and cannot be loaded.
        UnknownNameError: nothing is there.
    """
    try:
        with quiet():
            yield
    except EdgewiseError:
        raise
    except BaseException as error:  # code that a checkpoint carries raises what it likes
        if not broken(error):
            raise
        raise _load_error(name, source, error, file) from error


def broken(error: BaseException) -> bool:
    """Whether something failed: an error, or a panic of a library in Rust, which Python does not count among those."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def clipped(error: BaseException, most: int = SAID) -> str:
    """What an error says, with its kind where that says more, in one line that ends at a word."""
    words = " ".join(str(error).split())
    if isinstance(error, StrictDataclassError):
        return clipped(ValueError(_of_a_field(words)), most)
    if isinstance(error, KeyError) and error.args and " " not in str(error.args[0]):
        words = f"{words} is missing, or is not known to transformers"
    elif isinstance(error, RecursionError):
        words = "lists in lists without end"
    elif not words or not (isinstance(error, _IN_WORDS) or type(error) is Exception):
        words = f"{type(error).__name__}: {words}".rstrip(": ")
    words = words.rstrip(" .:;")
    return words if len(words) <= most else f"{words[:most].rsplit(' ', 1)[0]} ..."


def _of_a_field(words: str) -> str:
    """What a config class says of a value, without the errors that were passed on the way and each one's kind."""
    inner = re.sub(r"^Validation error for field '[^']*': ", "", words)
    return re.sub(r"^\w*Error: ", "", inner).partition(" Errors: ")[0].replace("<class '", "").replace("'>", "")


@contextmanager
def quiet() -> Iterator[None]:
    """While in force, no bar for every tensor (downloads have their own), and no report that is judged anyway."""
    shown, silent = logging.is_progress_bar_enabled(), _WithoutReport()
    logging.disable_progress_bar()
    for reporter in REPORTERS:
        reporter.addFilter(silent)
    try:
        yield
    finally:
        for reporter in REPORTERS:
            reporter.removeFilter(silent)
        if shown:
            logging.enable_progress_bar()


@contextmanager
def without_collection() -> Iterator[None]:
    """While in force, Python does not search for garbage: a vocabulary's hundreds of thousands of entries are none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _WithoutReport(Filter):
    def filter(self, record: LogRecord) -> bool:
        return not any(mark in record.getMessage() for mark in JUDGED)


def _load_error(name: str, source: str, error: BaseException, file: str | None) -> EdgewiseError:
    full = trouble(error)
    if full is not None:
        return ModelError(f"model {name!r} cannot be fetched or read: {'; '.join(full)} ({clipped(error, 160)})")
    reason = clipped(error)
    if isinstance(error, SyntaxError):
        reason = f"its code is no Python of this version: {reason}"
    if isinstance(error, ZeroDivisionError):
        reason = f"a size is 0 ({reason})"
    if Path(source).is_dir():
        where, mend = (f"{file}: ", f"; mend {file}, or get it again") if file else ("", "")
        return ModelError(f"model folder {source!r} cannot be loaded: {where}{_of_the_folder(reason)}{mend}")
    if not isinstance(error, OSError | HFValidationError):
        return ModelError(f"model {name!r} cannot be loaded: {reason}")
    near = "" if name in KNOWN else did_you_mean(name, KNOWN)
    known = f"model {name!r}" if name in KNOWN else f"unknown model {name!r}"
    return UnknownNameError(
        f"{known}{near or ';'} it is no folder here, and the hub did not give it"
        f" (check the name, the network, and `hf auth login` for gated models): {_of_the_hub(error)}"
    )


def _of_the_folder(reason: str) -> str:
    """What is said without the sentences about the network, which a folder does not need."""
    return _without(_OF_THE_NETWORK, reason) or "one of its files is missing or damaged; get the folder again"


def _of_the_hub(error: BaseException) -> str:
    """What the hub's library says, without its own advice, which is cut or of other programs."""
    words = _without(_ADVICE, " ".join(str(error).split())).rstrip(" .:;")
    return clipped(OSError(words or "it cannot be reached"), 200)


def _without(marks: tuple[str, ...], said: str) -> str:
    sentences = re.split(r"(?<=[.!?])\s+", said)
    return " ".join(one for one in sentences if not any(mark in one for mark in marks))
