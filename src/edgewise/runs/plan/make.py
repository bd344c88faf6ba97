"""From what is asked to what it will cost, without weights.

1. The model is made without weights (`edgewise.models.outline`), whole for its sizes, in a few depths for dry runs.
2. The micro-batch is that of the run itself: the same model of memory, with the weights counted as there
   (`edgewise.engine.run.memory`).
3. The method says what it does (`edgewise.runs.methods.work`); each piece is done once on one micro-batch without
   values, and counted (`edgewise.engine.dry`).
4. Seconds are those of each operation counted, at rates measured here within a second, or of a named accelerator;
   here also what comes once, with the first run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.passes import Passes
from edgewise.metrics import get_metric
from edgewise.models import Opened
from edgewise.runs.config import RunConfig
from edgewise.runs.methods import method_of, settled
from edgewise.runs.plan.advice import advice
from edgewise.runs.plan.costs import Cost, Costs
from edgewise.runs.plan.counted import DryRuns
from edgewise.runs.plan.disk import bytes_on_disk
from edgewise.runs.plan.hardware import Devices
from edgewise.runs.plan.loading import bytes_of_loading
from edgewise.runs.plan.place import here, there
from edgewise.runs.plan.plan import Asked, Memory, Plan, Size
from edgewise.runs.plan.sized import Sized
from edgewise.tasks import PromptSet


def make_plan(
    config: RunConfig,
    opened: Opened,
    prompts: PromptSet,
    *,
    max_memory: int | None = None,
    n_processes: int = 1,
    on: Devices | None = None,
) -> Plan:
    """What a run will cost.

    Args:
        config: what is asked for.
        opened: its model, whose weights are not read.
        prompts: its prompts.
        max_memory: bytes that it may use, as the setting of that name.
        n_processes: that share the work.
        on: the accelerators it is to run on; None for this machine.

    Raises:
        SettingError: settings that leave nothing to do.
        UnknownNameError: no such method or metric.
    """
    config = settled(config)
    method = method_of(config)
    whole = opened.outline(None)
    metric = get_metric(method.metric(config, prompts))
    place = here(config, max_memory, n_processes) if on is None else there(on)
    sized = Sized(config, whole, prompts.pairs, metric, place, n_processes)
    dry = DryRuns.of(opened.outline, whole, place.machine.seconds, place.kind)
    done = [Costs(sized, dry)(work) for work in method.work(config, graph_for(whole, prompts), prompts) or ()]
    return _told(config, opened, prompts, sized, done)


def _told(config: RunConfig, opened: Opened, prompts: PromptSet, sized: Sized, done: Sequence[Cost]) -> Plan:
    whole, place = sized.whole, sized.place
    graph = graph_for(whole, prompts)
    largest: Callable[[Cost], float] = lambda cost: sum(cost.held.values()) + cost.scores  # noqa: E731
    top = max(done, key=largest, default=Cost(Passes(0.0), 0.0, 0.0, sized.rows(1.0), {}))
    memory = Memory(
        program=place.used,
        weights=sized.weights,
        activations=int(top.held.get("activations", 0)),
        engine=int(top.held.get("engine", 0)),
        logits=int(top.held.get("logits", 0)),
        scores=top.scores,
        loading=bytes_of_loading(whole, opened.packed, place.used) if place.kind == "cpu" else 0,
    )
    total = Passes(sum(one.passes.forward for one in done), sum(one.passes.backward for one in done))
    found = Plan(
        model=config.model,
        size=Size(
            whole.architecture,
            sum({id(p): p.numel() for p in whole.module.parameters()}.values()),
            graph.spec.n_layers,
            graph.n_edges,
            graph.n_sources,
            graph.n_destinations,
        ),
        prompts=Asked(prompts.name, len(prompts), max(map(len, prompts.pairs)), sized.metric.name),
        method=config.method,
        dtype=config.dtype,
        where=place.name,
        devices=place.devices,
        processes=sized.n_processes,
        passes=total if done else None,
        at_most=any(one.at_most for one in done),
        flops=sum(one.flops for one in done),
        seconds=place.machine.first + sum(one.seconds for one in done) / sized.n_processes if done else None,
        batch_size=done[0].rows if done else sized.rows(1.0),
        memory=memory,
        room=place.most,
        disk=bytes_on_disk(graph, len(prompts), config),
        fits=memory.peak <= place.most,
        advice=(),
    )
    return found if found.fits else replace(found, advice=advice(found))
