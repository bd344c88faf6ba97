"""What a page carries: its document, and all texts of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def document(text: str) -> dict[str, Any]:
    """The one document of a page."""
    (found,) = _DATA.findall(text)
    return dict(json.loads(found))


def texts(values: Any) -> Iterator[str]:
    """Every text in JSON values."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, dict | list):
        for value in values.values() if isinstance(values, dict) else values:
            yield from texts(value)


def said(folder: Path) -> str:
    """All texts of a run's page."""
    return "\n".join(texts(document((folder / "report.html").read_text(encoding="utf-8"))))
