"""A stored run as what its page shows."""

from __future__ import annotations

from edgewise.report.charts.at_places import strongest_at_places
from edgewise.report.document import warnings
from edgewise.report.page import said
from edgewise.report.page.measured import bins, curves, since, verified
from edgewise.report.page.painted import heat_map, painted
from edgewise.report.page.prompts import examples, patterns, prompts
from edgewise.report.page.ranked import Order, ranked
from edgewise.report.page.trace import trace
from edgewise.report.page.values import RunPage, Shape
from edgewise.report.scenes import run_unrolled, words_at
from edgewise.report.sizes import size_notes
from edgewise.report.title import title_of
from edgewise.runs.store.folder import Run
from edgewise.tasks.known import node_classes


def run_page(run: Run) -> RunPage:
    """Return what the page of a finished run shows, and of what was measured of it; no model is needed."""
    record, spec = run.record, run.circuit.graph.spec
    config, counts = record.config, record.counts
    order, kept = Order.of(run), examples(run)
    return RunPage(
        folder=run.folder.name,
        title=title_of(record),
        lead=said.lead(record),
        level=config.level,
        metric=record.metric.name,
        lower_is_better=record.metric.lower_is_better,
        numbers=tuple(said.numbers(run)),
        warnings=warnings(run),
        notes=(*(() if run.sized is None else size_notes(run.sized)), *run.notes),
        shape=Shape(spec.n_layers, spec.n_heads, spec.kv_heads, spec.has_mlp, spec.parallel, len(order.kept)),
        classes=dict(node_classes(config.task, config.model, spec)),
        edges=(counts.circuit_edges, counts.edges, counts.circuit_nodes, counts.sources + 1),
        ranked=ranked(run, order),
        curves=curves(run, order),
        bins=bins(run, order),
        verified=verified(run),
        trace=trace(run),
        prompts=prompts(run, kept),
        patterns=patterns(kept),
        reading=said.reading(run),
        since=tuple(since(run)),
        facts=tuple(said.facts(run)),
        unrolled=painted(run_unrolled(run)) if run.circuit.graph.places else None,
        at_places=heat_map(strongest_at_places(run.edge_scores), words_at(run)) if run.circuit.graph.places else None,
        command=said.command(run),
        config=said.config_text(run),
        files=said.FILES,
    )
