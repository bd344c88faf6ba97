"""EAP with integrated gradients over the input (Hanna, Pezzelle, Belinkov 2024, "Have faith in faithfulness").

    score(u, v) = sum over pos, d_model of (o'_u - o_u) * sum over k of w_k dL/d(in_v)(z_k)

with ``z_k = e' + a_k (e - e')`` between the corrupted embedding ``e'`` and the clean one ``e``; the rest of the model
runs from there. By default the shares ``a_k`` are those of the EAP-IG library for edges, ``k/m`` for k = 0 ... m-1,
each with weight ``1/m``, so the corrupted run is a point and the clean one is not. Cost (2 + 3 m)/4 of EAP's or less.
"""

from __future__ import annotations

from edgewise.attribution.method import Method
from edgewise.engine.gradients.eap import BatchScores, LogitGradient, edge_scores
from edgewise.engine.gradients.points import between, riemann
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.passes import Passes
from edgewise.graph import GraphSpec
from edgewise.models import Model
from edgewise.settings.methods import InputPathSettings


def score(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, *, settings: InputPathSettings
) -> BatchScores:
    """Scores with the gradient summed over a Riemann sum's points."""
    return edge_scores(model, batch, logit_gradient, buffers, riemann(settings.steps, settings.rule))


def passes(settings: InputPathSettings, spec: GraphSpec) -> Passes:
    """The runs at both ends, points or not, one more for each point between them, and a gradient at each point."""
    points = riemann(settings.steps, settings.rule)
    return Passes(2.0 + len(between(points)), float(len(points)))


EAP_IG_INPUTS = Method(
    name="eap-ig-inputs",
    summary="EAP, gradients integrated from corrupted to clean input (Hanna et al. 2024): `steps` gradients",
    score=score,
    settings=InputPathSettings,
    beyond_clean=True,
    passes=passes,
)
