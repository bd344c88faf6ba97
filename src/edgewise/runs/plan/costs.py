"""What pieces of work take: each is done once on one micro-batch without values, and counted, or told from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from edgewise.attribution import METHODS
from edgewise.engine.run.at_once import planned_for
from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.passes import Passes
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.runs.methods.work import Estimate, Patches, Runs, Work
from edgewise.runs.plan import work as pieces
from edgewise.runs.plan.counted import Counted, DryRuns
from edgewise.runs.plan.disk import bytes_of_scores
from edgewise.runs.plan.sized import Sized, times_of_first
from edgewise.settings import read_settings
from edgewise.tasks import PromptPair

# Of more passes than these a method is not run dry: they are told from those of EAP.
MANY = 12.0


@dataclass(frozen=True)
class Cost:
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


class Costs:
    """What pieces of work take."""

    def __init__(self, sized: Sized, dry: DryRuns) -> None:
        self._sized, self._dry = sized, dry

    def __call__(self, work: Work) -> Cost:
        """What one takes."""
        if isinstance(work, Estimate):
            return self._estimate(work)
        return self._patches(work) if isinstance(work, Patches) else self._runs(work)

    def _estimate(self, work: Estimate) -> Cost:
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
        times = share * times_of_first(batches)
        return Cost(
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

    def _patches(self, work: Patches) -> Cost:
        sized, graph = self._sized, self._sized.whole.graph
        batches = sized.batches(sized.rows(1.0, shared=False))
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
        return Cost(
            Passes(2.0 + work.passes, at_most=work.at_most),
            whole(lambda counted: sum(counted.flops.values())),
            whole(lambda counted: counted.seconds),
            len(pairs),
            {**longest.held, "engine": longest.held["engine"] + kept},
            at_most=work.at_most,
        )

    def _runs(self, work: Runs) -> Cost:
        sized, passes = self._sized, work.passes
        rows = sized.rows(work.activations)
        batches = sized.batches(rows)
        counted = self._from_eap(batches[0], replace(passes, backward=max(passes.backward, 0.0)), work.activations)
        times = times_of_first(batches) * work.dearer
        return Cost(passes, times * sum(counted.flops.values()), times * counted.seconds, rows, counted.held)


def _part(passes: Passes, share: float) -> Passes:
    return Passes(passes.forward * share, passes.backward * share, passes.at_most)
