"""The one batch loop that every attribution method runs in.

It is a generator of states: whoever drives it shows the progress, stores the state, or stops anywhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgewise import processes
from edgewise.attribution.method import Method, Score
from edgewise.attribution.moments import Array
from edgewise.attribution.state import AttributionState, require_level
from edgewise.engine.run.batches import Batch, arrange, share
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for, usable
from edgewise.engine.run.layers import layers_told
from edgewise.engine.run.memory import micro_batch, shared
from edgewise.engine.run.metric_gradient import metric_values
from edgewise.engine.run.metric_path import MetricPath
from edgewise.engine.run.references import with_references
from edgewise.engine.run.room import has_room, release, shown
from edgewise.errors import DataError, EdgewiseWarning, MemoryLimitError, SettingError, VanishingGradientError
from edgewise.generators import at_the_end_of
from edgewise.graph import EdgeScores, NodeScores
from edgewise.methods import ESTIMATES as METHODS
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.out_of_memory import is_out_of_memory
from edgewise.settings.conditions import Conditions, unheard
from edgewise.settings.read import read_settings
from edgewise.settings.scoring import Level
from edgewise.tasks import PromptPair, PromptSet
from edgewise.tasks.places import places_of

# Below this the largest |dL/dlogits| counts as zero: rounding, not a slope.
FLAT = 1e-6
# Mean, squares and mean size in float64, before and after a micro-batch, and what is made on the way.
_BYTES_A_SCORE = 64
NO_READERS = "the scores of {} are not kept apart by reader; leave --readers out, or take eap"
NO_PLACES = (
    "the scores of {} are no sums over positions; leave --positions out, or take eap, secant, relp or eap-ig-inputs"
)
# With fewer resamples the ends of a 95 % interval are extremes.
FEWEST_RESAMPLES = 20


@one_at_a_time
def attribute(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    *,
    method: str = "eap",
    settings: Mapping[str, Any] | None = None,
    metric: AnyMetric | None = None,
    level: Level = "edge",
    per_prompt: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
    largest: int = 0,
    conditions: Conditions = Conditions(),
    state: AttributionState | None = None,
) -> Iterator[AttributionState]:
    """Score every edge: yields the state after every micro-batch, the last one finished.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts; the same ones in the same order when a pass is resumed.
        method: a name in ``METHODS``.
        settings: the method's own, such as ``{"steps": 10}``; its defaults where none are given.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default.
        level: ``"edge"``, or ``"node"`` for node attribution patching (the paper's footnote 1).
        per_prompt: keep every prompt's own scores too.
        bootstrap: keep the means over so many resamples of the prompts too.
        seed: of these resamples.
        largest: how many prompts are kept whole, those of largest scores, for whoever replaces them.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        state: where an earlier pass stopped; None to begin.

    Raises:
        UnknownNameError: no such method or metric.
        SettingError: a setting that the method does not have.
        DataError: a prompt the model cannot take.
        MemoryLimitError: the memory is too little for one prompt.
        MetricError: a metric that cannot be computed on these prompts, or whose gradient vanishes.
        ScoreError: logits or scores that are not finite.
    """
    chosen, measured, pairs = checked(model, prompts, method, metric, level)
    score = chosen.with_settings(settings or {})
    steps = _layers(chosen, settings or {}, model) if conditions.during is not unheard else 0
    _require_room(model, pairs)
    if state is None:
        state = AttributionState.start(
            graph_for(model, pairs),
            level=level,
            batch_size=rows_at_first(model, pairs, conditions, chosen.activations),
            total=len(pairs),
            per_prompt=per_prompt,
            bootstrap=_resamples(bootstrap),
            seed=seed,
            largest=largest,
        )
    if state.total != len(pairs):
        raise DataError(f"the stored state is of {state.total} prompts, but {len(pairs)} were given; begin again")
    causal = model.wiring.causal
    order, buffers = arrange(pairs, causal=causal), Buffers()
    while not state.finished:
        parts = share(order, pairs, state.done, state.batch_size, processes.size(), causal=causal)
        most = max(map(len, parts))
        own = parts[processes.rank()] if processes.rank() < len(parts) else []
        try:
            # Whatever the caller's context: gradients are needed, and products are not made in half precision.
            with (
                torch.inference_mode(False),
                torch.autocast(model.device.type, enabled=False),
                _told(model, steps, sum(map(len, parts)), conditions.during),
            ):
                scored = processes.each(partial(_step, model, pairs, own, score, measured, buffers))
        except (RuntimeError, MemoryError) as error:
            if most == 1 or not is_out_of_memory(error):
                raise
            state = state.with_batch_size((most + 1) // 2)
            buffers = Buffers()
        else:
            for part in scored:
                state = state if part is None else state.after(*part)
            if state.finished:
                refuse_flat(measured, state.steepest)
            yield state
            continue
        # Only here, where the exception and what it holds are gone, can the memory be given back.
        release(model.device)
        say_halved(most, state.batch_size)


@at_the_end_of(attribute)
def estimate_edges(last: AttributionState) -> EdgeScores | NodeScores:
    """Estimate every edge of a model's graph on some prompts by one method of attribution.

    A score estimates ``L(patched) - L(clean)``, L the metric averaged over prompts: negative where the edge helps.

    Returns:
        Mean, standard error and mean of absolutes over prompts, per edge (or per node).
    """
    return last.scores()


def rows_at_first(model: Model, pairs: Sequence[PromptPair], conditions: Conditions, activations: float) -> int:
    """Prompts a micro-batch: where nobody says, so many that every process has some."""
    fitting = micro_batch(model, pairs, conditions, activations)
    n = processes.size()
    if n > len(pairs):
        warnings.warn(
            f"{n} processes share {len(pairs)} prompts, so {n - len(pairs)} wait while prompts are scored",
            EdgewiseWarning,
            stacklevel=3,
        )
    return shared(fitting, len(pairs), conditions)


def _require_room(model: Model, pairs: Sequence[PromptPair]) -> None:
    """Refuse more places than memory holds sums of."""
    graph = graph_for(model, pairs)
    size = graph.mask.size * _BYTES_A_SCORE
    if graph.places and not has_room(size, torch.device("cpu")):
        raise MemoryLimitError(
            f"the sums of all edges at {graph.n_places} places take {shown(size)}, which is more than half of the"
            " memory that is free; name fewer spans, with --positions spans"
        )


def _resamples(count: int) -> int:
    if count and count < FEWEST_RESAMPLES:
        raise DataError(f"bootstrap of {count} resamples: give at least {FEWEST_RESAMPLES}, or none")
    return count


def checked(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    method: str,
    metric: AnyMetric | None,
    level: str = "edge",
) -> tuple[Method, Metric, Sequence[PromptPair]]:
    """The method, the metric and the prompts, all fit for each other; raises as `attribute`."""
    chosen: Method = METHODS.load(method)
    measured = metric_for(prompts, metric)
    if measured.flat_at_clean and (measured.flat_everywhere or not chosen.beyond_clean):
        others = "" if measured.flat_everywhere else "; or a method that looks at other runs too, such as eap-ig-inputs"
        raise VanishingGradientError(
            f"metric {measured.name!r} has no gradient at the clean run: {measured.flat_at_clean}, so {chosen.name!r}"
            f" would score every edge zero; use logit-diff, prob-diff or log-prob{others}"
        )
    require_level(level)
    pairs = usable(model, prompts, measured)
    if places_of(pairs) and not chosen.by_place:
        raise SettingError(NO_PLACES.format(f"'{chosen.name}'"))
    if graph_for(model, pairs).readers and not chosen.by_reader:
        raise SettingError(NO_READERS.format(f"'{chosen.name}'"))
    if places_of(pairs) and level == "node":
        raise SettingError("--positions keeps edges apart by place, and not nodes; leave --level node out")
    return chosen, measured, pairs


def _layers(method: Method, settings: Mapping[str, Any], model: Model) -> int:
    """How often a layer runs, forward or backward, for one micro-batch; 0 where nobody knows."""
    spec = model.graph.spec
    cost = method.cost(read_settings(method.settings, settings, method.name), spec)
    return 0 if cost is None else round((cost.forward + cost.backward) * spec.n_layers)


def _told(model: Model, steps: int, rows: int, during: Callable[[float], None]) -> AbstractContextManager[None]:
    """While in force, what is done of so many prompts is told after each of so many runs of a layer."""
    if not steps:
        return nullcontext()
    passed = count(1)
    return layers_told(model, lambda: during(rows * min(next(passed) / steps, 1.0)))


Part = tuple[list[int], npt.NDArray[np.floating[Any]], Array, Array, float]


def _step(
    model: Model, pairs: Sequence[PromptPair], rows: list[int], score: Score, metric: Metric, buffers: Buffers
) -> Part | None:
    """What `AttributionState.after` takes of one micro-batch; None of none."""
    if not rows:
        return None
    batch = Batch.of([pairs[i] for i in rows], model.device, causal=model.wiring.causal)
    batch = with_references(model, batch, metric)
    path = MetricPath(metric, batch.metric)
    scored = score(model, batch, path, buffers)
    if batch.places is not None and scored.edges.ndim < 4 + batch.places.readers:
        raise SettingError((NO_READERS if batch.places.readers else NO_PLACES).format("this method"))
    known = path.known(scored.clean_logits)
    clean = known.values if known else metric_values(metric, scored.clean_logits, batch.metric, scored.clean_logits)
    corrupted = metric_values(metric, scored.corrupted_logits, batch.metric, scored.clean_logits)
    metrics = (clean.double().cpu().numpy(), corrupted.double().cpu().numpy())
    return rows, scored.edges.cpu().numpy(), *metrics, path.steepest


def say_halved(before: int, now: int) -> None:
    """Warn that fewer prompts are run at a time from here on."""
    warnings.warn(
        f"out of memory with {before} prompts at a time; going on with {now}, and no score changes", stacklevel=3
    )


def refuse_flat(metric: Metric, steepest: float) -> None:
    """Refuse a metric whose gradient vanished on all prompts. Raises VanishingGradientError."""
    if steepest < FLAT:
        raise VanishingGradientError(
            f"metric {metric.name!r} is flat at the clean run: its largest |dL/dlogits| over all prompts is"
            f" {steepest:.1e}, below {FLAT:.0e}, so a gradient says nothing about any edge; use logit-diff or log-prob"
        )
