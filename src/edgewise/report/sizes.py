"""How the size of a circuit was measured, as plain text."""

from __future__ import annotations

from edgewise.report.numbers import on_prompts, plain, share
from edgewise.report.table import Table
from edgewise.runs.sized import Sized


def describe_size(found: Sized) -> str:
    """What was chosen, what it reaches with its interval, and on which prompts; or that nothing is good enough."""
    target = f"faithfulness {found.target.value:g} or more"
    if found.target.measure == "kl":
        target = f"KL {found.target.value:g} or less"
    between = "" if found.low is None or found.high is None else f" (95 %: {share(found.low)} to {share(found.high)})"
    what = "KL" if found.target.measure == "kl" else f"of {found.metric}"
    number = share(found.value)
    reached = f"{what} {number}{between}" if what == "KL" else f"{number}{between} {what}"
    measured = f"{on_prompts(found.prompts)}; {len(found.points)} sizes measured"
    if not found.reached:
        return f"size: {target} is out of reach; {found.size:,} {found.counted} come nearest: {reached} {measured}"
    return f"size: {found.size:,} {found.counted} are the fewest of {target}: {reached} {measured}"


def size_notes(found: Sized) -> tuple[str, ...]:
    """What to know of the curve, one line each."""
    lines = []
    if found.falls:
        worst = found.at(found.falls[-1])
        value = share(found.target.of(worst)[0])
        lines.append(
            f"more {found.counted} are not always better: {worst.size:,} miss the target ({value}), though"
            f" {found.size:,} reach it; so there may be smaller ones that do, between the sizes measured"
        )
    if found.target.reached(found.at(0)):
        lines.append("the target is reached with nothing kept, so it asks for nothing")
    return tuple(lines)


def curve_of_sizes(found: Sized) -> Table:
    """The sizes measured, as a table."""
    counts = (found.counted, "edges") if found.counted == "nodes" else (found.counted,)
    header = (*counts, "faithfulness", "stderr", "KL", "stderr", "reached")
    cells = [
        (
            *(f"{count:,}" for count in (one.size, one.edges)[: len(counts)]),
            share(one.faithfulness),
            share(one.faithfulness_stderr),
            plain(one.kl),
            plain(one.kl_stderr),
            "yes" if found.target.reached(one) else "no",
        )
        for one in found.points
    ]
    return Table(header, cells, right=range(len(header) - 1))
