"""The plan of a run in one line, said before its weights are read."""

from __future__ import annotations

from edgewise import processes
from edgewise.models import Opened
from edgewise.runs.config import RunConfig
from edgewise.runs.plan.make import make_plan
from edgewise.runs.steps import Execution, Forecast, Progress
from edgewise.tasks import PromptSet

# Of a smaller model a run begins sooner than a plan of it is made.
LEAST_WEIGHTS = 50_000_000


def say_plan(config: RunConfig, opened: Opened, prompts: PromptSet, execution: Execution) -> None:
    """Tell whoever waits what a run will cost, where the model is so large that it is worth it."""
    whole = opened.outline(None)
    if sum(p.numel() for p in whole.module.parameters()) < LEAST_WEIGHTS:
        return
    try:
        found = make_plan(config, opened, prompts, max_memory=execution.max_memory, n_processes=processes.size())
    except Exception:
        return  # what the run cannot do it says itself; and a plan that cannot be made is no reason to do nothing
    execution.report(Progress("plan", plan=Forecast(0, found.seconds or 0.0, text=found.line())))
