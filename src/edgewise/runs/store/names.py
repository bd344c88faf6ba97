"""Names of files that runs of every kind have."""

from __future__ import annotations

PAGE = "report.html"
"""The page that shows the run."""
