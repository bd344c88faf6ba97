"""Which edges of a scored graph make the circuit: a rule, applied."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from edgewise.errors import SelectionError
from edgewise.evaluation.stability import intervals
from edgewise.graph.circuit import Circuit
from edgewise.graph.graph import Graph
from edgewise.graph.scores import EdgeScores, NodeScores
from edgewise.graph.selection import greedy, prune, threshold, threshold_nodes, top_n, top_nodes
from edgewise.settings.selection import DEFAULT_FRACTION, Selection


def require_fits(selection: Selection, graph: Graph, level: str) -> None:
    """Refuse a rule that cannot be applied to this graph, before time is spent on scores.

    Raises:
        SelectionError: more edges or nodes asked for than there are, or `greedy` for nodes.
    """
    total = graph.n_edges if level == "edge" else graph.n_sources
    if selection.top is not None and selection.top > total:
        raise SelectionError(f"--top is {selection.top}, but the model has {total} {level}s; give at most {total}")
    if selection.greedy and level == "node":
        raise SelectionError("--greedy chooses edges; leave it out with --level node")


def select(scores: EdgeScores | NodeScores, selection: Selection) -> Circuit:
    """Apply a rule to scores.

    Args:
        scores: of edges; or of nodes, and then the circuit is every edge between the nodes chosen.
        selection: the rule.

    Returns:
        The circuit; pruned only where the rule says so.

    Raises:
        SelectionError: more edges or nodes asked for than there are, or `greedy` for nodes.
        ScoreError: `stable` for scores without a spread over prompts.
    """
    if selection.stable:
        scores = _of_certain_sign(scores)
    chosen = _select_nodes(scores, selection) if isinstance(scores, NodeScores) else _select_edges(scores, selection)
    return prune(chosen) if selection.prune else chosen


def _of_certain_sign(scores: EdgeScores | NodeScores) -> EdgeScores | NodeScores:
    """The scores without those whose sign may be chance."""
    certain = intervals(scores).sign_is_certain
    values = np.where(certain, scores.values, np.nan)
    mean_abs = None if scores.mean_abs is None else np.where(certain, scores.mean_abs, np.nan)
    return replace(scores, values=values, mean_abs=mean_abs, allow_unscored=True)


def _select_edges(scores: EdgeScores, selection: Selection) -> Circuit:
    if selection.threshold is not None:
        return threshold(scores, selection.threshold, by=selection.by)
    n = _count(selection, scores.graph.n_edges, DEFAULT_FRACTION["edge"])
    if selection.stable:
        n = min(n, int((~np.isnan(scores.values)).sum()))
    return (greedy if selection.greedy else top_n)(scores, n, by=selection.by)


def _select_nodes(scores: NodeScores, selection: Selection) -> Circuit:
    require_fits(selection, scores.graph, "node")
    if selection.threshold is not None:
        return threshold_nodes(scores, selection.threshold, by=selection.by)
    n = _count(selection, scores.graph.n_sources, DEFAULT_FRACTION["node"])
    if selection.stable:
        n = min(n, int((~np.isnan(scores.values)).sum()))
    return top_nodes(scores, n, by=selection.by)


def _count(selection: Selection, total: int, default: float) -> int:
    if selection.top is not None:
        return selection.top
    # Rounded as `top_fraction` rounds, but a share too small for one edge still shows the best one.
    return max(1, math.floor((selection.fraction or default) * total + 1e-9))
