"""Memory that ran out, told from other failures, on whatever device."""

from __future__ import annotations

_SAID = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that an allocation failed; torch's own has a name, and a word for it on each device."""
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return known or any(words in str(error) for words in _SAID)
