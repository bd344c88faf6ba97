"""What runs have of a known circuit, in words and as a table."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.report.table import Table, fixed
from edgewise.runs.contest.against import Against, FoundOfKnown, Ranked

_BY = {"abs": "|score|", "signed": "score", "helpful": "minus score", "mean-abs": "mean |score|"}
HEADER = ("#", "overlap", "edges", "nodes", "AUROC", "average precision")


def known_said(known: Against | None) -> Iterator[str]:
    """A line that says what is known, one a run, and what was ranked; nothing where nothing is known."""
    if known is None:
        return
    yield f"against {known.circuit}:"
    yield from (f"{number}: {found_of_known(known, found)}" for number, found in enumerate(known.runs, start=1))
    yield from ranked_said(known)


def found_of_known(known: Against, found: FoundOfKnown) -> str:
    """What one run has of it: edges and their overlap where edges are known, nodes, and how its scores rank it."""
    nodes = f"{found.nodes:,} of {known.nodes:,} nodes"
    ranked = "" if found.ranked is None else f", {_areas(found.ranked)}"
    if found.edges is None:
        return f"{nodes}{ranked}"
    return f"{found.edges:,} of {known.edges:,} edges (overlap {fixed(found.overlap, 3)}), {nodes}{ranked}"


def known_table(known: Against) -> Table:
    """A row a run."""
    cells = [(str(number), *_cells(known, found)) for number, found in enumerate(known.runs, start=1)]
    return Table(HEADER, cells, right=range(len(HEADER)))


def ranked_said(known: Against) -> Iterator[str]:
    """What the areas are of, a line for each kind of candidates, and why an area is missing."""
    every = dict.fromkeys(
        (found.ranked.what, found.ranked.by, found.ranked.candidates, found.ranked.true)
        for found in known.runs
        if found.ranked is not None
    )
    for what, by, candidates, true in every:
        yield (
            f"AUROC, average precision: of {_BY.get(by, by)} over {candidates:,} {what}, {true:,} of them known; by"
            f" chance 0.5 and {true / candidates:.3f}"
        )
    for number, found in enumerate(known.runs, start=1):
        if found.not_ranked is not None:
            yield f"no AUROC of {number}: {found.not_ranked}"
        elif found.ranked is not None and found.ranked.unscored:
            yield f"{found.ranked.unscored:,} {found.ranked.what} of {number} have no score, and rank last together"


def _cells(known: Against, found: FoundOfKnown) -> tuple[str, ...]:
    edges = "-" if found.edges is None else f"{found.edges:,} of {known.edges:,}"
    ranked = found.ranked
    areas = (None, None) if ranked is None else (ranked.auroc, ranked.average_precision)
    return (
        fixed(found.overlap, 3),
        edges,
        f"{found.nodes:,} of {known.nodes:,}",
        *(fixed(area, 4) for area in areas),
    )


def _areas(ranked: Ranked) -> str:
    return f"AUROC {fixed(ranked.auroc, 3)}, average precision {fixed(ranked.average_precision, 3)}"
