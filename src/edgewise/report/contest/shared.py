"""What several sets of prompts share, as plain text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan
from typing import Any

from edgewise.report.charts.chart import Chart
from edgewise.report.charts.shared import Rows, parts_chart
from edgewise.report.numbers import plain
from edgewise.report.picture.circuit import Heading
from edgewise.report.table import fixed, table
from edgewise.runs.contest.shared_result import KeptOfSet, Shared, SharedEdge, SharingSet, SpecificEdge
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import CIRCUIT

# Rows of each list.
ROWS = 8
# And of each part of the picture.
DRAWN = 16
WAYS = {
    "min": "the least that any set has of it, where all agree in sign",
    "mean": "the mean over sets",
    "rank": "the mean rank over sets, 1 for the largest",
}


def shared_document(stored: StoredResults[Shared]) -> dict[str, Any]:
    """The JSON document of a result."""
    assert stored.path is not None
    return {
        "file": str(stored.path),
        "circuit": str(stored.path.parent / CIRCUIT),
        "reused": stored.reused,
        "asked": dict(stored.asked),
        **to_json(stored.results),
    }


def show_shared(found: Shared) -> str:
    """The sets, the shared circuit, what it keeps of each, and what is specific."""
    parts = [shared_head(found), _sets(found)]
    if found.kept:
        parts.append(_kept(found))
    parts.append(_top(found))
    parts += [_specific(found, one) for one in found.sets]
    return "\n\n".join(part for part in parts if part)


def shared_picture(found: Shared) -> Chart:
    """The shared edges and those of each set alone, with the part that each set has of them."""
    columns = ("shared", *(f"{number}: {one.name}" for number, one in enumerate(found.sets, start=1)))
    title, *lines = shared_head(found).splitlines()
    lines.append("below zero, blue: what helps the metric; above zero, red: what works against it")
    blocks = [] if not found.top else [_rows(found.top, Heading(title, tuple(lines), title))]
    for number, one in enumerate(found.sets, start=1):
        head, _, said = _left(one).partition(": ")
        if one.specific:
            blocks.append(_rows(one.specific, Heading(f"{number}: {head}", (said,), head)))
    return parts_chart(title, columns, blocks)


def edges_table(found: Shared) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The same as a header and rows of text."""
    header = (found.level, "of", "shared", *(one.name for one in found.sets))
    every: list[tuple[str, SharedEdge | SpecificEdge]] = [("all", one) for one in found.top]
    every += [(f"{one.name} alone", edge) for one in found.sets for edge in one.specific]
    rows = [
        (
            edge.name,
            of,
            fixed(edge.score if isinstance(edge, SharedEdge) else None, 3),
            *(fixed(part, 3) for part in edge.parts),
        )
        for of, edge in every
    ]
    return header, tuple(rows)


def _rows(edges: Sequence[SharedEdge | SpecificEdge], heading: Heading) -> Rows:
    values = [(one.score if isinstance(one, SharedEdge) else nan, *one.parts) for one in edges[:DRAWN]]
    return Rows(heading, tuple(one.name for one in edges[:DRAWN]), tuple(values))


def _left(one: SharingSet) -> str:
    left = one.circuit_edges - one.in_shared
    return f"only of {one.name}: {left:,} of its {one.circuit_edges:,} edges are not in the shared circuit"


def shared_head(found: Shared) -> str:
    """What it is of, how scores were made into one, and how many agree in sign."""
    what = f"{found.level}s"
    return (
        f"{found.model}: {len(found.sets)} sets of prompts; {found.circuit_edges:,} of {found.edges:,} edges are shared"
        f" ({found.rule})\n"
        f"a score is {WAYS[found.way]}, as a part of each set's whole effect\n"
        f"{found.same_sign:,} of {found.all_scored:,} {what} have one sign in all sets"
    )


def _sets(found: Shared) -> str:
    names = [str(number) for number in range(1, len(found.sets) + 1)]
    rows = [
        (
            number,
            one.name,
            f"{one.n:,}",
            one.metric,
            plain(one.effect),
            f"{one.circuit_edges:,}",
            f"{one.in_shared:,}",
            *(fixed(value, 2) for value in found.overlap[place]),
            *(fixed(value, 2) for value in found.rank_correlation[place]),
        )
        for place, (number, one) in enumerate(zip(names, found.sets, strict=True))
    ]
    columns = ("set", "prompts of", "n", "metric", "effect", "edges", "in shared")
    alike = (*(f"overlap {name}" for name in names), *(f"rho {name}" for name in names))
    return table((*columns, *alike), rows, right=(0, 2, *range(4, 7 + 2 * len(names))))


def _kept(found: Shared) -> str:
    names = [str(number) for number in range(1, len(found.sets) + 1)]
    header = ("faithfulness on", "n", "shared", "stderr", *(f"circuit of {name}" for name in names), "random")
    rows = [_kept_row(number, one) for number, one in zip(names, found.kept, strict=True)]
    notes = [f"{one.name}: {one.note}" for one in found.kept if one.note]
    return "\n".join((table(header, rows, right=range(1, len(header))), *notes))


def _kept_row(number: str, one: KeptOfSet) -> tuple[str, ...]:
    known = [value for value in one.random if value is not None]
    mean = sum(known) / len(known) if known else None
    numbers = (one.shared, one.shared_stderr, *one.own, mean)
    return (f"{number}: {one.name}", f"{one.n:,}", *(fixed(value, 2) for value in numbers))


def _top(found: Shared) -> str:
    columns = (found.level, "shared", *(f"set {number}" for number in range(1, len(found.sets) + 1)))
    rows = [(one.name, fixed(one.score, 3), *(fixed(part, 3) for part in one.parts)) for one in found.top[:ROWS]]
    return table(columns, rows, right=range(1, len(columns))) if rows else "nothing is shared"


def _specific(found: Shared, one: SharingSet) -> str:
    return "\n".join(_specific_lines(found, one))


def _specific_lines(found: Shared, one: SharingSet) -> Iterator[str]:
    yield _left(one)
    rows = [(edge.name, fixed(edge.part, 3), fixed(edge.elsewhere, 3)) for edge in one.specific[:ROWS]]
    if rows:
        yield table((found.level, "part", "elsewhere"), rows, right=(1, 2))
