"""What the page of a run of neurons shows, as one JSON document; see `edgewise.report.page.values`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgewise.report.page.columns import Named, Number, Words
from edgewise.report.page.measured_values import FaithfulnessCurve, Verified


@dataclass(frozen=True)
class Nodes:
    """The best heads, or the best neurons, in the order of their rank; a column each.

    Args:
        names: such as ``"m5.n123"``.
        layers: of each.
        scores: in units of the metric.
        stderrs: their standard errors.
        exact: 1 where the score is an exact effect; null where none were measured.
        estimates: what the method estimated, also where the score is exact; null likewise.
        kept: 1 where the circuit keeps it.
        total: how many the model has.
    """

    names: Words
    layers: tuple[int, ...]
    scores: tuple[Number, ...]
    stderrs: tuple[Number, ...]
    exact: tuple[int, ...] | None
    estimates: tuple[Number, ...] | None
    kept: tuple[int, ...]
    total: int


@dataclass(frozen=True)
class Grid:
    """A table: what stands above it, its header and its rows."""

    title: str
    header: Words
    rows: tuple[Words, ...]


@dataclass(frozen=True)
class Curves:
    """Curves that are drawn together, for they count the same: what stands above and below them."""

    title: str
    said: str
    curves: tuple[FaithfulnessCurve, ...]


@dataclass(frozen=True)
class NeuronPage:
    """A run of neurons.

    Args:
        title: of the page.
        folder: its name.
        lead: what was done, in a sentence.
        metric: its name.
        lower_is_better: whether it is a distance, so that a positive score helps.
        numbers: those that matter most: name, value, and what stands beside it.
        warnings: one line each.
        notes: likewise.
        neurons: the best.
        heads: the best.
        layers: of the model.
        circuit: how many heads and neurons of each layer it keeps, two a layer.
        grids: what circuits keep.
        curves: faithfulness by size.
        edges: of the best neurons; null where none were scored.
        reading: how a score is to be read, a paragraph each.
        verified: exact effects of some beside their scores; null where nothing was verified.
        since: what was measured since.
        facts: what was run.
        command: that makes the same run.
        config: as it is stored.
        files: of the folder, and what they hold.
    """

    format: ClassVar[str] = "edgewise-neuron-page"
    format_version: ClassVar[int] = 1

    title: str
    folder: str
    lead: str
    metric: str
    lower_is_better: bool
    numbers: tuple[tuple[str, str, str], ...]
    warnings: Words
    notes: Words
    neurons: Nodes
    heads: Nodes
    layers: int
    circuit: tuple[tuple[int, int], ...]
    grids: tuple[Grid, ...]
    curves: tuple[Curves, ...]
    edges: Grid | None
    reading: Words
    verified: Verified | None
    since: tuple[Named, ...]
    facts: tuple[Named, ...]
    command: str
    config: str
    files: tuple[Named, ...]
