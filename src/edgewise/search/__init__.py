"""Methods that run the model with edges patched: exact activation patching, also after estimates; ACDC; probing."""

from __future__ import annotations

from edgewise.attribution.neuron_edges import score_neuron_edges
from edgewise.search.exact.neuron_scores import score_neurons
from edgewise.search.exact.neurons import patch_neurons
from edgewise.search.exact.patching import PatchingState, patch_edges, patching
from edgewise.search.exact.refining import refine
from edgewise.search.scoring import score_edges

__all__ = [
    "PatchingState",
    "patch_edges",
    "patch_neurons",
    "patching",
    "refine",
    "score_edges",
    "score_neuron_edges",
    "score_neurons",
]
