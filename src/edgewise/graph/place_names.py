"""Names of places in the prompt, as they stand behind ``@`` in the names of edges."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.errors import SelectionError


def place_name_problem(name: str) -> str | None:
    """Why a name cannot be that of a place, and what to write; None where it can."""
    if not name or not name.isprintable() or any(part in name for part in ("@", "->", ",", '"')):
        return f"'{name}' cannot be the name of a place; use letters, digits and signs other than @ , \" and ->"
    return None


def checked_places(names: Sequence[str]) -> tuple[str, ...]:
    """The names. Raises SelectionError for one that cannot be, or that is there twice."""
    for name in names:
        problem = place_name_problem(name)
        if problem is not None:
            raise SelectionError(problem)
        if names.count(name) > 1:
            raise SelectionError(f"two places are named '{name}'; name each once")
    return tuple(names)


def where_in_words(places: Sequence[str], readers: bool) -> str:
    """Where the edges of a graph are, for messages."""
    return f"at {', '.join(places)}{', by reader' if readers else ''}" if places else "over all positions"
