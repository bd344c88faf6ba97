"""Does a circuit carry one behaviour alone? Its faithfulness on other prompts, beside random circuits of its size.

All are run on the same prompts, every edge outside each patched with the corrupted run's values (resample ablation):

    f(C) = (m(C) - m(empty)) / (m(full) - m(empty))    on each set of prompts by itself

A circuit that keeps another task as well as its own holds what both share, or much of the model; random circuits of as
many edges say how much any circuit of that size would keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import numpy.typing as npt

from edgewise import processes
from edgewise.engine.run.batches import divide
from edgewise.engine.run.inputs import AnyMetric, metric_for, usable
from edgewise.engine.run.memory import halving, micro_batch, shared
from edgewise.engine.run.references import with_references
from edgewise.engine.run.replacement import resample
from edgewise.evaluation.circuit_runs import METRIC, CircuitRuns
from edgewise.evaluation.measures import Values, faithfulness
from edgewise.graph import Circuit
from edgewise.graph.arrays import BoolArray
from edgewise.models import Model
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet


@dataclass(frozen=True)
class Carried:
    """What a circuit keeps of one set of prompts.

    Args:
        faithfulness: of the circuit; None where patching every edge changes nothing.
        stderr: over prompts; None likewise.
        random: that of random circuits with as many edges.
        full: mean of the metric with no edge patched.
        empty: with every edge patched.
    """

    faithfulness: float | None
    stderr: float | None
    random: tuple[float | None, ...]
    full: float
    empty: float


@dataclass(frozen=True)
class _Masks:
    """Nothing, and circuits."""

    masks: tuple[BoolArray, ...]

    def __len__(self) -> int:
        return len(self.masks)

    def kept(self, number: int) -> BoolArray:
        """The edges that a circuit keeps."""
        return self.masks[number]

    def words(self, number: int) -> str:
        """A circuit in words."""
        return "a circuit" if number else "nothing"


def random_circuits(circuit: Circuit, n: int, seed: int) -> tuple[BoolArray, ...]:
    """So many circuits of the graph with as many edges, each edge as likely as any other."""
    rng = np.random.default_rng(abs(seed))
    exists = np.flatnonzero(circuit.graph.mask)
    return tuple(_of(circuit, rng.choice(exists, circuit.n_edges, replace=False)) for _ in range(n))


def carried(
    model: Model,
    prompts: PromptSet,
    circuit: Circuit,
    *,
    random: int,
    seed: int = 0,
    conditions: Conditions = Conditions(),
    report: Callable[[int], None] = lambda done: None,
) -> Carried:
    """Measure a circuit, and random ones of its size, on a set of prompts by the set's own metric.

    Args:
        model: the model.
        prompts: with answers, as their metric asks.
        circuit: of the model's graph.
        random: how many random circuits.
        seed: of these.
        conditions: how many prompts are run at a time.
        report: told how many prompts are done.

    Raises:
        EdgewiseError: prompts or a metric that cannot be used.
    """
    masks = (circuit.mask, *random_circuits(circuit, random, seed))
    full, empty, *others = kept_values(model, prompts, masks, conditions=conditions, report=report)
    found = [faithfulness(values, full, empty) for values in others]
    return Carried(*found[0], tuple(f for f, _ in found[1:]), float(full.mean()), float(empty.mean()))


def kept_values(
    model: Model,
    prompts: PromptSet,
    circuits: Sequence[BoolArray],
    *,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    report: Callable[[int], None] = lambda done: None,
) -> Values:
    """The metric of each prompt with no edge patched, with every edge patched, and with each circuit kept.

    Args:
        model: the model.
        prompts: with answers, as the metric asks.
        circuits: masks of the edges kept.
        metric: what is measured; the prompts' own by default.
        conditions: how many prompts are run at a time.
        report: told how many prompts are done.

    Returns:
        ``[2 + circuits, n_prompts]``.

    Raises:
        EdgewiseError: prompts or a metric that cannot be used.
    """
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    masks = (np.zeros_like(model.graph.mask), *circuits)
    runs = CircuitRuns(model, measured, _Masks(masks), partial(resample, model), False)
    size = shared(micro_batch(model, pairs, conditions, float(len(masks))), len(pairs), conditions)
    full, kept = halving(size, model.device, partial(_measured, runs, pairs, report))
    return np.stack([full, *kept])


def _measured(
    runs: CircuitRuns, pairs: Sequence[PromptPair], report: Callable[[int], None], size: int
) -> tuple[Values, list[Values]]:
    """The metric of each prompt with nothing patched, and with each circuit kept; processes share the prompts."""
    full, kept = np.zeros(len(pairs)), np.zeros((len(runs.circuits), len(pairs)))
    for found in processes.each(lambda: list(_own(runs, pairs, report, size))):
        for rows, whole, circuits in found:
            full[rows], kept[:, rows] = whole, circuits
    return full, list(kept)


def _own(
    runs: CircuitRuns, pairs: Sequence[PromptPair], report: Callable[[int], None], size: int
) -> Iterator[tuple[list[int], Values, Values]]:
    """Of this process's micro-batches: which prompts, and both for them."""
    model, done = runs.model, 0
    every = divide(pairs, size, model.device, causal=model.wiring.causal)
    for rows, batch in islice(every, processes.rank(), None, processes.size()):
        opened = runs.open(with_references(model, batch, runs.metric))
        circuits = opened.measure(range(len(runs.circuits)))[METRIC]
        yield rows, opened.of_prompts[METRIC].double().cpu().numpy(), circuits.double().cpu().numpy()
        done += len(rows) * processes.size()
        report(min(done, len(pairs)))


def _of(circuit: Circuit, chosen: npt.NDArray[np.intp]) -> BoolArray:
    mask: BoolArray = np.zeros(circuit.mask.shape, dtype=np.bool_)
    mask.flat[chosen] = True
    return mask
