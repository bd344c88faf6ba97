"""Runs against a circuit that is known beforehand: what each has of it, and how well its scores rank it.

1. Edges and nodes of the run's circuit that are in the known one, and the overlap of the edges.
2. The area under the ROC curve of the scores (the chance that a true candidate outranks another, ties being half: the
   statistic of Mann and Whitney) and average precision. Candidates are all edges of the graph, each at the query, key
   or value it enters; of scores of nodes, or where no edges were published, all nodes of the kinds that the known
   circuit has. A node ranks by its own score, else by the best of its edges. What has no score ranks last, together.

Edges that a run keeps apart by place in the prompt count together: a known circuit has no places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgewise.errors import ScoreError
from edgewise.evaluation.comparison import overlap
from edgewise.evaluation.roc import RocCurve, curve
from edgewise.evaluation.roc.levels import node_ranks
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.scores import Ranking
from edgewise.runs.contest.published import AskedCircuit
from edgewise.runs.store.folder import Run


@dataclass(frozen=True)
class Ranked:
    """How well scores rank the known circuit.

    Args:
        what: ``"edges"`` or ``"nodes"``: what the candidates are.
        by: what they are ranked by, see `edgewise.graph.EdgeScores.ranking`.
        candidates: how many there are.
        true: how many of them belong to the known circuit.
        unscored: how many have no score.
        auroc: area under the ROC curve; by chance a half.
        average_precision: by chance `true` / `candidates`.
    """

    what: str
    by: str
    candidates: int
    true: int
    unscored: int
    auroc: float
    average_precision: float


@dataclass(frozen=True)
class FoundOfKnown:
    """What one run has of the known circuit.

    Args:
        overlap: of the edges: those of both over those of either (Jaccard); None where no edges were published.
        edges: how many of the known edges its circuit has; None likewise.
        nodes: how many of the known heads and MLPs it has.
        ranked: how well its scores rank it; None where that is undefined.
        not_ranked: why not; None where it is defined.
    """

    overlap: float | None
    edges: int | None
    nodes: int
    ranked: Ranked | None
    not_ranked: str | None


@dataclass(frozen=True)
class Against:
    """A known circuit, and what runs have of it.

    Args:
        circuit: what it is, and where it is from.
        edges: how many it has; 0 where only nodes were published.
        nodes: its heads and MLPs.
        runs: what each run found of it, in their order.
    """

    circuit: str
    edges: int
    nodes: int
    runs: tuple[FoundOfKnown, ...]


def against(runs: Sequence[Run], known: AskedCircuit) -> Against:
    """Hold runs of one model against a known circuit.

    Args:
        runs: of one model.
        known: the circuit, of that model.
    """
    edges = 0 if known.circuit is None else known.circuit.n_edges
    return Against(known.words, edges, len(known.nodes), tuple(_found(known, run) for run in runs))


def rank(scores: EdgeScores | NodeScores, known: AskedCircuit, by: Ranking) -> Ranked:
    """Say how well scores rank a known circuit.

    Args:
        scores: of the circuit's model.
        known: the circuit.
        by: what they are ranked by.

    Raises:
        ScoreError: all candidates are true, or none.
    """
    plain = scores.plain if isinstance(scores, EdgeScores) else scores
    graph = plain.graph
    if isinstance(plain, EdgeScores) and known.circuit is not None:
        what, values, true = "edges", plain.ranking(by)[graph.mask], known.circuit.mask[graph.mask]
    else:
        ranks = node_ranks(plain, by) if isinstance(plain, EdgeScores) else plain.ranking(by)
        among, named = _kinds(graph, known.nodes), np.isin(graph.sources, known.nodes)
        what, values, true = "nodes", ranks[among], named[among]
    return _ranked(what, by, values, curve(values, true))


def _ranked(what: str, by: Ranking, values: FloatArray, found: RocCurve) -> Ranked:
    candidates, unscored = found.positives + found.negatives, int(np.isnan(values).sum())
    return Ranked(what, by, candidates, found.positives, unscored, found.auc, found.average_precision)


def _kinds(graph: Graph, nodes: Sequence[str]) -> BoolArray:
    """Which sources are of the kinds of some nodes: heads, MLPs, or both."""
    kinds = {node[:1] for node in nodes}
    return np.array([name[:1] in kinds and name != "input" for name in graph.sources], dtype=np.bool_)


def _found(known: AskedCircuit, run: Run) -> FoundOfKnown:
    circuit = run.circuit.plain
    nodes = len(set(known.nodes) & set(circuit.nodes()))
    ranked, why = _try_rank(known, run)
    if known.circuit is None:
        return FoundOfKnown(None, None, nodes, ranked, why)
    return FoundOfKnown(overlap(known.circuit, circuit), _common(known.circuit, circuit), nodes, ranked, why)


def _common(one: Circuit, other: Circuit) -> int:
    return (one & other).n_edges


def _try_rank(known: AskedCircuit, run: Run) -> tuple[Ranked | None, str | None]:
    if len(run.scores) == 0:
        return None, "the run has no scores"
    try:
        return rank(run.scores, known, run.config.selection.by), None
    except ScoreError as error:
        return None, str(error)
