"""A data file is looked at before anything large is imported: most mistakes are told within a second."""

from __future__ import annotations

from typing import Any

from edgewise.cli.options import Given


def refuse_unreadable(given: Given) -> None:
    """Refuse a data file that is not there, not in its format, without rows or without a field.

    Args:
        given: what was typed; a task beside the file is for others to refuse, and answers may be left out where a
            metric is named that could need none.

    Raises:
        DataError: it names the file, the place and the fix.
    """
    if given.get("data") is None or "task" in given:
        return
    from edgewise.tasks.files import require_readable

    need = "metric" not in given
    require_readable(given["data"], n=_count(given.get("n")), require_answers=need, columns=given.get("columns"))


def _count(n: Any) -> int | None:
    return n if isinstance(n, int) and n > 0 else None
