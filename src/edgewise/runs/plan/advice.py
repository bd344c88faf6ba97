"""What would make a run fit."""

from __future__ import annotations

import math

from edgewise.engine.run.room import shown
from edgewise.runs.plan.hardware import ACCELERATORS, CONTEXT
from edgewise.runs.plan.plan import Plan

_HALVES = ("bfloat16", "float16")


def advice(plan: Plan) -> tuple[str, ...]:
    """One line for each way."""
    return (*_smaller_type(plan), *_fewer_prompts(plan), *_elsewhere(plan), *_more_memory(plan))


def _passes(plan: Plan) -> int:
    memory = plan.memory
    return memory.activations + memory.engine + memory.logits + memory.scores


def _smaller_type(plan: Plan) -> tuple[str, ...]:
    if plan.dtype in _HALVES:
        return ()
    half = plan.memory.weights // (4 if plan.dtype == "float64" else 2)
    return (f"--dtype bfloat16: the weights take {shown(half)} in the place of {shown(plan.memory.weights)}",)


def _fewer_prompts(plan: Plan) -> tuple[str, ...]:
    if plan.batch_size == 1:
        return () if plan.prompts.longest < 64 else ("shorter prompts: one at a time is too much as it is",)
    one = _passes(plan) // plan.batch_size
    return (f"--batch-size 1: about {shown(plan.memory.program + plan.memory.weights + one)} in all",)


def _elsewhere(plan: Plan) -> tuple[str, ...]:
    """The smallest number of accelerators that hold it."""
    need = plan.memory.weights + _passes(plan) // plan.batch_size
    numbers = {name: math.ceil(need / (kind.memory - CONTEXT)) for name, kind in ACCELERATORS.items()}
    fewest = min(numbers.values())
    name = min((name for name, n in numbers.items() if n == fewest), key=lambda name: ACCELERATORS[name].memory)
    many = "" if fewest == 1 else f" {fewest} of them, the weights spread over their memories:"
    return (f"a {ACCELERATORS[name].name}:{many} see --on {'' if fewest == 1 else f'{fewest}x'}{name}",)


def _more_memory(plan: Plan) -> tuple[str, ...]:
    return (f"{shown(plan.memory.peak)} of memory, where there are {shown(plan.room)}",)
