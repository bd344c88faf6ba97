"""What a page shows of measurements, as values of its document: curves, sizes of scores, exact effects, tests."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.report.page.columns import Number, Words


@dataclass(frozen=True)
class CurvePoint:
    """One size of a curve: how many edges (or nodes), and what they keep."""

    size: int
    edges: int
    faithfulness: Number
    stderr: Number
    kl: Number
    kl_stderr: Number
    random: Number


@dataclass(frozen=True)
class FaithfulnessCurve:
    """Faithfulness by size.

    Args:
        name: where it comes from.
        of_order: whether its circuits are the heads of the list of edges, so that the slider may go by it.
        counted: ``"edges"`` or ``"nodes"``.
        points: rising.
        target: the faithfulness that was asked for; null where none was.
    """

    name: str
    of_order: bool
    counted: str
    points: tuple[CurvePoint, ...]
    target: Number


@dataclass(frozen=True)
class Bins:
    """How many scores have which size: of each power of ten, in tenths.

    Args:
        lows: log10 of the lower end of each bin; 0.1 wide.
        helping: scores in each that say that the edge helps: below zero, or above for a distance.
        harming: the others.
        circuit: of both, those of the circuit.
        zeros: scores that are zero.
        unscored: edges (or nodes) without a score.
    """

    lows: tuple[float, ...]
    helping: tuple[int, ...]
    harming: tuple[int, ...]
    circuit: tuple[int, ...]
    zeros: int
    unscored: int


@dataclass(frozen=True)
class Verified:
    """Exact effects beside scores; columns, the most wrong first. Of very many only some are listed: `total` says."""

    total: int
    verdict: str
    criteria: tuple[tuple[str, str, str], ...]
    names: Words
    scores: tuple[float, ...]
    exact: tuple[float, ...]
    stderrs: tuple[Number, ...]
    chosen: Words
    slope: Number
    intercept: Number


@dataclass(frozen=True)
class Trace:
    """A search's tests in order; columns. Of many only some are listed, all that kept an edge among them."""

    total: int
    numbers: tuple[int, ...]
    names: Words
    before: tuple[float, ...]
    after: tuple[float, ...]
    kept: tuple[int, ...]
