"""What an attribution method is: a name and how it scores one micro-batch. The batch loop is everybody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from edgewise.engine.attribute import BatchScores
from edgewise.engine.batches import Batch
from edgewise.engine.buffers import Buffers
from edgewise.engine.metric_path import MetricPath
from edgewise.engine.passes import Passes
from edgewise.models import Model
from edgewise.settings import NoSettings, read_settings

Score = Callable[[Model, Batch, MetricPath, Buffers], BatchScores]


@dataclass(frozen=True)
class Method:
    """One attribution method.

    Args:
        name: what users type.
        summary: one line for listings, with its source.
        score: per-prompt edge scores of one micro-batch, from a model, a batch, the metric on it, and buffers, which
            are the pass's own and used again by the next micro-batch; and ``settings`` by name, where it has any.
        settings: the frozen dataclass of its own settings.
        activations: how many times the memory of one differentiable run it takes.
        passes: what it costs: by its settings and the number of layers, where that depends on them; None where nobody
            has said.
    """

    name: str
    summary: str
    score: Callable[..., BatchScores]
    settings: type[Any] = NoSettings
    activations: int = 1
    passes: Passes | Callable[[Any, int], Passes] | None = None

    def with_settings(self, given: Mapping[str, Any]) -> Score:
        """How it scores with some settings, the others as by default. Raises SettingError."""
        settings = read_settings(self.settings, given, self.name)
        return self.score if self.settings is NoSettings else partial(self.score, settings=settings)
