"""Figure 7: the edges that EAP keeps at one threshold a task, drawn.

The paper's thresholds are its models': .077 of clean - corrupted for IOI, .244 and .009 units of the metric for
Docstring and Greater-Than. For another model, the threshold at which as many edges are kept as its true circuit has
takes their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgewise.graph import Circuit, threshold
from edgewise.paper.figure import Cell, Figure, Made, Published, Request
from edgewise.paper.material import Experiment, Scored, experiments, in_papers_unit, scored, truth
from edgewise.report.picture.choice import choose
from edgewise.report.picture.circuit import Heading, circuit_scene
from edgewise.report.picture.scene import Scene, wrapped
from edgewise.report.picture.stack import stacked
from edgewise.runs.contest.truth import Truth
from edgewise.tasks.known import node_classes

THRESHOLDS = {"ioi": 0.077, "docstring": 0.244, "greater-than": 0.009}
TITLE = "Figure 7: subnetworks"
ROOM = 670.0  # for a line above the narrowest picture of a circuit, pixels


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    parts = [_part(one, request) for one in experiments(request)]
    return Made(
        picture=stacked([part.scene() for part in parts], TITLE),
        data={part.found.experiment.task: part.data() for part in parts},
        header=("task", "model", "edge", "score", "in the true circuit"),
        rows=tuple(row for part in parts for row in part.rows()),
        published=tuple(row for part in parts for row in part.published()),
        caption=(
            *(sentence for part in parts for sentence in (part.sentence(), "")),
            *(("Made with `--fast`: fewer prompts.",) if request.fast else ()),
        ),
    )


FIGURE = Figure("fig7", "the edges that EAP keeps at the paper's thresholds, drawn", make)


@dataclass(frozen=True, eq=False)
class _Part:
    """One task's subnetwork."""

    found: Scored
    true: Truth
    least: float
    is_papers: bool
    kept: Circuit

    @property
    def hits(self) -> int:
        return int((self.kept.mask & self.true.circuit.mask).sum())

    @property
    def rule(self) -> str:
        chosen = "the paper's threshold" if self.is_papers else "the threshold that keeps as many edges as are true"
        return f"{chosen}, {self.least:.3g} ({self.found.unit})"

    def scene(self) -> Scene:
        found, kept = self.found, self.kept
        config = found.run.config
        counts = f"{kept.n_edges:,} of {kept.graph.n_edges:,} edges, {self.hits:,} of them true"
        lines = (f"{found.line}; {counts}", f"EAP at {self.rule}", *wrapped(f"true: {self.true.words}", 12, ROOM))
        above = Heading(f"Figure 7: subnetwork of {found.experiment.title}", lines, found.unit)
        classes = node_classes(config.task, config.model, kept.graph.spec)
        return circuit_scene(choose(kept, found.scores), above, classes)

    def data(self) -> Mapping[str, Any]:
        config = self.found.run.config
        return {
            "model": config.model,
            "prompts": self.found.run.record.prompts.n,
            "unit": self.found.unit,
            "threshold": self.least,
            "threshold of the paper": self.is_papers,
            "truth": self.true.words,
            "edges": self.kept.n_edges,
            "true edges": self.true.circuit.n_edges,
            "true edges kept": self.hits,
        }

    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        graph, scores, task = self.kept.graph, self.found.scores.values, self.found.experiment.task
        model, true = self.found.run.config.model, self.true.circuit
        return tuple(
            (task, model, name, float(scores[graph.edge(name)]), int(name in true)) for name in self.kept.edges()
        )

    def published(self) -> tuple[Published, ...]:
        title = self.found.experiment.title
        paper = THRESHOLDS.get(self.found.experiment.task)
        return (
            Published(f"{title}: threshold", paper, self.least, self.is_papers),
            Published(f"{title}: edges kept", None, self.kept.n_edges, self.is_papers),
            Published(f"{title}: share of them that is true", None, self._precision(), self.is_papers),
        )

    def _precision(self) -> float | None:
        return self.hits / self.kept.n_edges if self.kept.n_edges else None

    def sentence(self) -> str:
        found = self.found
        return (
            f"**{found.experiment.title}**: model `{found.run.config.model}`, {found.run.record.prompts.n} prompts:"
            f" {self.kept.n_edges:,} edges at {self.rule}. True circuit: {self.true.words}"
            f" ({self.true.circuit.n_edges:,} edges)."
        )


def _part(one: Experiment, request: Request) -> _Part:
    found, true = in_papers_unit(one, scored(one, request, "eap")), truth(one, request)
    is_papers = one.same_model(request) and one.task in THRESHOLDS
    sizes = np.sort(np.abs(found.scores.values[found.scores.graph.mask]))
    least = THRESHOLDS[one.task] if is_papers else float(sizes[-true.circuit.n_edges])
    return _Part(found, true, least, is_papers, threshold(found.scores, least))
