"""Runs of neurons, and what was measured of their circuits, as plain text and as JSON documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

from edgewise.evaluation.neuron_circuits import NODES
from edgewise.evaluation.neuron_result import KeptNeurons, NeuronCurve, NeuronEvaluation
from edgewise.graph.neuron_edges import NeuronEdges
from edgewise.graph.ranked import RankedScore, RankedScores
from edgewise.report.document import UNMEASURED, UNSIZED
from edgewise.report.numbers import on_prompts, plain, share
from edgewise.report.sizes import curve_of_sizes, describe_size, size_notes
from edgewise.report.table import Table, fixed, table
from edgewise.report.text import DEFAULT_TOP, noted
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.neuron_record import NeuronEvaluated, NeuronRecord
from edgewise.runs.store.neurons import NeuronRun

# Edges that are listed of each neuron, on either side.
EDGES_EACH = 3


def neuron_warnings(run: NeuronRun) -> tuple[str, ...]:
    """What to beware of in a run, and in what was measured of its circuit, one line each."""
    measured = () if run.evaluated is None else run.evaluated.warnings
    why = () if run.unmeasured is None else (f"{UNMEASURED}: {run.unmeasured}",)
    size = () if run.unsized is None else (f"{UNSIZED}: {run.unsized}",)
    return tuple(dict.fromkeys((*run.record.warnings, *measured, *size, *why)))


def show_neurons(run: NeuronRun, rows: int = DEFAULT_TOP) -> str:
    """What was run, what it found, and the best heads and neurons."""
    record = run.record
    found = (*describe_exact_effects(record), *describe_circuit(run))
    said = (*describe_run(record), "", _metric(record), "", *found, "")
    return "\n".join((*said, *_tables(run, rows)))


def neurons_document(run: NeuronRun, rows: int = DEFAULT_TOP) -> dict[str, Any]:
    """A run as JSON values: folder, `neurons.json`, what was measured of the circuit, the best heads and neurons."""
    kept, by = set(run.circuit), run.config.selection.by
    return {
        "folder": str(run.folder),
        "reused": run.reused,
        "run": to_json(run.record),
        "sizes": None if run.sized is None else to_json(run.sized),
        "faithfulness": None if run.evaluated is None else to_json(run.evaluated),
        "evaluation": None if run.curves is None else to_json(run.curves),
        "warnings": list(neuron_warnings(run)),
        "edges": [] if run.edges is None else [asdict(row) for row in _best_edges(run.edges, rows)],
        **{
            what: [asdict(row) | {"in_circuit": row.name in kept} for row in best]
            for what, best in (("neurons", run.scores.top_neurons(rows, by)), ("heads", run.scores.top_heads(rows, by)))
        },
    }


def show_neuron_evaluation(found: NeuronEvaluated) -> str:
    """What the circuit keeps, and circuits of growing size."""
    said, prompts = found.evaluation, found.prompts
    head = f"{prompts.what}, {on_prompts(prompts)}: {said.metric}; all other heads and neurons at corrupted activations"
    note = () if prompts.note is None else (f"note: {prompts.note}",)
    return "\n".join((head, *note, "", str(runs_table(said)), *(_curve(curve) for curve in said.curves)))


def neuron_evaluation_document(stored: StoredResults[NeuronEvaluated]) -> dict[str, Any]:
    """An evaluation as JSON values."""
    return {"file": str(stored.path), "reused": stored.reused, **to_json(stored.results)}


def describe_run(record: NeuronRecord) -> tuple[str, str]:
    """Model, prompts, method and metric; and what is kept, on which machine, in how much time."""
    prompts, config = record.prompts, record.config
    dropped = f" ({prompts.dropped} rows dropped)" if prompts.dropped else ""
    return (
        f"{config.model} on {prompts.name}: {prompts.n} prompts{dropped}, {config.method}, {record.metric.name}",
        f"heads and neurons kept: {record.rule}; {config.dtype} on {config.device}, {record.timing['total']:.1f} s",
    )


def _metric(record: NeuronRecord) -> str:
    metric = record.metric
    rows = [
        ("clean", plain(metric.clean), plain(metric.clean_stderr)),
        ("corrupted", plain(metric.corrupted), plain(metric.corrupted_stderr)),
    ]
    return table(("prompts", metric.name, "stderr"), rows, right=(1, 2))


def describe_exact_effects(record: NeuronRecord) -> Iterator[str]:
    """How many scores are exact effects, and how good the estimates of these are; a line each."""
    found = record.exact
    if found is None:
        return
    total = record.counts.heads + record.counts.neurons
    yield f"exact effects: {found.measured:,} of {total:,}, those of largest estimate"
    if found.pearson is not None and found.spearman is not None:
        yield (
            f"estimate and exact agree with Pearson r {found.pearson:.2f}, Spearman {found.spearman:.2f} on these;"
            f" same sign: {found.same_sign or 0.0:.0%}"
        )


def describe_circuit(run: NeuronRun) -> Iterator[str]:
    """What the circuit has, and what it keeps; a line each, its name in front of a colon."""
    counts = run.record.counts
    yield (
        f"circuit: {counts.circuit_heads:,} of {counts.heads:,} heads, {counts.circuit_neurons:,} of"
        f" {counts.neurons:,} neurons"
    )
    if run.sized is not None:
        yield describe_size(run.sized)
        yield from noted(size_notes(run.sized))
    if run.evaluated is not None:
        said = run.evaluated.evaluation
        yield f"faithfulness: {_share(said.circuit)} of {said.metric} {on_prompts(run.evaluated.prompts)}"
        yield f"every head and no neuron: {_share(said.heads)}; with its neurons: {_share(said.with_heads)}"


def _share(kept: KeptNeurons) -> str:
    spread = "" if kept.stderr is None else f" (stderr {share(kept.stderr)})"
    return f"{share(kept.faithfulness)}{spread}"


def _tables(run: NeuronRun, rows: int) -> Iterator[str]:
    """Sizes that were measured, the best neurons, and the best heads."""
    if run.sized is not None:
        yield str(curve_of_sizes(run.sized))
        yield ""
    by = run.config.selection.by
    yield str(nodes_table(run, "neuron", run.scores.top_neurons(rows, by)))
    yield ""
    yield str(nodes_table(run, "head", run.scores.top_heads(rows, by)))
    if run.edges is not None:
        yield ""
        yield str(edges_table(run.edges))


def nodes_table(run: NeuronRun, what: str, best: RankedScores) -> Table:
    """Some nodes of a run, with what is known of each.

    Args:
        run: the run.
        what: the heading of their column.
        best: the nodes.
    """
    kept, checked = set(run.circuit), run.scores.verified is not None
    cells = [
        (
            str(number),
            row.name,
            plain(row.score),
            plain(row.stderr),
            *((plain(row.estimate), "exact" if row.exact else "estimate") if checked else ()),
            "yes" if row.name in kept else "no",
        )
        for number, row in enumerate(best, start=1)
    ]
    header = ("#", what, "score", "stderr", *(("estimate", "score is") if checked else ()), "in circuit")
    return Table(header, cells, right=(0, 2, 3, *((4,) if checked else ())))


def edges_table(edges: NeuronEdges) -> Table:
    """Of each neuron, what it reads and what reads it."""
    rows = []
    for neuron in edges.neurons:
        pairs = zip_longest(edges.best_into(neuron, EDGES_EACH), edges.best_out_of(neuron, EDGES_EACH))
        for number, (one, other) in enumerate(pairs):
            ends = (_end(one, 0), _end(other, 1))
            rows.append((neuron if not number else "", *ends[0], *ends[1]))
    return Table(("neuron", "reads", "score", "is read by", "score"), rows, right=(2, 4))


def _best_edges(edges: NeuronEdges, n: int) -> list[RankedScore]:
    return sorted(edges, key=lambda row: -abs(row.score))[:n]


def _end(row: RankedScore | None, end: int) -> tuple[str, str]:
    return ("", "") if row is None else (row.name.split("->")[end], plain(row.score))


def runs_table(said: NeuronEvaluation) -> Table:
    """The circuit and what it is held against, a row each."""
    rows = [
        ("whole model", "all", "all", "-", "-", *_numbers(said.full)),
        ("nothing", "0", "0", "-", "-", *_numbers(said.empty)),
        ("circuit", *_kept(said.circuit)),
        ("all but the circuit", *_kept(said.complement)),
        ("every head, no neuron", *_kept(said.heads)),
        ("every head, its neurons", *_kept(said.with_heads)),
    ]
    header = ("kept", "heads", "neurons", "faithfulness", "stderr", said.metric, "KL", "accuracy")
    return Table(header, rows, right=tuple(range(1, 8)))


def _curve(curve: NeuronCurve) -> str:
    what = "heads and neurons" if curve.what == NODES else "neurons, beside every head"
    return f"\n{what}\n\n{curve_table(curve)}"


def curve_table(curve: NeuronCurve) -> Table:
    """Circuits of growing size, a row each, with the faithfulness of random ones where they were run."""
    with_random = any(point.random is not None for point in curve.points)
    rows = [
        (
            f"{point.size:,}",
            *_kept(point.kept),
            *((fixed(None if point.random is None else point.random.mean, 3),) if with_random else ()),
        )
        for point in curve.points
    ]
    header = ("best", "heads", "neurons", "faithfulness", "stderr", "metric", "KL", "accuracy")
    random = ("random",) if with_random else ()
    return Table((*header, *random), rows, right=tuple(range(8 + with_random)))


def _kept(kept: KeptNeurons) -> tuple[str, ...]:
    counts = f"{kept.heads:,}", f"{kept.neurons:,}"
    return (*counts, fixed(kept.faithfulness, 3), fixed(kept.stderr, 3), *_numbers(kept.measured))


def _numbers(measured: Any) -> tuple[str, str, str]:
    return plain(measured.metric), fixed(measured.kl, 3), fixed(measured.accuracy, 2)
