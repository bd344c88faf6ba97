"""What a page shows, as one JSON document: the view in the browser knows nothing else.

Lists named by a noun in the plural that stand side by side in one object are columns: their entries belong together.
A number that is not known is null. `format_version` rises with every change that an older view could not show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from edgewise.report.page.columns import Named, Number, Words
from edgewise.report.page.measured_values import Bins, FaithfulnessCurve, Trace, Verified


@dataclass(frozen=True)
class Shape:
    """The shape of a model's graph.

    Args:
        layers: their number.
        heads: of each layer.
        kv_heads: heads of keys and values of each layer.
        mlp: whether layers have one.
        parallel: whether an MLP reads beside its layer's heads, not after them.
        total: number of edges of the graph, or of nodes where these were scored.
    """

    layers: int
    heads: int
    kv_heads: int
    mlp: bool
    parallel: bool
    total: int


@dataclass(frozen=True)
class Ranked:
    """The edges (or nodes) that a page can show, in the order of selection; a column each.

    Args:
        names: such as ``"a0.h1->m3"``, or ``"a0.h1"`` where nodes were scored.
        ranks: of all, from 1; null for one without a score.
        scores: in units of the metric; null where there is none.
        stderrs: their standard errors.
        exact: 0 where the score is an estimate, 1 where it is an exact effect, 2 where a lot chose to measure it; null
            where no exact effects were measured.
        estimates: what the method estimated, also where the score is exact; null likewise.
        doubts: |score| or what a second estimate differs by, the larger; null likewise.
        lows: lower ends of 95 % intervals from resamples of the prompts; null where there are none.
        highs: upper ends.
        kept: 1 where the circuit keeps it.
        first: how many at the head of the list are the circuit, where it is just these; else null.
        by: what they are ranked by.
        places: where in the prompt each is; null where edges are not kept apart by place.
    """

    names: Words
    ranks: tuple[int | None, ...]
    scores: tuple[Number, ...]
    stderrs: tuple[Number, ...]
    exact: tuple[int, ...] | None
    estimates: tuple[Number, ...] | None
    doubts: tuple[Number, ...] | None
    lows: tuple[Number, ...] | None
    highs: tuple[Number, ...] | None
    kept: tuple[int, ...]
    first: int | None
    by: str
    places: Words | None = None


@dataclass(frozen=True)
class Prompt:
    """One prompt as tokens.

    Args:
        place: among the run's prompts, from 0.
        row: its number in its file or task.
        clean: tokens; a number where there is no tokenizer.
        corrupted: its counterpart's.
        differs: positions at which they differ.
        reads: where logits are read.
        right: answers.
        wrong: answers that they are compared with.
        likely: tokens that the model expects there, with their probabilities; null where it was not asked.
    """

    place: int
    row: int
    clean: Words
    corrupted: Words
    differs: tuple[int, ...]
    reads: tuple[int, ...]
    right: Words
    wrong: Words
    likely: tuple[tuple[str, float], ...] | None


@dataclass(frozen=True)
class Prompts:
    """The prompts of a run.

    Args:
        said: what there is to know of all, one line each.
        rows: the number of every prompt; empty where only those below are known.
        clean: every prompt's metric on the clean run.
        corrupted: likewise on the corrupted one.
        shown: some of them.
    """

    said: Words
    rows: tuple[int, ...]
    clean: tuple[float, ...]
    corrupted: tuple[float, ...]
    shown: tuple[Prompt, ...]


@dataclass(frozen=True)
class Patterns:
    """Where heads look on one prompt.

    Args:
        row: the prompt's number.
        tokens: its tokens.
        heads: head -> base64 of a byte for each query and key, 255 times the attention.
    """

    row: int
    tokens: Words
    heads: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Painted:
    """A picture as paths and texts, the lowest first; colours by name.

    Args:
        width: pixels.
        height: likewise.
        title: what it shows.
        paths: of each SVG's path, fill, stroke, width of the stroke, and what a pointer over it is told.
        texts: of each x, y, text, size, anchor, colour, and whether it is bold.
    """

    width: float
    height: float
    title: str
    paths: tuple[tuple[str, str, str, float, str], ...]
    texts: tuple[tuple[float, float, str, float, str, str, bool], ...]


@dataclass(frozen=True)
class HeatMap:
    """Edges by place, the strongest first.

    Args:
        places: of the prompt.
        words: what stands there in the first prompt; empty where that is not known.
        rows: edge, and its score at each place.
    """

    places: Words
    words: Words
    rows: tuple[tuple[str, tuple[Number, ...]], ...]


@dataclass(frozen=True)
class RunPage:
    """One run.

    Args:
        folder: its name.
        title: the model and the prompts.
        lead: what was done, in a sentence.
        level: ``"edge"`` or ``"node"``.
        metric: its name.
        lower_is_better: whether it is a distance, so that a positive score helps.
        numbers: those that matter most: name, value, and what stands beside it.
        warnings: one line each.
        notes: likewise.
        shape: of the graph.
        classes: node -> what published work says it does.
        edges: the circuit's size: edges and nodes, each of how many.
        ranked: the edges or nodes.
        curves: faithfulness by size.
        bins: how large scores are.
        verified: null where nothing was verified.
        trace: null for methods without one.
        prompts: null where the run keeps none.
        patterns: null where none were stored.
        reading: how a score is to be read, a paragraph each.
        since: what was measured since.
        facts: what was run.
        unrolled: the circuit over the prompt; null where edges have no places.
        at_places: edges by place; likewise.
        command: that makes the same run.
        config: as in ``run.json``.
        files: of the run folder, and what they hold.
    """

    folder: str
    title: str
    lead: str
    level: str
    metric: str
    lower_is_better: bool
    numbers: tuple[tuple[str, str, str], ...]
    warnings: Words
    notes: Words
    shape: Shape
    classes: dict[str, str] = field(hash=False)
    edges: tuple[int, int, int, int]
    ranked: Ranked
    curves: tuple[FaithfulnessCurve, ...]
    bins: Bins
    verified: Verified | None
    trace: Trace | None
    prompts: Prompts | None
    patterns: Patterns | None
    reading: Words
    since: tuple[Named, ...]
    facts: tuple[Named, ...]
    unrolled: Painted | None
    at_places: HeatMap | None
    command: str
    config: str
    files: tuple[Named, ...]


@dataclass(frozen=True)
class Line:
    """One line of a chart: its label, and points (x, y)."""

    label: str
    points: tuple[tuple[Number, Number], ...]


@dataclass(frozen=True)
class ComparedPage:
    """A comparison of runs.

    Args:
        title: what was compared.
        said: one line each.
        header: of the table of runs.
        rows: a run each.
        matrices: title -> a row and a column for each run.
        lines: faithfulness by share of edges.
    """

    title: str
    said: Words
    header: Words
    rows: tuple[Words, ...]
    matrices: tuple[tuple[str, tuple[tuple[Number, ...], ...]], ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class RocPage:
    """Methods against a circuit that is known.

    Args:
        title: the model and the task.
        said: one line each.
        header: of the table of methods.
        rows: a method each.
        lines: false positive rate and true positive rate of each.
    """

    title: str
    said: Words
    header: Words
    rows: tuple[Words, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Page:
    """The whole of a page.

    Args:
        title: of the page.
        runs: one or several, beside each other.
        comparisons: of these runs.
        rocs: likewise.
    """

    format: ClassVar[str] = "edgewise-page"
    format_version: ClassVar[int] = 1

    title: str
    runs: tuple[RunPage, ...]
    comparisons: tuple[ComparedPage, ...]
    rocs: tuple[RocPage, ...]
