"""EAP with gradients taken while one module's output moves from corrupted to clean (EAP-IG's "activations").

For each of the 2 L + 1 modules w (the input, attentions, MLPs) and each share ``a = k/m``, k = 1 ... m, a run in which
``o_w`` is ``a o_w + (1 - a) o'_w`` and the rest is free. By default the gradients of all these runs are averaged for
every edge, as the library does. With ``reading="source"`` an edge gets the mean over its own source's points alone:
integrated gradients of that source's output. Cost: (2 L + 1) m forward and backward passes.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.attribution.method import Method
from edgewise.engine.activation_points import activation_scores
from edgewise.engine.attribute import BatchScores, LogitGradient
from edgewise.engine.batches import Batch
from edgewise.engine.buffers import Buffers
from edgewise.engine.passes import Passes
from edgewise.errors import SettingError
from edgewise.graph import GraphSpec
from edgewise.models import Model

READINGS = ("average", "source")


@dataclass(frozen=True)
class Paths:
    """The points between each module's corrupted and its own output.

    Args:
        steps: points a module.
        reading: ``average`` of all modules' points, or those of the edge's own ``source``.

    Raises:
        SettingError: no step, or no such reading.
    """

    steps: int = 5
    reading: str = "average"

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if self.steps < 1:
            raise SettingError(f"--steps is {self.steps}; give at least 1")
        if self.reading not in READINGS:
            raise SettingError(f"--reading {self.reading!r} is not known; use one of {', '.join(READINGS)}")


def score(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, *, settings: Paths
) -> BatchScores:
    """Scores from the points of all modules, or of each edge's own source."""
    per_source = settings.reading == "source"
    return activation_scores(model, batch, logit_gradient, buffers, steps=settings.steps, per_source=per_source)


def passes(settings: Paths, spec: GraphSpec) -> Passes:
    """A gradient at each point of each module's path, of the input's, every attention's and every MLP's."""
    gradients = float(settings.steps * (1 + spec.n_layers * (2 if spec.has_mlp else 1)))
    return Passes(2.0 + gradients, gradients)


EAP_IG_ACTIVATIONS = Method(
    name="eap-ig-activations",
    summary="EAP, gradients integrated over each module's output (EAP-IG library): (2 layers + 1) steps gradients",
    score=score,
    settings=Paths,
    beyond_clean=True,
    passes=passes,
)
