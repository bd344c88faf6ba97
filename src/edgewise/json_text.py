"""JSON of other people's files: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# What is read as one takes some twenty times its size; the largest circuits take half of this.
MOST_BYTES = 2**28


def json_bytes(path: Path) -> bytes:
    """The content of a JSON file that is to be read as one.

    Raises:
        ValueError: it is larger than any such file.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{size / 2**20:.0f} MiB, and no more than {MOST_BYTES / 2**20:.0f} are read")
    return path.read_bytes()


def parse_json(text: str | bytes) -> Any:
    """Return the values of a JSON text; NaN and Infinity are read, as Python writes them.

    Raises:
        ValueError: it is none, is not UTF-8, nests too deep, or has a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(str(error)) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8, at byte {error.start}") from None
    except ValueError:
        raise ValueError("a number has thousands of digits") from None


def shown(value: Any, most: int = 80) -> str:
    """A value in few letters, whatever it is: for messages."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # a number of thousands of digits; lists in lists without end
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= most else f"{text[:most]}..."
