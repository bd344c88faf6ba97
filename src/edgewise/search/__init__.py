"""Methods that run the model with edges patched: exact activation patching, of all or after estimates, and ACDC."""

from __future__ import annotations

from edgewise.search.acdc import acdc
from edgewise.search.patching import PatchingState, patch_edges, patching
from edgewise.search.refining import refine

__all__ = ["PatchingState", "acdc", "patch_edges", "patching", "refine"]
