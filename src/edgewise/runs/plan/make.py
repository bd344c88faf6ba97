"""From what is asked to what it will cost, without weights.

1. The model is made without weights (`edgewise.models.outline`), whole for its sizes, in a few depths for dry runs.
2. The micro-batch is that of the run itself: the same model of memory, with the weights counted as there
   (`edgewise.engine.run.memory`).
3. The method says what it does (`edgewise.runs.methods.work`); each piece is done once on one micro-batch without
   values, and counted (`edgewise.engine.dry`).
4. Seconds are those of each operation counted, at rates measured here within a second, or of a named accelerator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import psutil
import torch

from edgewise.attribution import METHODS
from edgewise.engine.dry.machine import Machine, this_machine
from edgewise.engine.run.at_once import planned_for
from edgewise.engine.run.batches import arrange, taken
from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.memory import Need, Room
from edgewise.engine.run.passes import Passes
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.errors import MemoryLimitError
from edgewise.metrics import Metric, get_metric
from edgewise.models import Model, Opened
from edgewise.runs.config import RunConfig
from edgewise.runs.methods import method_of, settled
from edgewise.runs.methods.work import Estimate, Patches, Runs, Work
from edgewise.runs.plan import work as pieces
from edgewise.runs.plan.advice import advice
from edgewise.runs.plan.counted import Counted, DryRuns
from edgewise.runs.plan.disk import bytes_of_scores, bytes_on_disk
from edgewise.runs.plan.hardware import CONTEXT, Devices
from edgewise.runs.plan.loading import bytes_of_loading
from edgewise.runs.plan.plan import Asked, Memory, Plan, Size
from edgewise.settings import read_settings
from edgewise.tasks import PromptPair, PromptSet

# Of more passes than these a method is not run dry: they are told from those of EAP.
MANY = 12.0


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
    place = _here(config, max_memory, n_processes) if on is None else _there(on)
    sized = _Sized(config, whole, prompts.pairs, metric, place, n_processes)
    dry = DryRuns.of(opened.outline, whole, place.machine.seconds, place.kind)
    done = [_Costs(sized, dry)(work) for work in method.work(config, graph_for(whole, prompts), prompts) or ()]
    return _told(config, opened, prompts, sized, done)


@dataclass(frozen=True)
class _Place:
    """A machine: its rates, and the memory that a process has there, before weights are."""

    name: str
    kind: str
    machine: Machine
    used: int
    free: int
    limit: int | None
    devices: int = 1

    def room(self, weights: int) -> Room:
        """What there is on each device once the weights are, spread evenly."""
        n = self.devices
        return Room((self.used + weights) // n, (self.free - weights) // n, self.limit)

    @property
    def most(self) -> int:
        """Bytes that a process may have in all."""
        return self.used + self.free if self.limit is None else self.limit


def _here(config: RunConfig, limit: int | None, n: int) -> _Place:
    dtype = getattr(torch, config.dtype)
    used, free = psutil.Process().memory_info().rss, psutil.virtual_memory().available // n
    threads = torch.get_num_threads()
    name = f"this machine, {threads} thread{'s' * (threads > 1)}"
    return _Place(name, "cpu", this_machine(dtype), used, free, None if limit is None else limit // n)


def _there(on: Devices) -> _Place:
    memory = on.kind.memory * on.number
    return _Place(
        str(on), "cuda", on.kind.machine(), CONTEXT * on.number, memory - CONTEXT * on.number, None, on.number
    )


@dataclass(frozen=True)
class _Sized:
    """What is asked for, and what of it fits."""

    config: RunConfig
    whole: Model
    pairs: Sequence[PromptPair]
    metric: Metric
    place: _Place
    n_processes: int

    @property
    def weights(self) -> int:
        """Bytes of the model's parameters and buffers."""
        tensors = chain(self.whole.module.parameters(), self.whole.module.buffers())
        return sum({id(x): x.numel() * x.element_size() for x in tensors}.values())

    def rows(self, activations: float) -> int:
        """Prompts at a time."""
        if self.config.batch_size is not None:
            return min(self.config.batch_size, len(self.pairs))
        with planned_for(self.place.kind):
            need = Need.of(self.whole, self.pairs, activations)
            try:
                most = need.on(1 / self.place.devices).most(self.place.room(self.weights), pieces.CPU)
            except MemoryLimitError:
                most = 1
        return min(most, math.ceil(len(self.pairs) / self.n_processes))

    def batches(self, rows: int) -> list[list[PromptPair]]:
        """All prompts, a micro-batch at a time, the largest first."""
        causal = self.whole.wiring.causal
        found = taken(arrange(self.pairs, causal=causal), self.pairs, rows, causal=causal)
        batches = [[self.pairs[row] for row in batch] for batch in found]
        return sorted(batches, key=_tokens, reverse=True)


def _tokens(pairs: Sequence[PromptPair]) -> int:
    return len(pairs) * (max(max(pair.positions) for pair in pairs) + 1)


@dataclass(frozen=True)
class _Cost:
    """What a piece of work takes.

    Args:
        passes: of all prompts.
        flops: operations in all.
        seconds: in all.
        rows: prompts at a time.
        held: bytes at the peak, by part.
        scores: bytes of sums over prompts.
        at_most: whether it may be less.
    """

    passes: Passes
    flops: float
    seconds: float
    rows: int
    held: Mapping[str, float]
    scores: int = 0
    at_most: bool = False


class _Costs:
    """What pieces of work take."""

    def __init__(self, sized: _Sized, dry: DryRuns) -> None:
        self._sized, self._dry = sized, dry

    def __call__(self, work: Work) -> _Cost:
        """What one takes."""
        if isinstance(work, Estimate):
            return self._estimate(work)
        return self._patches(work) if isinstance(work, Patches) else self._runs(work)

    def _estimate(self, work: Estimate) -> _Cost:
        sized, method = self._sized, METHODS.load(work.method)
        own = read_settings(method.settings, work.settings, work.method)
        passes = method.cost(own, sized.whole.graph.spec)
        share = work.prompts / len(sized.pairs)
        rows = min(sized.rows(method.activations), work.prompts)
        batches = sized.batches(rows)
        if passes is None or passes.forward + passes.backward <= MANY:
            counted = self._counted(batches[0], method.name, work.settings)
        else:
            counted = self._from_eap(batches[0], passes, method.activations)
        times = share * _times(batches)
        return _Cost(
            _part(passes or Passes(0.0), share),
            times * sum(counted.flops.values()),
            times * counted.seconds,
            rows,
            counted.held,
            bytes_of_scores(graph_for(sized.whole, sized.pairs), rows, work.prompts, sized.config),
        )

    def _counted(self, pairs: Sequence[PromptPair], method: str, settings: Mapping[str, Any]) -> Counted:
        metric = self._sized.metric
        straight = pieces.is_straight(metric, self._sized.whole, pairs)
        kept = accumulation_dtype(self._sized.whole.dtype).itemsize * len(pairs)
        work = partial(pieces.estimate, pairs=pairs, method=method, settings=settings, metric=metric)
        return self._dry(work, alike=straight, a_cell=kept)

    def _from_eap(self, pairs: Sequence[PromptPair], passes: Passes, activations: float) -> Counted:
        """A gradient is one of EAP's, and what its runs are more or less than EAP's two are plain ones."""
        eap, forward = self._counted(pairs, "eap", {}), self._dry(partial(pieces.forward, pairs=pairs))
        more = passes.forward - 2 * passes.backward
        return Counted(
            {dtype: passes.backward * n + more * forward.flops.get(dtype, 0.0) for dtype, n in eap.flops.items()},
            passes.backward * eap.seconds + more * forward.seconds,
            {part: activations * size for part, size in eap.held.items()},
            eap.left,
        )

    def _patches(self, work: Patches) -> _Cost:
        sized, graph = self._sized, self._sized.whole.graph
        batches = sized.batches(sized.rows(1.0))
        pairs = batches[0]
        kind = pieces.removed if work.keeps else pieces.patched
        opened, shortest, longest = (
            self._dry(partial(kind, pairs=pairs, metric=sized.metric, runs=runs))
            for runs in ((), ("shortest",), ("longest",))
        )
        with planned_for(sized.place.kind):
            times = 1 if work.keeps else pieces.at_once(pairs)

        def whole(of: Callable[[Counted], float]) -> float:
            """Of all runs: a run takes something whatever it runs, and more by its share of a pass."""
            start, short, long = of(opened), of(shortest), of(longest)
            low, high = (pieces.share_of(graph, run) for run in ("shortest", "longest"))
            more = (long - short) / (high - low)
            each = len(sized.pairs) / (len(pairs) * times)
            own = max(0.0, short - start - more * low)
            return len(batches) * start + each * (work.runs * own + work.passes * more)

        kept = (len(batches) - 1) * opened.left if work.keeps else 0.0
        return _Cost(
            Passes(2.0 + work.passes, at_most=work.at_most),
            whole(lambda counted: sum(counted.flops.values())),
            whole(lambda counted: counted.seconds),
            len(pairs),
            {**longest.held, "engine": longest.held["engine"] + kept},
            at_most=work.at_most,
        )

    def _runs(self, work: Runs) -> _Cost:
        sized, passes = self._sized, work.passes
        rows = sized.rows(work.activations)
        batches = sized.batches(rows)
        counted = self._from_eap(batches[0], replace(passes, backward=max(passes.backward, 0.0)), work.activations)
        times = _times(batches) * work.dearer
        return _Cost(passes, times * sum(counted.flops.values()), times * counted.seconds, rows, counted.held)


def _times(batches: Sequence[Sequence[PromptPair]]) -> float:
    """All micro-batches, in times of the first."""
    return sum(map(_tokens, batches)) / _tokens(batches[0])


def _part(passes: Passes, share: float) -> Passes:
    return Passes(passes.forward * share, passes.backward * share, passes.at_most)


def _told(config: RunConfig, opened: Opened, prompts: PromptSet, sized: _Sized, done: Sequence[_Cost]) -> Plan:
    whole, place = sized.whole, sized.place
    graph = graph_for(whole, prompts)
    largest: Callable[[_Cost], float] = lambda cost: sum(cost.held.values()) + cost.scores  # noqa: E731
    top = max(done, key=largest, default=_Cost(Passes(0.0), 0.0, 0.0, sized.rows(1.0), {}))
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
        seconds=sum(one.seconds for one in done) / sized.n_processes if done else None,
        batch_size=done[0].rows if done else sized.rows(1.0),
        memory=memory,
        room=place.most,
        disk=bytes_on_disk(graph, len(prompts), config),
        fits=memory.peak <= place.most,
        advice=(),
    )
    return found if found.fits else replace(found, advice=advice(found))
