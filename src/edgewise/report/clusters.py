"""Whether prompts use one circuit, as plain text."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.evaluation.clusters import CHANCE, STRUCTURE
from edgewise.report.table import fixed, table
from edgewise.runs.clusters import Clusters, PromptGroup

ROWS = 5
_NUMBERS = 12


def show_clusters(found: Clusters) -> str:
    """The verdict, the groups, and what tells each apart."""
    return "\n\n".join(("\n".join(_head(found)), _groups(found), *_telling(found)))


def _head(found: Clusters) -> Iterator[str]:
    yield (
        f"{found.model}: {found.n:,} prompts by their scores of the {found.edges:,} {found.level}s that matter most;"
        f" two prompts are alike by {found.alike:.2f} (mean cosine)"
    )
    chance = (
        "" if found.p is None else f", p = {found.p:.2g} by permuted scores (at most {fixed(found.chance, 2)} there)"
    )
    yield f"{len(found.groups)} groups: silhouette {found.silhouette:.2f}{chance}"
    yield f"verdict: {_verdict(found)}"
    if found.purity is not None:
        yield f"purity by run: {found.purity:.3f}"


def _verdict(found: Clusters) -> str:
    if found.several:
        return f"{len(found.groups)} kinds of prompts, which use different {found.level}s; score each by itself"
    if found.silhouette < STRUCTURE:
        return f"one circuit, as far as this tells: a silhouette below {STRUCTURE} is no substantial structure"
    return f"one circuit, as far as this tells: such groups come by chance (p above {CHANCE})"


def _groups(found: Clusters) -> str:
    columns = ("group", "prompts", *(f"of {run}" for run in found.runs if len(found.runs) > 1), "alike", "which")
    rows = [
        (
            str(number),
            f"{one.n:,}",
            *(f"{n:,}" for n in one.of_runs if len(found.runs) > 1),
            f"{one.alike:.2f}",
            _which(one) if len(found.runs) == 1 else "",
        )
        for number, one in enumerate(found.groups, start=1)
    ]
    return table(columns, rows, right=range(len(columns) - 1))


def _which(one: PromptGroup) -> str:
    (numbers,) = one.prompts
    shown = ", ".join(map(str, numbers[:_NUMBERS]))
    return f"{shown} and {len(numbers) - _NUMBERS} more" if len(numbers) > _NUMBERS else shown


def _telling(found: Clusters) -> Iterator[str]:
    for number, one in enumerate(found.groups, start=1):
        rows = [(edge.name, fixed(edge.here, 3), fixed(edge.elsewhere, 3)) for edge in one.telling[:ROWS]]
        yield table((f"{found.level}s of group {number}", "mean score", "elsewhere"), rows, right=(1, 2))
