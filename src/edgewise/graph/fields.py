"""Fields of a parsed file, checked as they are read: an error names the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.errors import FormatError

__all__ = ["entry", "section"]


def section(d: Any, name: str, where: str = "") -> Mapping[str, Any]:
    """Return a dict inside the file. Raises FormatError when it is missing or not a dict."""
    found: Mapping[str, Any] = entry(d, name, Mapping, where)
    return found


def entry(holder: Any, field: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Return one field of a dict after checking what it is.

    Raises:
        FormatError: the holder is not a dict, the field is missing or not of that kind; a bool is no number.
    """
    name = f"{where}.{field}" if where else field
    if not isinstance(holder, Mapping):
        raise FormatError(f"{where or 'the file'} is {type(holder).__name__}, expected a dict")
    if field not in holder:
        raise FormatError(f"{name} is missing")
    value = holder[field]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
        raise FormatError(f"{name} is {value!r:.40}, expected {expected}")
    return value
