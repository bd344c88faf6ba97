"""JSON of other people's files: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import json
from typing import Any


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
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; lists in lists without end
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= most else f"{text[:most]}..."
