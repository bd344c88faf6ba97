"""ACDC one edge at a time, each test a run of the whole model: what the fast one must equal."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample
from edgewise.metrics import Metric, get_metric
from edgewise.models import Model
from edgewise.tasks import PromptPair


@dataclass
class Slow:
    kept: set[str]
    trace: list[tuple[str, float, float, bool]] = field(default_factory=list)


def layers_and_kinds(model: Model) -> tuple[list[str], list[str]]:
    """Destinations and sources in the original's order, made of their names alone."""
    spec = model.graph.spec
    kv = "h" if spec.kv_heads == spec.n_heads else "kv"
    destinations = ["logits"]
    sources: list[str] = []
    for layer in reversed(range(spec.n_layers)):
        if spec.has_mlp:
            destinations.append(f"m{layer}")
            sources.append(f"m{layer}")
        for kind, letter, count in (("v", kv, spec.kv_heads), ("k", kv, spec.kv_heads), ("q", "h", spec.n_heads)):
            destinations += [f"a{layer}.{letter}{head}<{kind}>" for head in reversed(range(count))]
        sources += [f"a{layer}.h{head}" for head in range(spec.n_heads)]
    return destinations, [*sources, "input"]


def nodes_of(model: Model, destination: str) -> list[str]:
    """The nodes whose input a destination is, and all heads of the layer where a norm goes over them together."""
    name = destination.split("<")[0]
    if name.startswith("a") and model.wiring.blocks[int(name[1:].split(".")[0])].attention.coupled:
        return [f"{name.split('.')[0]}.h{head}" for head in range(model.graph.spec.n_heads)]
    if "kv" not in name:
        return [name]
    layer, group = name.split(".kv")
    size = model.graph.spec.n_heads // model.graph.spec.kv_heads
    return [f"{layer}.h{int(group) * size + i}" for i in range(size)]


def with_direct(destinations: list[str]) -> list[str]:
    """A layer's heads are tested as a whole before the first of them is tested edge by edge."""
    order: list[str] = []
    for number, destination in enumerate(destinations):
        layer = destination.split(".")[0]
        if "<" in destination and not destinations[number - 1].startswith(f"{layer}."):
            order += [f"direct {name}" for name in destinations if name.startswith(f"{layer}.")]
        order.append(destination)
    return order


def slow_acdc(
    model: Model,
    pairs: list[PromptPair],
    tau: float,
    metric: str | Metric = "kl",
    *,
    absolute: bool = False,
    direct_edges: bool = False,
    start: set[str] | None = None,
) -> Slow:
    measured = get_metric(metric)
    batch = Batch.of(pairs, model.device, causal=model.wiring.causal)
    baseline = resample(model, batch)
    graph = model.graph
    exists = {name: (i, j) for i, j, name in graph.edges()}
    kept = set(exists) if start is None else set(start)
    begun = frozenset(kept)

    def value(edges: set[str]) -> float:
        mask = torch.zeros(graph.mask.shape, dtype=torch.bool)
        for name, place in exists.items():
            mask[place] = name not in edges
        with torch.no_grad():
            logits = patched_logits(model, baseline, mask[None])[0]
            return float(measured(logits, batch.metric.with_clean_logits(clean)).double().mean())

    with torch.no_grad():
        clean = patched_logits(model, baseline, torch.zeros(1, *graph.mask.shape, dtype=torch.bool))[0]
    sign = -1 if measured.higher_is_better else 1
    found, current = Slow(kept), value(kept)
    destinations, sources = layers_and_kinds(model)
    whole: set[str] = set()
    for destination in with_direct(destinations) if direct_edges else destinations:
        if destination.startswith("direct "):
            name = destination.removeprefix("direct ")
            into = {edge for edge in begun if edge.endswith(f"->{name}")}
            if into and any(edge.split("->")[0] in nodes_of(model, name) for edge in kept):
                after = value(kept - into)
                change = sign * (after - current)
                stays = not (abs(change) if absolute else change) < tau
                found.trace.append((name, current, after, stays))
                if not stays:
                    kept -= into
                    current = after
                    whole.add(name)
            continue
        incoming = [f"{source}->{destination}" for source in sources if f"{source}->{destination}" in begun]
        owners = nodes_of(model, destination)
        if destination in whole:
            continue
        if destination != "logits" and not any(edge.split("->")[0] in owners for edge in kept):
            kept -= set(incoming)
            continue
        for edge in incoming:
            after = value(kept - {edge})
            change = sign * (after - current)
            stays = not (abs(change) if absolute else change) < tau
            found.trace.append((edge, current, after, stays))
            if not stays:
                kept.remove(edge)
                current = after
    return found
