"""The best edges (or nodes) of some scores as rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewise.evaluation.stability import intervals
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.arrays import FloatArray
from edgewise.graph.scores import Ranking


@dataclass(frozen=True)
class Row:
    """One edge or node.

    Args:
        name: such as ``"a0.h1->m3"``.
        score: mean over prompts, in units of the metric.
        stderr: standard error of that mean; None where it is not known.
        mean_abs: mean over prompts of |score|; None where it is not known.
        in_circuit: whether the circuit keeps it.
        low: lower end of the score's 95 % interval, from resamples of the prompts; None where there are none.
        high: upper end.
        verified: whether the score is an exact effect; None where no exact effects were measured.
        estimated: what the method estimated, also where the score is exact; None likewise.
    """

    name: str
    score: float
    stderr: float | None
    mean_abs: float | None
    in_circuit: bool
    low: float | None = None
    high: float | None = None
    verified: bool | None = None
    estimated: float | None = None


def best(scores: EdgeScores | NodeScores, circuit: Circuit, top: int, by: Ranking = "abs") -> tuple[Row, ...]:
    """Return the `top` edges (or nodes) of highest rank, best first; ties by source, then destination.

    Args:
        scores: what to rank; entries without a score are left out.
        circuit: the edges kept.
        top: number of rows at most.
        by: the ranking, see `EdgeScores.ranking`.
    """
    kept = circuit.mask if isinstance(scores, EdgeScores) else circuit.node_mask
    ends = None if scores.half_width is None else intervals(scores)
    return tuple(
        Row(
            scores.name_at(at),
            float(scores.values[at]),
            _number(scores.stderr, at),
            _number(scores.mean_abs, at),
            bool(kept[at]),
            None if ends is None else _number(ends.low, at),
            None if ends is None else _number(ends.high, at),
            None if scores.verified is None else bool(scores.verified[at]),
            _number(scores.estimated, at),
        )
        for at in scores.order(by, max(top, 0))
    )


def _number(array: FloatArray | None, at: tuple[int, ...]) -> float | None:
    if array is None or np.isnan(array[at]):
        return None
    return float(array[at])
