"""Bytes of scores: in memory while they are summed, and on disk in a run's folder."""

from __future__ import annotations

from edgewise.graph import Graph
from edgewise.runs.config import RunConfig
from edgewise.settings.selection import DEFAULT_FRACTION, DEFAULT_LEAST, Selection

# An edge of circuit.json, and what a folder holds whatever the model: run.json, examples and the page.
AN_EDGE, FOLDER = 110, 300_000
# Mean, standard error and mean of absolutes; before and after a micro-batch.
ARRAYS, SUMS = 3, 6


def bytes_of_scores(graph: Graph, rows: int, n: int, config: RunConfig) -> int:
    """Bytes of sums over prompts while a micro-batch is added to them, in float64, and of what is kept of prompts.

    Args:
        graph: the model's graph.
        rows: prompts at a time.
        n: prompts in all.
        config: whether single prompts' scores, or resamples, are kept.
    """
    cells = _cells(graph, config)
    own = 4 * n * cells if config.per_prompt else 0
    return cells * 8 * (SUMS + 2 * rows + config.bootstrap) + own


def bytes_on_disk(graph: Graph, n: int, config: RunConfig) -> int:
    """Bytes of a run's folder, about."""
    number = 8 if config.dtype == "float64" else 4
    arrays = ARRAYS + (n if config.per_prompt else 0) + (config.bootstrap + 1 if config.bootstrap else 0)
    return FOLDER + number * arrays * _cells(graph, config) + AN_EDGE * kept(graph, config.selection, config.level)


def kept(graph: Graph, selection: Selection, level: str) -> int:
    """How many edges (or nodes) a rule keeps, where it says so; as many as by default where that is measured."""
    every = graph.n_edges if level == "edge" else graph.n_sources
    if selection.top is not None:
        return min(selection.top, every)
    fraction = selection.fraction or DEFAULT_FRACTION[level]
    return min(every, max(int(fraction * every), 1 if selection.fraction else DEFAULT_LEAST[level]))


def _cells(graph: Graph, config: RunConfig) -> int:
    return graph.mask.size if config.level == "edge" else graph.n_sources
