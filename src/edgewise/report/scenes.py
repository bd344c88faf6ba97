"""The pictures of a stored run and of its verification, with what was run above them."""

from __future__ import annotations

from edgewise.graph import EdgeScores
from edgewise.report.charts.chart import Chart
from edgewise.report.charts.places import places_chart
from edgewise.report.charts.scatter import Dot, scatter_chart
from edgewise.report.charts.scores import scores_chart
from edgewise.report.picture.choice import Choice, choose
from edgewise.report.picture.circuit import Heading, circuit_scene
from edgewise.report.picture.scene import Scene
from edgewise.report.picture.unrolled import MOST_EDGES as MOST_UNROLLED
from edgewise.report.picture.unrolled import unrolled_scene
from edgewise.report.title import title_of
from edgewise.runs.store.either import AnyRun
from edgewise.runs.store.folder import Run
from edgewise.runs.verification import DRAWN, VERIFIED, Verification
from edgewise.tasks.known import node_classes


def run_choice(run: Run, top: int | None = None) -> Choice:
    """Return the edges that the picture of a run's circuit shows: the strongest `top`, or 300, at most."""
    return choose(run.circuit, run.scores, top)


def run_circuit(run: Run, top: int | None = None, heading: Heading | None = None) -> Scene:
    """Return the picture of a run's circuit.

    Args:
        run: a finished run.
        top: number of edges at most; 300 by default.
        heading: what stands above it; by default what was run.
    """
    config, counts = run.config, run.record.counts
    sizes = (
        f"{counts.circuit_edges:,} of {counts.edges:,} edges",
        f"{counts.circuit_nodes:,} of {counts.sources + 1:,} nodes",
    )
    above = heading or Heading(
        f"Circuit of {title_of(run.record)}", (" · ".join((*sizes, *how_found(run))),), *_metric(run)
    )
    classes = node_classes(config.task, config.model, run.circuit.graph.spec)
    return circuit_scene(run_choice(run, top), above, classes)


def run_unrolled(run: Run, top: int | None = None) -> Scene:
    """Return the picture of a run's circuit of edges at places, a column for each place of the first prompt."""
    scores = run.scores if isinstance(run.scores, EdgeScores) else None
    above = Heading(f"Circuit of {title_of(run.record)}, by place", (" · ".join(how_found(run)),), *_metric(run))
    return unrolled_scene(run.circuit, scores, above, words_at(run), top or MOST_UNROLLED)


def run_places(run: Run) -> Chart:
    """Return the picture of a run's strongest edges at each place."""
    above = Heading(f"Edges of {title_of(run.record)}, by place", (" · ".join(how_found(run)),), *_metric(run))
    return places_chart(run.edge_scores, above)


def words_at(run: Run) -> dict[str, str]:
    """What stands at each place in the first prompt of a run; nothing where it does not say."""
    return dict(run.record.prompts.info.get("at_places", {}))


def run_scores(run: Run, heading: Heading | None = None) -> Chart:
    """Return the picture of a run's scores."""
    above = heading or Heading(f"Scores of {title_of(run.record)}", (" · ".join(how_found(run)),), *_metric(run))
    return scores_chart(run.scores, run.circuit, above)


def run_verification(run: AnyRun, verification: Verification) -> Chart:
    """Return the picture of exact effects against a run's scores."""
    said = verification.agreement
    counts = f"{said.measured:,} of {said.population:,} {verification.level}s measured"
    above = Heading(
        f"Verification of {title_of(run.record)}", (" · ".join((*how_found(run), counts)),), verification.metric
    )
    dots = [
        Dot(one.score, one.exact, one.chosen == DRAWN, one.name, one.chosen == VERIFIED) for one in verification.effects
    ]
    slope, intercept = said.slope.value, said.intercept.value
    fit = None if slope is None or intercept is None else (slope, intercept)
    return scatter_chart(dots, fit, above, verification.level)


def _metric(run: Run) -> tuple[str, bool]:
    """The metric, and whether it is a distance."""
    return run.record.metric.name, run.record.metric.lower_is_better


def how_found(run: AnyRun) -> tuple[str, ...]:
    """Its method, metric and number of prompts."""
    exact = run.record.exact
    checked = () if exact is None else (f"{exact.measured:,} of {len(run.scores):,} scores exact",)
    return run.config.method, run.record.metric.name, f"{run.record.prompts.n:,} prompts", *checked
