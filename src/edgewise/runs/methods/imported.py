"""Scores and a circuit of another program's file, as a run: `edgewise import` with prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.passes import Passes
from edgewise.errors import FormatError, RunConflictError, RunError
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.graph.arrays import BoolArray
from edgewise.graph.place_names import where_in_words
from edgewise.methods import IMPORTED
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.format import Exchanged, Format
from edgewise.runs.methods.method import RunMethod
from edgewise.runs.resume import Tensors
from edgewise.runs.selection import select
from edgewise.search.given import GivenState, with_metric
from edgewise.settings.conditions import Conditions
from edgewise.settings.methods import ImportSettings
from edgewise.settings.selection import Selection
from edgewise.tasks import PromptSet


class Imported(RunMethod[GivenState]):
    """Read scores from a file."""

    name = IMPORTED
    summary = "scores and a circuit of another program's file"
    settings = ImportSettings
    by_place = True
    by_reader = True

    def scored(self, config: RunConfig, graph: Graph) -> BoolArray:
        """Which edges, or nodes, the file scores."""
        return ~np.isnan(scores_of(self._found(config, graph)).values)

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[GivenState]:
        """One state a micro-batch, of the metric."""
        graph = graph_for(model, prompts)
        scores = scores_of(self._found(config, graph))
        if scores.graph != graph:
            mine, theirs = (where_in_words(one.places, one.readers) for one in (scores.graph, graph))
            raise RunError(f"{self.own(config).file}: edges {mine}; the prompts have {theirs}; give their spans")
        return with_metric(model, prompts, scores, metric=config.metric, conditions=conditions, stored=stored)

    def circuit(self, config: RunConfig, state: GivenState, scores: EdgeScores | NodeScores) -> Circuit:
        """The file's own, or one selected by its scores."""
        own = self._found(config, scores.graph).circuit if self._keeps(config) else None
        return select(scores, config.selection) if own is None else own

    def rule(self, config: RunConfig) -> str:
        """Which edges make the circuit, in words."""
        own = self.own(config)
        return f"as in {Path(own.file).name}" if self._keeps(config) else super().rule(config)

    def passes(self, config: RunConfig, state: GivenState) -> Passes:
        """The clean and the corrupted run."""
        return Passes(2.0)

    def _keeps(self, config: RunConfig) -> bool:
        return bool(self.own(config).own_circuit) and config.selection == Selection()

    def _found(self, config: RunConfig, graph: Graph) -> Exchanged:
        own = self.own(config)
        return _read(own.file, own.format, own.sha256, graph)


def scores_of(found: Exchanged) -> EdgeScores | NodeScores:
    """The scores of a file; where it has none, nothing is scored."""
    if found.scores is not None:
        return found.scores
    return EdgeScores(found.graph, np.full(found.graph.mask.shape, np.nan), allow_unscored=True)


def digest(content: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def read_as(path: Path, name: str, content: bytes, graph: Graph) -> Exchanged:
    """Read a file of another program.

    Args:
        path: it, for messages.
        name: of its format.
        content: what is in it.
        graph: the model's.

    Raises:
        FormatError: it is not in the format, or the format is only written.
    """
    form, read = reading(name)
    try:
        return read(content, graph if form.by_place else graph.plain)
    except FormatError as error:
        raise FormatError(f"{path}: {error}{_or_another(form, name)}") from error


def _or_another(form: Format, name: str) -> str:
    """What else a file of such a suffix may be; nothing where its suffix says it."""
    others = [one for one in FORMATS if one != name and _is_read(FORMATS.load(one), form.suffix)]
    return f"; it was read as {name}, and may be {' or '.join(others)} (--format)" if others else ""


def _is_read(form: Format, suffix: str | None) -> bool:
    return form.read is not None and form.suffix == suffix


def reading(name: str) -> tuple[Format, Callable[[bytes, Graph], Exchanged]]:
    """A format, and what reads it. Raises FormatError for one that is only written."""
    form: Format = FORMATS.load(name)
    if form.read is None:
        known = ", ".join(other for other in FORMATS if FORMATS.load(other).read is not None)
        raise FormatError(f"format {name} is only written; those that are read: {known}")
    return form, form.read


@lru_cache(maxsize=2)
def _read(file: str, name: str, sha256: str, graph: Graph) -> Exchanged:
    content = Path(file).read_bytes()
    if digest(content) != sha256:
        raise RunConflictError(f"{file}: has changed since it was imported; import it into another folder")
    return read_as(Path(file), name, content, graph)


METHOD = Imported()
