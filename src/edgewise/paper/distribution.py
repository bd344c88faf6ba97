"""How the scores of a task's edges fall inside and outside its circuit: what figures 4 and 8 show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgewise.evaluation.roc import score_roc
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.paper.figure import Cell, Made, Published, Request
from edgewise.paper.material import Experiment, in_papers_unit, scored, truth
from edgewise.report.charts.chart import Chart, stacked
from edgewise.report.charts.scores import scores_chart
from edgewise.report.charts.spread import histogram, spread_of
from edgewise.report.picture.circuit import Heading
from edgewise.runs.store.record import MetricSummary

HEADER = ("task", "model", "edge", "score", "in circuit")
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
# What the paper's notebook printed: the logit difference of its 25 IOI prompts.
METRIC_VALUES = {"ioi": (2.805, 1.621)}


@dataclass(frozen=True)
class Distribution:
    """One task's part of a figure.

    Args:
        chart: the picture.
        data: JSON values.
        rows: of the CSV, one an edge.
        published: numbers of the paper beside ours.
        caption: sentences.
    """

    chart: Chart
    data: Mapping[str, Any]
    rows: tuple[tuple[Cell, ...], ...]
    published: tuple[Published, ...]
    caption: tuple[str, ...]


def distributions(request: Request, tasks: Sequence[Experiment], title: str) -> Made:
    """Run what is missing and return the figure, one part a task."""
    parts = [_distribution(one, request, f"{title}, {one.title}") for one in tasks]
    return Made(
        picture=stacked([part.chart for part in parts], title),
        data={one.task: part.data for one, part in zip(tasks, parts, strict=True)},
        header=HEADER,
        rows=tuple(row for part in parts for row in part.rows),
        published=tuple(row for part in parts for row in part.published),
        caption=(
            *(sentence for part in parts for sentence in (*part.caption, "")),
            *(("Made with `--fast`: fewer prompts.",) if request.fast else ()),
        ),
    )


def _distribution(one: Experiment, request: Request, title: str) -> Distribution:
    found, true = in_papers_unit(one, scored(one, request, "eap")), truth(one, request)
    scores, circuit, graph = found.scores, true.circuit, found.scores.graph
    record = found.run.record
    sizes, inside = np.abs(scores.values[graph.mask]).astype(np.float64), circuit.mask[graph.mask]
    auc = score_roc(scores, circuit).auc
    lines = (f"{found.line}; scores of EAP, in units of: {found.unit}", f"circuit: {true.words}")
    said = zip(graph.edges(), scores.values[graph.mask].tolist(), inside.tolist(), strict=True)
    spread = spread_of(scores, circuit)
    bars = histogram(spread)
    return Distribution(
        scores_chart(scores, circuit, Heading(title, lines, found.unit)),
        {
            "model": record.config.model,
            "prompts": record.prompts.n,
            "unit": found.unit,
            "one unit": found.size,
            "metric": record.metric.name,
            "truth": true.words,
            "edges": graph.n_edges,
            "in circuit": int(inside.sum()),
            "zero": spread.zeros,
            "histogram": {"ends": bars.ends, "inside": bars.kept, "outside": bars.others},
            "quantiles": {"at": QUANTILES, "inside": _quantiles(sizes[inside]), "outside": _quantiles(sizes[~inside])},
            "auc": auc,
        },
        tuple((one.task, record.config.model, name, score, int(kept)) for (_, _, name), score, kept in said),
        _published(one, record.metric, sizes, inside, auc, one.same_model(request)),
        (
            f"**{one.title}**: model `{record.config.model}`, {record.prompts.n} prompts. Scores of EAP for"
            f" {graph.n_edges:,} edges, in units of: {found.unit}{_worth(found.size)}."
            f" Circuit: {true.words} ({int(inside.sum()):,} edges).",
        ),
    )


def _published(
    one: Experiment, metric: MetricSummary, sizes: FloatArray, inside: BoolArray, auc: float, same: bool
) -> tuple[Published, ...]:
    papers, ours = METRIC_VALUES.get(one.task, ()), (metric.clean, metric.corrupted)
    medians = (float(np.median(sizes[chosen])) for chosen in (inside, ~inside))
    return (
        *(
            Published(f"{one.title}: {metric.name} of {which} prompts", paper, value, same)
            for which, paper, value in zip(("clean", "corrupted"), papers, ours, strict=False)
        ),
        Published(f"{one.title}: median |score| inside the circuit", None, next(medians), same),
        Published(f"{one.title}: median |score| outside", None, next(medians), same),
        Published(f"{one.title}: chance that an edge inside outranks one outside (AUC)", None, auc, same),
    )


def _quantiles(sizes: FloatArray) -> list[float]:
    return [float(value) for value in np.quantile(sizes, QUANTILES)]


def _worth(size: float) -> str:
    return "" if size == 1.0 else f" (1 is {size:.3f})"
