"""What a run will cost, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from edgewise.engine.run.room import shown
from edgewise.report.table import Table
from edgewise.runs.plan import Plan
from edgewise.runs.store.codec import to_json

_PARTS = {
    "program": "Python and its libraries",
    "weights": "weights",
    "activations": "what the passes keep",
    "engine": "what the engine keeps beside",
    "logits": "logits",
    "scores": "sums of scores",
}


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values, with the sums of its memory."""
    values: dict[str, Any] = to_json(plan)
    values["memory"] |= {"scoring": plan.memory.scoring, "peak": plan.memory.peak}
    return values


def show_plan(plan: Plan) -> str:
    """The plan in some lines."""
    rows = dict(_rows(plan))
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {text}" for name, text in rows.items()]
    said = verdict(plan)
    return "\n".join((asked_words(plan), "", *lines, *(("", *said) if said else ())))


def asked_words(plan: Plan) -> str:
    """What was asked for, in a line."""
    prompts = plan.prompts
    return (
        f"{plan.model}, {plan.method}: {prompts.number:,} prompts ({prompts.name}) of {prompts.longest:,} tokens at"
        f" most, {prompts.metric}, {plan.dtype}"
    )


def cost_table(plan: Plan) -> Table:
    """What it costs, a row each."""
    return Table(("", ""), [(name.strip(), text) for name, text in _rows(plan)])


def verdict(plan: Plan) -> tuple[str, ...]:
    """Where it does not fit, what would make it fit; else nothing."""
    if plan.fits:
        return ()
    return ("It does not fit. What would make it fit:", *(f"- {line}" for line in plan.advice))


def _rows(plan: Plan) -> Iterator[tuple[str, str]]:
    size, memory = plan.size, plan.memory
    yield "model", f"{size.architecture}, {size.layers} layers, {size.parameters:,} weights"
    yield "graph", f"{size.edges:,} edges: {size.sources:,} sources, {size.destinations:,} destinations"
    if plan.passes is not None:
        most = "at most " if plan.at_most else ""
        yield "passes", f"{most}{plan.passes.forward:,.1f} forward and {plan.passes.backward:,.1f} backward"
        yield "operations", f"{plan.flops:.2g}, floating point"
    yield "time", plan.time() or "not known: the method has not said what it does"
    yield "at a time", f"{plan.batch_size:,} prompts"
    yield "memory", f"{shown(memory.peak)} at the peak, of {shown(plan.room)}{_while(plan)}"
    for part in fields(memory):
        if part.name in _PARTS and getattr(memory, part.name):
            yield f"  {part.name}", f"{shown(getattr(memory, part.name))}, {_PARTS[part.name]}"
    yield "on disk", shown(plan.disk)


def _while(plan: Plan) -> str:
    memory = plan.memory
    return f", while the model is read; then {shown(memory.scoring)}" if memory.loading > memory.scoring else ""
