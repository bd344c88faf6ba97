"""Exact effects of edges as one small file: of all edges of a model, or of a sample whose probabilities are known.

A safetensors file with one entry a measured edge, in the order of the graph's own list of edges (`Graph.edges`):

- ``edge``, int32: its place in that list;
- ``effect``, float32: mean over the prompts of L(patched) - L(clean), in units of the metric;
- ``stderr``, float32: standard error of that mean;
- ``probability``, float32: that with which it was chosen to be measured, 1 where that was certain.

Metadata: ``graph`` (its shape) and ``about`` (JSON): what `About` says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgewise.errors import FormatError
from edgewise.graph import EdgeScores, Graph, GraphSpec
from edgewise.graph.arrays import FloatArray, IntArray
from edgewise.json_text import parse_json
from edgewise.runs.store.atomic import write_through
from edgewise.runs.store.codec import from_json, to_json
from edgewise.runs.store.files import read_safetensors
from edgewise.runs.store.record import MetricSummary
from edgewise.runs.store.tensors import tensors_content

_FORMAT = "edgewise-effects"
_ARRAYS = ("edge", "effect", "stderr", "probability")


@dataclass(frozen=True)
class About:
    """What the effects are of.

    Args:
        model: the name of its file.
        digest: SHA-256 of the model's files.
        task: name.
        options: of the task.
        n: number of prompts.
        seed: of the prompts.
        split: of the task.
        prompts: SHA-256 of all their ids, `PromptSet.fingerprint`.
        metric: its name and its means, before anything is patched and after everything is.
        sample: how the measured edges were chosen, in words.
        versions: of edgewise, torch and the like.
    """

    model: str
    digest: str | None
    task: str
    options: Mapping[str, Any] = field(hash=False)
    n: int
    seed: int
    split: str
    prompts: str
    metric: MetricSummary
    sample: str
    versions: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, eq=False)
class StoredEffects:
    """Exact effects of some or all edges; arrays have one entry for each measured edge.

    Args:
        graph: of the model.
        about: what they are of.
        edge: places in the graph's list of edges, rising.
        effect: means over prompts.
        stderr: their standard errors.
        probability: with which each was chosen.
    """

    graph: Graph
    about: About
    edge: IntArray
    effect: FloatArray
    stderr: FloatArray
    probability: FloatArray

    def __post_init__(self) -> None:
        """Check that the arrays belong together."""
        lengths = {len(getattr(self, name)) for name in _ARRAYS}
        if len(lengths) != 1 or not len(self.edge):
            raise FormatError(f"arrays of {sorted(lengths)} entries; give one a measured edge, and at least one edge")
        if (np.diff(self.edge) <= 0).any() or self.edge[0] < 0 or self.edge[-1] >= self.graph.n_edges:
            raise FormatError(f"'edge' does not rise from 0 on to less than {self.graph.n_edges:,}")
        if not ((self.probability > 0) & (self.probability <= 1)).all() or not np.isfinite(self.effect).all():
            raise FormatError("'probability' outside 0 to 1, or 'effect' not finite")

    @property
    def is_census(self) -> bool:
        """Whether every edge is measured."""
        return len(self.edge) == self.graph.n_edges

    @property
    def weights(self) -> FloatArray:
        """How many edges of the model each measured one stands for, ``[measured]``."""
        return 1.0 / self.probability.astype(np.float64)

    def of(self, scores: EdgeScores) -> FloatArray:
        """The scores of the measured edges, ``[measured]``."""
        return scores.values[self.graph.mask][self.edge].astype(np.float64)

    def scores(self) -> EdgeScores:
        """The effects as scores; NaN where nothing was measured."""
        values, stderr = np.full((2, *self.graph.mask.shape), np.nan)
        rows, columns = (places[self.edge] for places in np.nonzero(self.graph.mask))
        values[rows, columns], stderr[rows, columns] = self.effect, self.stderr
        return EdgeScores(self.graph, values, stderr=stderr, n_prompts=self.about.n, allow_unscored=True)

    @classmethod
    def of_scores(cls, scores: EdgeScores, probability: FloatArray, about: About) -> StoredEffects:
        """Those of the edges that have a score.

        Args:
            scores: exact effects with standard errors, NaN where not measured.
            probability: of every edge in the graph's list, ``[n_edges]``.
            about: what they are of.
        """
        mask = scores.graph.mask
        values = scores.values[mask]
        assert scores.stderr is not None
        edge = np.flatnonzero(np.isfinite(values))
        return cls(scores.graph, about, edge, values[edge], scores.stderr[mask][edge], probability[edge])


def write_effects(path: str | Path, effects: StoredEffects) -> None:
    """Write the file, atomically."""
    arrays = {
        name: np.ascontiguousarray(getattr(effects, name), dtype=np.int32 if name == "edge" else np.float32)
        for name in _ARRAYS
    }
    metadata = {
        "format": _FORMAT,
        "graph": json.dumps(asdict(effects.graph.spec)),
        "about": json.dumps(to_json(effects.about)),
    }
    write_through(Path(path), tensors_content(arrays, metadata))


def read_effects(path: str | Path) -> StoredEffects:
    """Read what `write_effects` wrote.

    Raises:
        FormatError: not such a file; it names what is missing or wrong.
        OSError: the file cannot be read.
    """
    path = Path(path)
    arrays, metadata = read_safetensors(path)
    missing = [name for name in _ARRAYS if name not in arrays]
    if metadata.get("format") != _FORMAT or missing:
        raise FormatError(f"{path}: no exact effects of edgewise (metadata 'format' or a tensor is missing)")
    try:
        graph = Graph(GraphSpec(**parse_json(metadata["graph"])))
        about = from_json(About, parse_json(metadata["about"]), str(path))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: metadata cannot be read ({error!r}); write it again") from error
    try:
        return StoredEffects(graph, about, **{name: arrays[name] for name in _ARRAYS})
    except (FormatError, TypeError, IndexError) as error:
        raise FormatError(f"{path}: {error}; write it again") from error
