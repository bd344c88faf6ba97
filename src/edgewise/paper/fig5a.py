"""Figure 5a: attribution patching against activation patching, every edge of the Docstring task.

1. EAP scores every edge; patching each edge alone measures its exact effect, on the same prompts.
2. The regression of the exact effect on the score, signs included, has the slope and R squared that the paper prints.

The paper's regression is over the edges its notebook scored, those from `input` to keys of layer 3 the worst of them;
ours is over every edge of the residual stream.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgewise.evaluation.agreement import agreement
from edgewise.graph.arrays import FloatArray
from edgewise.paper.figure import Figure, Made, Published, Request
from edgewise.paper.material import experiments, scored
from edgewise.report.charts.scatter import Dot, scatter_chart
from edgewise.report.picture.circuit import Heading
from edgewise.runs.store.codec import to_json

R2, SLOPE = 0.27, 0.531
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
EXACT_QUANTILES = (3e-7, 2.9e-4, 0.0012, 0.0047, 0.017, 0.071, 1.43)
EAP_QUANTILES = (4e-7, 2.2e-4, 0.0012, 0.0049, 0.020, 0.072, 4.55)


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    one = experiments(request)[-1]  # Docstring, or the one task of a built model
    estimated, exact = scored(one, request, "eap"), scored(one, request, "activation-patching")
    graph, metric = estimated.scores.graph, estimated.record.metric.name
    x, y = (run.scores.values[graph.mask].astype(np.float64) for run in (estimated, exact))
    said = agreement(x, y)
    names = [name for _, _, name in graph.edges()]
    slope, intercept = said.slope.value, said.intercept.value
    lines = (
        f"{estimated.config.model}, {one.title}: {len(x):,} edges, {estimated.record.prompts.n:,} prompts, {metric}",
    )
    heading = Heading("Figure 5a: attribution patching against activation patching", lines, metric)
    same = estimated.config.model == one.model
    dots = [Dot(score, effect, False, name) for score, effect, name in zip(x.tolist(), y.tolist(), names, strict=True)]
    return Made(
        picture=scatter_chart(
            dots, None if slope is None or intercept is None else (slope, intercept), heading, "edge"
        ),
        data={
            "model": estimated.config.model,
            "task": one.task,
            "metric": metric,
            "prompts": estimated.record.prompts.n,
            "agreement": to_json(said),
            "quantiles": {"at": list(QUANTILES), "eap": _quantiles(x), "exact": _quantiles(y)},
            "edges": {name: [score, effect] for name, score, effect in zip(names, x.tolist(), y.tolist(), strict=True)},
        },
        header=("edge", "eap", "exact effect"),
        rows=tuple(zip(names, x.tolist(), y.tolist(), strict=True)),
        published=(
            Published("R squared", R2, said.r2.value, same),
            Published("slope of exact effect on score", SLOPE, slope, same),
            *_published_quantiles("|EAP|", EAP_QUANTILES, _quantiles(x), same),
            *_published_quantiles("|exact effect|", EXACT_QUANTILES, _quantiles(y), same),
        ),
        caption=(
            f"Model `{estimated.config.model}`, {one.title}, {estimated.record.prompts.n} prompts: each of {len(x):,}"
            f" edges of the residual stream, its exact effect measured by patching it alone, in units of {metric}.",
            *(("Made with `--fast`: fewer prompts.",) if request.fast else ()),
        ),
    )


FIGURE = Figure("fig5a", "attribution patching against activation patching, edge by edge", make)


def _quantiles(values: FloatArray) -> list[float]:
    return [float(value) for value in np.quantile(np.abs(values), QUANTILES)]


def _published_quantiles(what: str, paper: tuple[float, ...], ours: list[float], same: bool) -> Iterator[Published]:
    for at, published, found in zip(QUANTILES, paper, ours, strict=True):
        yield Published(f"{what}, quantile {at:g}", published, found, same)
