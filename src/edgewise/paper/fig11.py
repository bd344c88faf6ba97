"""Figure 11: scores of the edges in the IOI circuit by role, which is the class of the head that an edge comes from.

The paper finds edges from name movers below zero (patching them lowers the metric) and those from negative name movers
above. Backup name movers count as name movers here, as they did there. Where no class of any head is known, an edge's
role is the layer, and the kind, of the node it comes from.
"""

from __future__ import annotations

import numpy as np

from edgewise.graph import Graph
from edgewise.paper.figure import Figure, Made, Published, Request
from edgewise.paper.material import Scored, experiment, in_papers_unit, scored, truth
from edgewise.report.charts.strips import Group, strips_chart
from edgewise.report.picture.circuit import Heading
from edgewise.runs.contest.truth import Truth
from edgewise.tasks.known import KnownCircuit, find_known

TITLE = "Figure 11: scores of the circuit's edges by role"
MERGED = {"backup name mover": "name mover"}


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    one = experiment(request, "ioi")
    found, true = in_papers_unit(one, scored(one, request, "eap")), truth(one, request)
    record, graph, values = found.run.record, found.scores.graph, found.scores.values
    known = find_known(one.task, record.config.model)
    roles = {edge: _role(edge, graph, known) for edge in true.circuit.edges()}
    groups = [
        Group(role, [float(values[graph.edge(edge)]) for edge in edges], edges)
        for role, edges in _grouped(roles, known).items()
    ]
    lines = (f"{found.line}; scores of EAP", f"circuit: {true.words}")
    return Made(
        picture=strips_chart(groups, Heading(TITLE, lines, found.unit), f"score, {found.unit}"),
        data={
            "model": record.config.model,
            "prompts": record.prompts.n,
            "unit": found.unit,
            "one unit": found.size,
            "truth": true.words,
            "roles": {group.name: _summary(group) for group in groups},
        },
        header=("role", "edge", "score"),
        rows=tuple(
            (group.name, name, value) for group in groups for name, value in zip(group.names, group.values, strict=True)
        ),
        published=tuple(
            Published(f"mean score of edges from: {group.name}", None, _mean(group), one.same_model(request))
            for group in groups
        ),
        caption=_caption(request, found, true, known),
    )


FIGURE = Figure("fig11", "scores of the IOI circuit's edges by the role of their origin", make)


def _mean(group: Group) -> float:
    return float(np.mean(group.values))


def _summary(group: Group) -> dict[str, float]:
    below = int(sum(value < 0 for value in group.values))
    median = float(np.median(group.values))
    return {"edges": len(group.values), "median": median, "mean": _mean(group), "below zero": below}


def _caption(request: Request, found: Scored, true: Truth, known: KnownCircuit | None) -> tuple[str, ...]:
    record, by = found.run.record, "class of the head" if known else "layer of the node"
    return (
        f"Model `{record.config.model}`, {found.experiment.title}, {record.prompts.n} prompts: scores of EAP of the"
        f" {true.circuit.n_edges:,} edges in the circuit, in units of: {found.unit}; by the {by} they come from."
        f" Circuit: {true.words}.",
        "The paper, in words: name movers negative, negative name movers positive."
        if known
        else "No class of any head of this model is known, so the roles of the paper cannot be shown.",
        *(("Made with `--fast`: fewer prompts.",) if request.fast else ()),
    )


def _role(edge: str, graph: Graph, known: KnownCircuit | None) -> str:
    if known is not None:
        role = known.role(edge)
        return MERGED.get(role, role)
    source = graph.edge(edge)[0]
    if source == 0:
        return "input"
    layer, head = graph.writer(source)
    return f"layer {layer}, {'MLP' if head is None else 'heads'}"


def _grouped(roles: dict[str, str], known: KnownCircuit | None) -> dict[str, list[str]]:
    """Role -> edges: classes in their own order, whatever has none behind them; else in the order of the graph."""
    first = () if known is None else tuple(MERGED.get(of, of) for of in known.classes)
    order = [role for role in dict.fromkeys((*first, *roles.values())) if role in roles.values()]
    return {role: [edge for edge, of in roles.items() if of == role] for role in order}
