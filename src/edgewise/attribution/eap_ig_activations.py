"""EAP with gradients taken while one module's output moves from corrupted to clean (EAP-IG's "activations").

For each of the 2 L + 1 modules w (the input, attentions, MLPs) and each share ``a = k/m``, k = 1 ... m, a run in which
``o_w`` is ``a o_w + (1 - a) o'_w`` and the rest is free. By default the gradients of all these runs are averaged for
every edge, as the library does. With ``reading="source"`` an edge gets the mean over its own source's points alone:
integrated gradients of that source's output. Cost: (2 L + 1) m forward and backward passes.
"""

from __future__ import annotations

from edgewise.attribution.method import Method
from edgewise.engine.gradients.activation_points import activation_scores
from edgewise.engine.gradients.eap import BatchScores, LogitGradient
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.passes import Passes
from edgewise.graph import GraphSpec
from edgewise.models import Model
from edgewise.settings.methods import ActivationPathSettings


def score(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, *, settings: ActivationPathSettings
) -> BatchScores:
    """Scores from the points of all modules, or of each edge's own source."""
    per_source = settings.reading == "source"
    return activation_scores(model, batch, logit_gradient, buffers, steps=settings.steps, per_source=per_source)


def passes(settings: ActivationPathSettings, spec: GraphSpec) -> Passes:
    """A gradient at each point of each module's path, of the input's, every attention's and every MLP's."""
    gradients = float(settings.steps * (1 + spec.n_layers * (2 if spec.has_mlp else 1)))
    return Passes(2.0 + gradients, gradients)


EAP_IG_ACTIVATIONS = Method(
    name="eap-ig-activations",
    summary="EAP, gradients integrated over each module's output (EAP-IG library): (2 layers + 1) steps gradients",
    score=score,
    settings=ActivationPathSettings,
    beyond_clean=True,
    passes=passes,
)
