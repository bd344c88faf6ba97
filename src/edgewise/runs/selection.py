"""Which edges of a scored graph make the circuit: one rule as a value, and its application."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from edgewise.errors import FormatError, SelectionError, UnknownNameError, did_you_mean
from edgewise.evaluation.stability import intervals
from edgewise.graph.circuit import Circuit
from edgewise.graph.graph import Graph
from edgewise.graph.scores import RANKINGS, EdgeScores, NodeScores, Ranking
from edgewise.graph.selection import greedy, prune, threshold, threshold_nodes, top_n, top_nodes

DEFAULT_FRACTION = {"edge": 0.01, "node": 0.1}


@dataclass(frozen=True)
class Selection:
    """At most one of `top`, `threshold` and `fraction`; none means the top 1 % of edges, or 10 % of nodes.

    Args:
        top: number of edges (or nodes).
        threshold: least value of the ranking.
        fraction: share of all edges (or nodes), above 0 and at most 1; rounded down, at least one.
        by: what is ranked: ``"abs"``, ``"signed"``, ``"helpful"`` or ``"mean-abs"``.
        greedy: grow the circuit from `logits` back, so that every edge kept leads there.
        prune: drop the edges kept that lie on no path from `input` to `logits`.
        stable: choose among those whose 95 % interval leaves zero out; where they are fewer than asked for, all.

    Raises:
        SelectionError: several rules at once, or a number out of range.
        UnknownNameError: an unknown ranking.
    """

    top: int | None = None
    threshold: float | None = None
    fraction: float | None = None
    by: Ranking = "abs"
    greedy: bool = False
    prune: bool = False
    stable: bool = False

    def __post_init__(self) -> None:
        """Check the rule."""
        given = [name for name in ("top", "threshold", "fraction") if getattr(self, name) is not None]
        if len(given) > 1:
            raise SelectionError(f"--{given[0]} and --{given[1]} given; give one of --top, --threshold, --fraction")
        if self.by not in RANKINGS:
            near = did_you_mean(self.by, RANKINGS) or "."
            raise UnknownNameError(f"unknown ranking '{self.by}'{near} Known rankings: {', '.join(RANKINGS)}.")
        if self.greedy and self.threshold is not None:
            raise SelectionError("--greedy needs a number of edges; give --top or --fraction, not --threshold")
        if self.top is not None and self.top < 1:
            raise SelectionError(f"--top is {self.top}; give at least 1")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise SelectionError(f"--fraction is {self.fraction:g}; give a number above 0 and at most 1")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise SelectionError(f"--threshold is {self.threshold}; give a finite number")

    def to_json(self) -> dict[str, Any]:
        """Return the rule as a dict of JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Selection:
        """Read back what `to_json` gave. Raises FormatError for an unknown field."""
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown:
            raise FormatError(f"config: field 'selection.{unknown[0]}' is unknown; was it written by a newer edgewise?")
        return cls(**values)

    def describe(self, level: str = "edge") -> str:
        """Return the rule in words, such as ``"top 1 % by abs"``."""
        if self.top is not None:
            rule = f"top {self.top:,}"
        elif self.threshold is not None:
            rule = f"at least {self.threshold:g}"
        else:
            rule = f"top {100 * (self.fraction or DEFAULT_FRACTION[level]):g} %"
        words = {"stable": "of certain sign", "greedy": "greedy", "prune": "pruned"}
        return ", ".join((f"{rule} by {self.by}", *(word for name, word in words.items() if getattr(self, name))))


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
