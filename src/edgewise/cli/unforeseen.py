"""What nobody foresaw: one line on the terminal, and the full trace in a file that can be sent."""

from __future__ import annotations

import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

# Stands before or behind the verb.
DEBUG = "--debug"
_PACKAGES = ("edgewise", "torch", "transformers", "tokenizers", "safetensors", "numpy", "gguf", "peft", "pyarrow")


def debugging(given: Sequence[str]) -> tuple[list[str], bool]:
    """The command line without ``--debug``, and whether it was there."""
    left = [word for word in given if word != DEBUG]
    return left, len(left) < len(given)


def show_trace(error: Exception) -> None:
    """The full trace on stderr."""
    traceback.print_exception(error, file=sys.stderr)


def about_unforeseen(error: Exception, given: Sequence[str]) -> str:
    """One line for an error that nobody foresaw; its trace goes into a file of the temporary folder.

    Args:
        error: what was raised.
        given: the command line.
    """
    said = f"unforeseen {_in_one_line(error)}"
    try:
        kept = _stored(error, given)
    except OSError:
        return f"{said}; see the full trace with {DEBUG}, and please report it{_where()}"
    more = f"please report it, with that file{_where()}, or see it at once with {DEBUG}"
    return f"{said}; the full trace is in {kept}; {more}"


def _in_one_line(error: Exception) -> str:
    try:
        words = " ".join(str(error).split())
    except Exception:  # an error of someone else's code may not even have words
        words = ""
    kind = type(error).__name__
    return f"{kind}: {words[:300]}{' ...' if len(words) > 300 else ''}" if words else kind


def _stored(error: Exception, given: Sequence[str]) -> str:
    lines = [f"command: {shlex.join(['edgewise', *given])}", *_versions(), ""]
    trace = "".join(traceback.format_exception(error))
    file = tempfile.NamedTemporaryFile(  # noqa: SIM115
        "w", encoding="utf-8", errors="backslashreplace", prefix="edgewise-", suffix=".txt", delete=False
    )
    try:
        with file:
            file.write("\n".join(lines) + trace)
    except OSError:  # half a trace is none
        Path(file.name).unlink(missing_ok=True)
        raise
    return file.name


def _versions() -> list[str]:
    return [f"python {platform.python_version()} on {platform.platform()}", *map(_version, _PACKAGES)]


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} is not installed"


def _where() -> str:
    """Where to report, if the package says so."""
    try:
        places = metadata("edgewise").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = dict(place.split(", ", 1) for place in places if ", " in place)
    found = next((named[kind] for kind in ("Issues", "Repository", "Homepage") if kind in named), None)
    return f", at {found}" if found else ""
