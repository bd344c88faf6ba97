"""ACDC: edges are removed one after another, from the output back, wherever that changes the metric by less than tau.

Conmy et al. (2023), algorithm 1, as their code runs it. With ``loss`` the metric, or minus the metric where higher is
better, an edge is removed if

    loss(circuit without it) - loss(circuit) < tau

strictly, with its sign (or by its size, on request); the loss of the circuit is that after the last removal. A node
that nobody reads any more loses its incoming edges untested; a head that scales others of its layer, through a norm
over all of them, counts as read while they are.

The next few edges into a destination are tried together, each without those before it too, and accepted up to the first
that fails: the result is that of one at a time. How many follows from how many were accepted last, so the same run
tries the same ones whenever it is resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from edgewise.engine.run.inputs import AnyMetric, graph_for
from edgewise.generators import at_the_end_of
from edgewise.graph import Circuit
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.acdc.state import AcdcState
from edgewise.search.acdc.sweep import AcdcRule, sweep
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet


@one_at_a_time
def search(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    tau: float,
    *,
    metric: AnyMetric = "kl",
    absolute: bool = False,
    direct_edges: bool = False,
    start: Circuit | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[AcdcState]:
    """ACDC: yields the state before the first run and after every one, the last one finished.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts, removed edges carrying corrupted values; the same ones in the
            same order when a search is resumed.
        tau: the threshold, in units of the metric.
        metric: ``kl`` or any other; where higher is better its negative is the loss.
        absolute: compare the size of the change with tau.
        direct_edges: as the original does, first test for each layer whether q, k and v of its heads can be patched as
            a whole (v of all heads, then k, then q, highest head first); one that can loses all its edges untested.
        start: the circuit to remove edges from; the whole model by default. A resumed search knows its own.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier search stopped; None to begin.

    Where the prompts' tokens have places, each edge is tested at each place by itself.

    Raises:
        DataError: a prompt the model cannot take.
        SelectionError: a circuit to begin with that is of another graph, or of other places.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
        MemoryLimitError: the runs of all prompts, which are kept, will not fit.
    """
    earlier = None if stored is None else [AcdcState.from_tensors(stored, graph_for(model, prompts))]
    for now in sweep(
        model,
        prompts,
        [AcdcRule(tau, start)],
        metric=metric,
        absolute=absolute,
        direct_edges=direct_edges,
        conditions=conditions,
        earlier=earlier,
    ):
        yield now.states[0]


@at_the_end_of(search)
def acdc(last: AcdcState) -> AcdcState:
    """Run ACDC to its end.

    Returns:
        The final state: circuit, scores, and the trace of all tests.
    """
    return last
