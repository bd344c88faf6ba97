"""What a run will cost, told from the model's config alone."""

from __future__ import annotations

from edgewise.runs.plan.make import make_plan
from edgewise.runs.plan.plan import Plan

__all__ = ["Plan", "make_plan"]
