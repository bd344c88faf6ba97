"""What runs have of a published circuit, in words."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.report.table import fixed
from edgewise.runs.contest.published import FoundOfPublished, Published


def published_said(known: Published | None) -> Iterator[str]:
    """A line that says what was published, and one a run; nothing where nothing was."""
    if known is None:
        return
    yield f"against the {known.summary}:"
    yield from (f"{number}: {found_of_published(known, found)}" for number, found in enumerate(known.runs, start=1))


def found_of_published(known: Published, found: FoundOfPublished) -> str:
    """What one run has of it: edges and their overlap where edges were published, and nodes."""
    nodes = f"{found.nodes:,} of {known.nodes:,} nodes"
    if found.edges is None:
        return nodes
    return f"{found.edges:,} of {known.edges:,} edges (overlap {fixed(found.overlap, 3)}), {nodes}"
