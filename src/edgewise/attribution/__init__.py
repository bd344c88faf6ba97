"""Attribution methods: estimates of the effect of patching every edge, from a few passes of the model."""

from __future__ import annotations

from edgewise.attribution.loop import attribute, estimate_edges
from edgewise.attribution.method import Method
from edgewise.attribution.state import AttributionState
from edgewise.methods import ESTIMATES as METHODS

__all__ = ["METHODS", "AttributionState", "Method", "attribute", "estimate_edges"]
