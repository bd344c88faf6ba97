"""How fast a machine is: what a few operations take here, measured within a second.

A product takes the time of its arithmetic and that of its factors, which are laid out anew for it: with few rows the
second is most of it. Any other operation takes the time of the bytes that it moves. Memory that the system has to give
first takes longer, and each operation has a cost of its own, Python's share included.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch

from edgewise.engine.dry.stand_in import without_values
from edgewise.engine.dry.watch import Operation, watched
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.models.built import load_built
from edgewise.tasks import PromptPair

# A model on which what an operation does is nothing beside the operation, and prompts for it.
TINY = "planted:0"
TINY_PAIRS = (PromptPair((0, 1, 2, 3), (0, 2, 2, 3), (1,), (2,)),)
_TRIES = 5


@dataclass(frozen=True)
class Machine:
    """Rates of a machine.

    Args:
        flops: floating-point operations a second in matrix products, by type.
        factors: bytes a second of a product's factors.
        moved: bytes a second that other operations read or write.
        fresh: bytes a second of memory that the system has to give.
        each: seconds that an operation takes whatever its size.
        first: seconds that a process takes more for what it does the first time.
    """

    flops: Mapping[torch.dtype, float]
    factors: float
    moved: float
    fresh: float
    each: float
    first: float = 0.0

    def seconds(self, operation: Operation) -> float:
        """How long an operation takes."""
        new = operation.fresh / self.fresh + self.each
        if not operation.flops:
            return new + operation.moved / self.moved
        rate = self.flops.get(operation.dtype, min(self.flops.values()))
        return new + operation.flops / rate + operation.moved / self.factors


def this_machine(dtype: torch.dtype) -> Machine:
    """The rates of this machine's processors, with as many threads as torch uses."""
    types = {dtype, torch.float64 if dtype == torch.float64 else torch.float32}
    flops = {kind: _products(kind) for kind in types}
    known = Machine(flops, _factors(dtype, flops[dtype]), _moved(), _fresh(), 0.0)
    each, first = _each(known)
    return replace(known, each=each, first=first)


def _products(dtype: torch.dtype) -> float:
    """Of a product of the size that a layer has: 128 tokens, 1024 wide."""
    x, w = torch.ones(128, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
    out = torch.empty(128, 1024, dtype=dtype)
    return 2 * 128 * 1024**2 / least(lambda: torch.mm(x, w, out=out), 8)


def _factors(dtype: torch.dtype, flops: float) -> float:
    """Of a product with few rows, as the unembedding's is."""
    x, w = torch.ones(8, 512, dtype=dtype), torch.ones(1 << 15, 512, dtype=dtype)
    spent = least(lambda: x @ w.T, 2) - 2 * 8 * w.numel() / flops
    return w.nbytes / max(spent, 1e-9)


def _moved() -> float:
    x = torch.ones(1 << 25)
    return 2 * x.nbytes / least(lambda: torch.neg(x, out=x), 2)


def _fresh() -> float:
    size = 1 << 25
    return size / least(lambda: torch.empty(size, dtype=torch.uint8).fill_(1), 2)


def _each(known: Machine) -> tuple[float, float]:
    """By a run of the engine on a model so small that nothing else counts: of one operation, and of the first run."""
    model = load_built(TINY)
    batch = Batch.of(TINY_PAIRS, model.device)

    def work(buffers: Buffers) -> None:
        edge_scores(model, batch, lambda logits, _: torch.ones_like(logits), buffers)

    first = _seconds(partial(work, Buffers()), 1)
    with without_values(model), watched(model, known.seconds) as seen:
        work(Buffers())
    usual = least(partial(work, Buffers()), 2)
    return max(0.0, usual - seen.seconds) / seen.operations, max(0.0, first - usual)


def least(work: Callable[[], object], times: int) -> float:
    """Seconds of the process's own time, of all its threads, over the threads that torch uses: the best of a few tries.

    The machine's other work does not count.
    """
    work()
    return min(_seconds(work, times) for _ in range(_TRIES))


def _seconds(work: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times / torch.get_num_threads()
