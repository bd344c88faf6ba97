"""How the scores of several sets of prompts become one."""

from __future__ import annotations

from typing import Literal, get_args

from edgewise.errors import UnknownNameError, did_you_mean

Way = Literal["min", "mean", "rank"]
WAYS: tuple[Way, ...] = get_args(Way)


def require_way(way: str) -> None:
    """Refuse another word. Raises UnknownNameError."""
    if way not in WAYS:
        near = did_you_mean(way, WAYS) or "."
        raise UnknownNameError(f"--together: unknown way '{way}'{near} Known ways: {', '.join(WAYS)}.")
