"""Neurons: the best of them and of the heads, and what a run of them found."""

from __future__ import annotations

from edgewise.graph.neurons import NeuronScores
from edgewise.report.neurons import describe_circuit, describe_exact_effects, describe_run, neuron_warnings, nodes_table
from edgewise.report.notebook.markup import heading, html_table, lines
from edgewise.report.notebook.scores import ranked_html
from edgewise.runs.store.neurons import NeuronRun

SHOWN = 10


def neuron_scores_html(scores: NeuronScores) -> str:
    """The number of scores, the best neurons and the best heads."""
    return heading(repr(scores)) + ranked_html(scores.top_neurons(SHOWN)) + ranked_html(scores.top_heads(SHOWN))


def neuron_run_html(run: NeuronRun) -> str:
    """What `edgewise show` says, shorter."""
    what, how = describe_run(run.record)
    by, scores = run.config.selection.by, run.scores
    warned = lines(f"warning: {one}" for one in neuron_warnings(run))
    neurons, heads = scores.top_neurons(SHOWN, by), scores.top_heads(SHOWN, by)
    tables = (html_table(nodes_table(run, kind, best)) for kind, best in (("neuron", neurons), ("head", heads)))
    return (
        heading(what)
        + lines((how, *describe_exact_effects(run.record), *describe_circuit(run)))
        + warned
        + "".join(tables)
    )
