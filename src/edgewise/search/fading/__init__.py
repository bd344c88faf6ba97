"""Circuits found in their own context: the masks of all edges fade, those first that the circuit needs least."""

from __future__ import annotations

from edgewise.search.fading.search import Fading, fade, fading
from edgewise.search.fading.state import FadingState

__all__ = ["Fading", "FadingState", "fade", "fading"]
