"""Methods that run the model with edges patched: exact activation patching."""

from __future__ import annotations

from edgewise.registry import Registry
from edgewise.search.patching import PatchingState, patch_edges, patching

__all__ = ["METHODS", "PatchingState", "patch_edges", "patching"]

METHODS = Registry("method", {"activation-patching": "edgewise.search.patching:patching"})
