"""Which edges of a scored graph make the circuit: a rule, applied."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from edgewise.errors import SelectionError
from edgewise.evaluation.stability import intervals, stability
from edgewise.graph.arrays import BoolArray
from edgewise.graph.circuit import Circuit
from edgewise.graph.graph import Graph
from edgewise.graph.scores import EdgeScores, NodeScores
from edgewise.graph.selection import greedy, leading, prune, threshold, threshold_nodes, top_n, top_nodes
from edgewise.runs.config import RunConfig
from edgewise.runs.store.record import StabilitySummary
from edgewise.settings.selection import DEFAULT_FRACTION, DEFAULT_LEAST, Selection


def require_fits(selection: Selection, graph: Graph, scored: BoolArray) -> None:
    """Refuse a rule that cannot be applied to what has a score, or before time is spent on it, to what will have one.

    Args:
        selection: the rule.
        graph: the model's.
        scored: which edges, ``[n_sources, n_destinations]``, or which nodes, ``[n_sources]``.

    Raises:
        SelectionError: more edges or nodes asked for than are scored or, with `greedy`, than lead to `logits`; `greedy`
            for nodes.
    """
    what, total = ("node", graph.n_sources) if scored.ndim == 1 else ("edge", graph.n_edges)
    if selection.greedy and what == "node":
        raise SelectionError("--greedy chooses edges; leave it out with --level node")
    there, asked = int(scored.sum()), selection.top
    if asked is not None and asked > there:
        has = f"the model has {total} {what}s" if there == total else f"{there} of {total} {what}s are scored"
        raise SelectionError(f"--top is {asked}, but {has}; give at most {there}")
    if selection.greedy:
        leading = _within_reach(graph, scored)
        if not leading:
            raise SelectionError(f"--greedy: none of the {there} edges that are scored leads to logits; leave it out")
        if asked is not None and asked > leading:
            raise SelectionError(
                f"--top is {asked}, but {leading} of the edges that are scored lead to logits; give at most {leading},"
                " or leave --greedy out"
            )


def require_spread(selection: Selection, n_prompts: int) -> None:
    """Refuse a rule that needs more prompts than there are. Raises SelectionError."""
    if selection.stable and n_prompts < 2:
        raise SelectionError("--stable needs a spread over prompts, and there is one prompt; give at least 2")


def most(scores: EdgeScores | NodeScores, selection: Selection) -> int:
    """The number of edges (or nodes) that a rule can keep at most. Raises as `select`."""
    graph, scored = scores.graph, ~np.isnan(scores.values)
    require_fits(selection.of_size(1), graph, scored)
    if selection.stable:
        scored = ~np.isnan(_of_certain_sign(scores).values)
    return _within_reach(graph, scored) if selection.greedy else int(scored.sum())


def select(scores: EdgeScores | NodeScores, selection: Selection) -> Circuit:
    """Apply a rule to scores; one whose size is to be measured stands for its default size until it is.

    Args:
        scores: of edges; or of nodes, and then the circuit is every edge between the nodes chosen.
        selection: the rule.

    Returns:
        The circuit; pruned only where the rule says so.

    Raises:
        SelectionError: more edges or nodes asked for than there are, or `greedy` for nodes.
        ScoreError: `stable` for scores without a spread over prompts.
    """
    graph, scored = scores.graph, ~np.isnan(scores.values)
    require_fits(selection, graph, scored)
    n = _count(selection, int(scored.sum()), "node" if scored.ndim == 1 else "edge")
    if selection.stable:
        scores = _of_certain_sign(scores)
        scored = ~np.isnan(scores.values)
    # A share, or a number among those of certain sign, is of as many as there are; so is what leads to the logits.
    n = min(n, _within_reach(graph, scored) if selection.greedy else int(scored.sum()))
    chosen = (
        _select_nodes(scores, selection, n) if isinstance(scores, NodeScores) else _select_edges(scores, selection, n)
    )
    return prune(chosen) if selection.prune else chosen


def stability_of(config: RunConfig, scores: EdgeScores | NodeScores, circuit: Circuit) -> StabilitySummary | None:
    """How far the circuit that a config selects varies over resamples of the prompts; None where scores keep none."""
    if scores.resampled is None:
        return None
    found = stability(scores, lambda one: select(one, replace(config.selection, stable=False)))
    kept = circuit.mask if isinstance(scores, EdgeScores) else circuit.node_mask
    certain = intervals(scores).sign_is_certain & kept
    return StabilitySummary(
        found.n_resamples, int(kept.sum()), int(certain.sum()), found.jaccard, found.target, found.prompts_for_target
    )


def _of_certain_sign(scores: EdgeScores | NodeScores) -> EdgeScores | NodeScores:
    """The scores without those whose sign may be chance."""
    certain = intervals(scores).sign_is_certain
    values = np.where(certain, scores.values, np.nan)
    mean_abs = None if scores.mean_abs is None else np.where(certain, scores.mean_abs, np.nan)
    return replace(scores, values=values, mean_abs=mean_abs, allow_unscored=True)


def _select_edges(scores: EdgeScores, selection: Selection, n: int) -> Circuit:
    if selection.threshold is not None:
        return threshold(scores, selection.threshold, by=selection.by)
    return (greedy if selection.greedy else top_n)(scores, n, by=selection.by)


def _select_nodes(scores: NodeScores, selection: Selection, n: int) -> Circuit:
    if selection.threshold is not None:
        return threshold_nodes(scores, selection.threshold, by=selection.by)
    return top_nodes(scores, n, by=selection.by)


def _within_reach(graph: Graph, scored: BoolArray) -> int:
    """How many of these edges lead to the logits by others of them."""
    return leading(Circuit(graph, graph.mask & scored)).n_edges


def _count(selection: Selection, scored: int, level: str) -> int:
    if selection.top is not None:
        return selection.top
    if selection.fraction is not None:
        return _share(selection.fraction, scored)
    return min(scored, max(DEFAULT_LEAST[level], _share(DEFAULT_FRACTION[level], scored)))


def _share(fraction: float, scored: int) -> int:
    """Rounded as `top_fraction` rounds, but a share too small for one edge still shows the best one."""
    return max(1, math.floor(fraction * scored + 1e-9))
