"""Methods that run the model with edges patched: exact activation patching and ACDC."""

from __future__ import annotations

from edgewise.registry import Registry
from edgewise.search.acdc import acdc
from edgewise.search.patching import PatchingState, patch_edges, patching

__all__ = ["METHODS", "PatchingState", "acdc", "patch_edges", "patching"]

METHODS = Registry(
    "method",
    {
        "activation-patching": "edgewise.search.patching:patching",
        "acdc": "edgewise.search.acdc:search",
    },
)
