"""Names of files that runs of every kind have."""

from __future__ import annotations

OF_NEURONS = "edgewise-neurons"
"""The format of the record of a run of neurons."""
PAGE = "report.html"
"""The page that shows the run."""
VERIFICATION = "verification"
"""The analysis of its scores beside exact effects, and its pictures."""
VERIFICATION_PICTURES = tuple(f"{VERIFICATION}{end}" for end in (".svg", ".png", "-dark.png"))
