"""Attribution methods: estimates of the effect of patching every edge, from a few passes of the model."""

from __future__ import annotations

from edgewise.attribution.loop import METHODS, attribute, score_edges
from edgewise.attribution.method import Method
from edgewise.attribution.state import AttributionState

__all__ = ["METHODS", "AttributionState", "Method", "attribute", "score_edges"]
