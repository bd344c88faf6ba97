"""What the columns of a page's document hold."""

from __future__ import annotations

from typing import TypeAlias

Number: TypeAlias = float | None
Named: TypeAlias = tuple[str, str]
Words: TypeAlias = tuple[str, ...]
