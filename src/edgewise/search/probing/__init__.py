"""Subnetwork probing (Cao et al. 2021), as ACDC was compared with it: masks are trained, what they keep is left."""

from __future__ import annotations

from edgewise.search.probing.probe import Training, probe, probing
from edgewise.search.probing.state import ProbingState

__all__ = ["ProbingState", "Training", "probe", "probing"]
