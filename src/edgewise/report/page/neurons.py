"""The page of a run of neurons: the best neurons and heads, the circuit of both, and what circuits keep by size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgewise.evaluation.neuron_circuits import NODES
from edgewise.evaluation.neuron_result import KeptNeurons, NeuronCurve
from edgewise.graph.ranked import RankedScores
from edgewise.report.neurons import (
    curve_table,
    describe_circuit,
    describe_exact_effects,
    edges_table,
    neuron_warnings,
    runs_table,
)
from edgewise.report.numbers import on_prompts, share
from edgewise.report.page import said
from edgewise.report.page.columns import Named, Words
from edgewise.report.page.html import filled_page
from edgewise.report.page.measured import size_curve, verified
from edgewise.report.page.measured_values import CurvePoint, FaithfulnessCurve
from edgewise.report.page.neuron_values import Curves, Grid, NeuronPage, Nodes
from edgewise.report.page.numbers import rounded, short
from edgewise.report.sizes import size_notes
from edgewise.report.table import Table
from edgewise.report.title import title_of
from edgewise.runs.neuron_selection import NEURONS_AND_HEADS
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.neurons import NeuronRun

MOST = 300
"""Neurons, and heads, that are listed."""
# In the order in which they are run: each may use what stands before it.
SCRIPTS = ("dom.js", "model.js", "table.js", "charts.js", "sections.js", "neurons.js")
FILES: tuple[Named, ...] = (
    ("neurons.json", "config, versions, counts, the metric's values, timing, the names of the circuit"),
    ("neurons.safetensors", "every score, with standard errors, and the edges of neurons"),
    ("neurons.csv; neuron-edges.csv", "the same as tables, largest first"),
    ("neurons-faithfulness.json", "how much of the behaviour the circuit keeps, unless --no-evaluate was given"),
    ("neurons-sizes.json", "how many it takes, where --keep or --max-kl was given"),
    ("neurons-evaluation.json", "circuits of ten sizes, by edgewise evaluate"),
    ("verification.json", "exact effects of some, by edgewise verify"),
    ("report.html", "this page"),
)


def neuron_page(run: NeuronRun) -> str:
    """Return the page of a run of neurons; the same run, and what was measured of it, give the same text."""
    title = f"{title_of(run.record)} · neurons · edgewise"
    return filled_page(title, to_json(_values(run, title)), SCRIPTS)


def _values(run: NeuronRun, title: str) -> NeuronPage:
    record, scores, by = run.record, run.scores, run.config.selection.by
    graph, found = scores.graph, verified(run)
    return NeuronPage(
        title=title,
        folder=run.folder.name,
        lead=(
            f"Heads and MLP neurons, scored by {run.config.method} on {record.prompts.n:,} prompts. Kept:"
            f" {record.rule}."
        ),
        metric=record.metric.name,
        lower_is_better=record.metric.lower_is_better,
        numbers=tuple(_numbers(run)),
        warnings=neuron_warnings(run),
        notes=() if run.sized is None else size_notes(run.sized),
        neurons=_nodes(run, scores.top_neurons(MOST, by), graph.n_neurons),
        heads=_nodes(run, scores.top_heads(MOST, by), graph.n_heads),
        layers=graph.spec.n_layers,
        circuit=tuple(_by_layer(run)),
        grids=tuple(_grids(run)),
        curves=tuple(_curves(run)),
        edges=None if run.edges is None else _grid("", edges_table(run.edges)),
        reading=_reading(run),
        verified=found,
        since=() if found is None else (("verification", found.verdict),),
        facts=tuple(_facts(run)),
        command=said.command(run),
        config=said.config_text(run),
        files=FILES,
    )


def _numbers(run: NeuronRun) -> Iterator[tuple[str, str, str]]:
    counts, metric = run.record.counts, run.record.metric
    yield "neurons kept", f"{counts.circuit_neurons:,}", f"of {counts.neurons:,}"
    yield "heads kept", f"{counts.circuit_heads:,}", f"of {counts.heads:,}"
    yield from said.metric_numbers(metric)
    if run.evaluated is not None:
        found = run.evaluated.evaluation
        yield "faithfulness", *_share(found.circuit)
        yield "every head, no neuron", *_share(found.heads)


def _share(kept: KeptNeurons) -> tuple[str, str]:
    return share(kept.faithfulness), "" if kept.stderr is None else f"± {share(kept.stderr)}"


def _nodes(run: NeuronRun, best: RankedScores, total: int) -> Nodes:
    scores, kept = run.scores, set(run.circuit)
    checked = scores.verified is not None
    return Nodes(
        names=best.names,
        layers=tuple(int(scores.graph.layers[scores.graph.node(name)]) for name in best.names),
        scores=rounded([row.score for row in best]),
        stderrs=tuple(short(row.stderr) for row in best),
        exact=tuple(int(bool(row.exact)) for row in best) if checked else None,
        estimates=tuple(short(row.estimate) for row in best) if checked else None,
        kept=tuple(int(row.name in kept) for row in best),
        total=total,
    )


def _by_layer(run: NeuronRun) -> Iterator[tuple[int, int]]:
    graph, mask = run.scores.graph, run.circuit.mask
    for layer in range(graph.spec.n_layers):
        yield int(np.sum(mask[graph.heads(layer)])), int(np.sum(mask[graph.neurons(layer)]))


def _grids(run: NeuronRun) -> Iterator[Grid]:
    """What circuits keep: those with their sizes, where they were evaluated, or else the circuit."""
    found = run.curves or run.evaluated
    if found is None:
        return
    yield _grid(f"What is kept {on_prompts(found.prompts)}", runs_table(found.evaluation))
    for curve in found.evaluation.curves:
        yield _grid(_title(curve), curve_table(curve))


def _grid(title: str, table: Table) -> Grid:
    return Grid(title, tuple(table.header), tuple(map(tuple, table.rows)))


def _title(curve: NeuronCurve) -> str:
    return "The best heads and neurons" if curve.what == NODES else "The best neurons, beside every head"


def _curves(run: NeuronRun) -> Iterator[Curves]:
    """Heads and neurons as they rank together, the circuit among them; and neurons beside every head."""
    by_what = {} if run.curves is None else {curve.what: curve for curve in run.curves.evaluation.curves}
    together = [] if run.sized is None else [size_curve("sizes", False, run.sized)]
    together += [_curve("the best", curve, NEURONS_AND_HEADS) for what, curve in by_what.items() if what == NODES]
    if run.evaluated is not None:
        point = _point(len(run.circuit), run.evaluated.evaluation.circuit, None)
        together.append(FaithfulnessCurve("the circuit", False, NEURONS_AND_HEADS, (point,), None))
    if together:
        words = "All other heads and neurons carry their corrupted activations; 0 is where none is kept."
        yield Curves("The best heads and neurons", words, tuple(together))
    for what, curve in by_what.items():
        if what != NODES:
            words = (
                "Every head is kept, and 0 is where no neuron is; where heads alone keep nearly all, it says nothing."
            )
            yield Curves(_title(curve), words, (_curve("the best", curve, "neurons"),))


def _curve(name: str, curve: NeuronCurve, counted: str) -> FaithfulnessCurve:
    points = (_point(one.size, one.kept, None if one.random is None else one.random.mean) for one in curve.points)
    return FaithfulnessCurve(name, False, counted, tuple(points), None)


def _point(size: int, kept: KeptNeurons, random: float | None) -> CurvePoint:
    return CurvePoint(
        size=size,
        edges=kept.heads + kept.neurons,
        faithfulness=short(kept.faithfulness),
        stderr=short(kept.stderr),
        kl=short(kept.measured.kl),
        kl_stderr=None,
        random=short(random),
    )


def _reading(run: NeuronRun) -> Words:
    metric = run.record.metric
    return (
        f"A score estimates how much {metric.name} would change if one neuron's activation, or all that one head"
        " gathers, were replaced at every position by what it is on the corrupted prompt, and all that follows were"
        " computed from it.",
        f"{said.signs(metric, 'it')} Scores are means over prompts; ± and stderr are standard errors of means.",
    )


def _facts(run: NeuronRun) -> Iterator[Named]:
    yield from said.of_model_and_prompts(run.record)
    yield "method", f"{run.config.method}, heads and neurons"
    yield "metric", run.record.metric.name
    yield "kept", run.record.rule
    if run.record.exact is not None:
        yield "exact effects", "; ".join(describe_exact_effects(run.record)).removeprefix("exact effects: ")
    for line in describe_circuit(run):
        name, _, value = line.partition(": ")
        yield name, value
    yield from said.of_machine(run.record)
