"""ACDC one edge at a time, each test a run of the whole model: what the fast one must equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """Edges over all positions, each test a run of the patching engine."""
    measured = get_metric(metric)
    batch = Batch.of(pairs, model.device, causal=model.wiring.causal)
    baseline, graph = resample(model, batch), model.graph
    exists = {name: (i, j) for i, j, name in graph.edges()}
    with torch.no_grad():
        clean = patched_logits(model, baseline, torch.zeros(1, *graph.mask.shape, dtype=torch.bool))[0]

    def value(edges: set[str]) -> float:
        mask = torch.zeros(graph.mask.shape, dtype=torch.bool)
        for name, place in exists.items():
            mask[place] = name not in edges
        with torch.no_grad():
            logits = patched_logits(model, baseline, mask[None])[0]
            return float(measured(logits, batch.metric.with_clean_logits(clean)).double().mean())

    loss = Loss(value, tau, -1 if measured.higher_is_better else 1, absolute)
    return search(model, loss, set(exists) if start is None else start, direct_edges=direct_edges)


@dataclass(frozen=True)
class Loss:
    """The metric of a set of edges, and what change of it is small."""

    value: Callable[[set[str]], float]
    tau: float
    sign: int
    absolute: bool

    def stays(self, before: float, after: float) -> bool:
        change = self.sign * (after - before)
        return not (abs(change) if self.absolute else change) < self.tau


def search(
    model: Model,
    loss: Loss,
    start: set[str],
    *,
    direct_edges: bool = False,
    places: Sequence[str] = ("",),
    answered: Sequence[str] = ("",),
) -> Slow:
    """One edge at a time, by names alone; ``"@END"`` is behind an edge that is kept apart by place.

    Args:
        model: for its layers.
        loss: what is tested.
        start: the edges at first.
        direct_edges: whether heads' inputs are tested as a whole first.
        places: behind the names of edges, in the order of the prompt's places.
        answered: those where logits are read.
    """
    begun, kept = frozenset(start), set(start)
    found, current = Slow(kept), loss.value(kept)
    destinations, sources = layers_and_kinds(model)
    whole: set[str] = set()

    def leads_on(destination: str, place: str) -> bool:
        """Whether what is read there goes anywhere: from the same place, but for keys and values."""
        if destination == "logits":
            return place in answered
        near = "" if destination.endswith(("<k>", "<v>")) else place
        nodes = nodes_of(model, destination)
        return any(edge.split("->")[0] in nodes and edge.endswith(near) for edge in kept)

    def test(name: str, gone: set[str]) -> bool:
        nonlocal current
        after = loss.value(kept - gone)
        stays = loss.stays(current, after)
        found.trace.append((name, current, after, stays))
        if not stays:
            kept.difference_update(gone)
            current = after
        return stays

    for visited in with_direct(destinations) if direct_edges else destinations:
        destination = visited.removeprefix("direct ")
        for place in reversed(places):
            stop = f"{destination}{place}"
            incoming = [edge for source in sources if (edge := f"{source}->{stop}") in begun]
            if visited != destination:
                if incoming and leads_on(destination, place) and not test(stop, set(incoming)):
                    whole.add(stop)
            elif stop not in whole and not leads_on(destination, place):
                kept.difference_update(incoming)
            elif stop not in whole:
                for edge in incoming:
                    test(edge, {edge})
    return found
