"""AtP* (Kramár, Lieberum, Shah, Nanda 2024, "AtP*", arXiv:2403.00745), for edges.

    score(u, v) = sign(I) * mean over layers l other than v's of |I_l|

with ``I`` the estimate of the patch's effect with the gradient of the clean run, and ``I_l`` that with a gradient that
does not pass what layer l's attention and MLP write (GradDrop): effects that cancel through several layers show. For
edges into v, MLPs and logits the estimate is EAP's. For queries and keys, where attention saturates, it is

    I(u, q_h) = sum over pos of dL/dz_h . (z_h(q reads o'_u) - z_h)

with ``z_h`` what head h gathers: softmax, norms and whatever else the model does to queries are exact. Likewise for
keys, all of them at once, which is what patching an edge does (the paper, whose nodes have one position, patches one
key at a time).

The paper's estimate has no sign. Here the mean of |score| over prompts, by which `--by mean-abs` ranks, is the paper's;
the mean of scores has the sign of the estimate without drops (plus where that is zero). ``l`` runs over L - 1 layers
for a destination in a layer and over all L for the logits; of a model of one layer nothing is dropped. Cost: 3 forward
and 1 + L backward passes, and of each layer's attention two runs for each source in front of it, each counted as an
eighth of a layer.
"""

from __future__ import annotations

from edgewise.attribution.method import Method
from edgewise.engine.gradients.atp_star import star_scores
from edgewise.engine.gradients.batch_passes import BatchScores, LogitGradient
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.passes import Passes
from edgewise.graph import Graph, GraphSpec
from edgewise.models import Model
from edgewise.settings.methods import GradDropSettings

_RERUN = 2 / 8


def score(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, *, settings: GradDropSettings
) -> BatchScores:
    """Scores of one micro-batch."""
    return star_scores(model, batch, logit_gradient, buffers, drop=settings.grad_drop)


def passes(settings: GradDropSettings, spec: GraphSpec) -> Passes:
    """Corrupted and clean run, and this once more for the gradient; a gradient a layer; queries and keys anew."""
    layers, graph = range(spec.n_layers), Graph(spec)
    runs = sum(graph.sources_before_attention(layer) for layer in layers)
    drops = len(layers) if settings.grad_drop and len(layers) > 1 else 0
    return Passes(3.0 + _RERUN * runs / len(layers), 1.0 + drops)


ATP_STAR = Method(
    name="atp-star",
    summary="AtP* (Kramár et al. 2024): exact queries and keys, gradients with each layer dropped: 1 + layers of them",
    score=score,
    settings=GradDropSettings,
    activations=4.0,
    by_place=False,
    passes=passes,
)
