"""The files that show a run of neurons on paper: effects by layer, and faithfulness by size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgewise.evaluation.neuron_circuits import NODES
from edgewise.graph.ranked import RankedScores
from edgewise.report.charts.chart import Chart
from edgewise.report.charts.neurons import Sizes, Stand, neurons_chart
from edgewise.report.picture.circuit import Heading
from edgewise.report.pictures import BY_DEFAULT, Format, files_of
from edgewise.report.scenes import how_found
from edgewise.report.title import title_of
from edgewise.runs.store.neurons import NeuronRun

MOST = 300
"""Neurons, and heads, that are drawn."""
NAME = "neurons"


def neuron_picture_files(run: NeuronRun, formats: Sequence[Format] = BY_DEFAULT) -> dict[str, bytes]:
    """Return the pictures of a run of neurons, file name -> content; the same run gives the same bytes.

    Args:
        run: a finished run.
        formats: of the pictures; SVG is light or dark as the reader's screen.

    Raises:
        UnknownNameError: an unknown format.
    """
    return files_of({NAME: run_neurons(run)}, formats)


def run_neurons(run: NeuronRun) -> Chart:
    """Return the picture of a run of neurons."""
    counts, by = run.record.counts, run.config.selection.by
    of_heads, of_neurons = (
        f"{counts.circuit_heads:,} of {counts.heads:,}",
        f"{counts.circuit_neurons:,} of {counts.neurons:,}",
    )
    kept = f"{of_heads} heads and {of_neurons} neurons"
    above = Heading(
        f"Neurons and heads of {title_of(run.record)}", (" · ".join((kept, *how_found(run))),), run.record.metric.name
    )
    neurons, heads = (_stands(run, best(MOST, by)) for best in (run.scores.top_neurons, run.scores.top_heads))
    return neurons_chart(neurons, heads, tuple(_sizes(run)), above)


def _stands(run: NeuronRun, best: RankedScores) -> list[Stand]:
    graph, kept, is_distance = run.scores.graph, set(run.circuit), run.record.metric.lower_is_better
    return [
        Stand(
            row.name,
            int(graph.layers[graph.node(row.name)]),
            row.score,
            (row.score > 0) == is_distance,
            row.name in kept,
        )
        for row in best
    ]


def _sizes(run: NeuronRun) -> Iterator[Sizes]:
    """The curves of an evaluation, and the circuit."""
    for curve in () if run.curves is None else run.curves.evaluation.curves:
        words = "heads and neurons" if curve.what == NODES else "neurons, beside every head"
        known = [(one, one.kept.faithfulness) for one in curve.points]
        points = tuple((one.size, f, one.kept.stderr) for one, f in known if f is not None)
        random = tuple((one.size, one.random.mean) for one in curve.points if one.random is not None)
        if points:
            yield Sizes(words, points, random)
    found = None if run.evaluated is None else run.evaluated.evaluation.circuit
    if found is not None and found.faithfulness is not None and len(run.circuit):
        yield Sizes("the circuit", ((len(run.circuit), found.faithfulness, found.stderr),))
