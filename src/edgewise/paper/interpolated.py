"""Docstring's edges patched by growing shares of the change, against the tangent: what figures 5b and 10 show.

The tangent's slope is the edge's EAP score; the curve ends at its exact effect. Where the two part, EAP is wrong, and
the shape of the curve says how.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgewise.graph import EdgeScores
from edgewise.graph.arrays import FloatArray
from edgewise.paper.figure import Made, Request
from edgewise.paper.material import Experiment, base_config, run_folder, scored
from edgewise.report.charts.tangents import Bent, tangents_chart
from edgewise.report.picture.circuit import Heading
from edgewise.runs.interpolation import interpolated
from edgewise.runs.store.record import RunRecord

SHARES, FAST_SHARES = 101, 11
HEADER = ("edge", "share", "change", "tangent")
ACROSS = "share λ of the change"


def curves_of(request: Request, one: Experiment, edges: Sequence[str], name: str, title: str, which: str) -> Made:
    """Run what is missing and return the figure.

    Args:
        request: what is asked for.
        one: the task.
        edges: names of the edges, in the order in which they are shown.
        name: of the figure.
        title: of the picture.
        which: which edges these are, in words.
    """
    run = scored(one, request, "eap")
    record, graph = run.record, run.scores.graph
    shares = np.linspace(0, 1, FAST_SHARES if request.fast else SHARES).tolist()
    values = interpolated(
        base_config(one, request),
        edges,
        shares,
        run_folder(one, request) / "interpolation",
        name,
        request.execution.named(one.task),
    )
    slopes = [float(run.scores.values[graph.edge(edge)]) for edge in edges]
    lines = (
        f"{record.config.model}, {one.title}: {record.prompts.n:,} prompts, {record.metric.name}; {which}",
        f"{len(shares)} values of λ: 0 is the clean run, at 1 the edge is patched",
    )
    bent = [Bent(edge, shares, curve.tolist(), slope) for edge, curve, slope in zip(edges, values, slopes, strict=True)]
    heading = Heading(title, lines, record.metric.name)
    return Made(
        picture=tangents_chart(bent, heading, ACROSS, f"change of {record.metric.name}"),
        data={
            "model": record.config.model,
            "task": one.task,
            "metric": record.metric.name,
            "prompts": record.prompts.n,
            "shares": shares,
            "edges": {curve.name: {"eap": curve.slope, "curve": list(curve.values)} for curve in bent},
        },
        header=HEADER,
        rows=tuple(
            (curve.name, share, value, share * curve.slope)
            for curve in bent
            for share, value in zip(shares, curve.values, strict=True)
        ),
        published=(),
        caption=_caption(request, one, record, bent, which),
    )


def _caption(request: Request, one: Experiment, record: RunRecord, bent: Sequence[Bent], which: str) -> tuple[str, ...]:
    return (
        f"Model `{record.config.model}`, {one.title}, {record.prompts.n} prompts: {which}. Each edge is patched"
        f" alone by {len(bent[0].shares)} shares λ of the change, in units of {record.metric.name}.",
        "",
        "| edge | EAP | measured at λ = 1 |",
        "| --- | --- | --- |",
        *(f"| {curve.name} | {curve.slope:.3g} | {curve.values[-1]:.3g} |" for curve in bent),
        *(("", "Made with `--fast`: fewer prompts and values of λ.") if request.fast else ()),
    )


def largest(scores: EdgeScores, size: FloatArray, n: int) -> tuple[str, ...]:
    """Names of the edges at which something is largest, the largest first."""
    order = np.argsort(-size[scores.graph.mask], kind="stable")[:n]
    names = [name for _, _, name in scores.graph.edges()]
    return tuple(names[at] for at in order)
