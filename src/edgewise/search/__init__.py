"""Methods that run the model with edges patched: exact activation patching, also after estimates; ACDC; probing."""

from __future__ import annotations

from edgewise.search.exact.patching import PatchingState, patch_edges, patching
from edgewise.search.exact.refining import refine
from edgewise.search.scoring import score_edges

__all__ = ["PatchingState", "patch_edges", "patching", "refine", "score_edges"]
