"""What an attribution method is: a name and how it scores one micro-batch. The batch loop is everybody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from edgewise.engine.gradients.eap import BatchScores
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.metric_path import MetricPath
from edgewise.engine.run.passes import Passes
from edgewise.graph import GraphSpec
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
        no_estimates: why its scores are no estimates of exact effects; None where they are.
        beyond_clean: whether it takes the metric's gradient in other runs than the clean one too, so that it has
            something to say of a metric that is flat there.
        by_place: whether its scores are sums over positions, which can be kept apart by place.
        by_reader: whether those of keys and values can be kept apart by the place of the query that reads them too.
        passes: what it costs, or how to tell from its settings and the graph's shape; None where nobody has said.
    """

    name: str
    summary: str
    score: Callable[..., BatchScores]
    settings: type[Any] = NoSettings
    activations: float = 1.0
    no_estimates: str | None = None
    beyond_clean: bool = False
    by_place: bool = True
    by_reader: bool = False
    passes: Passes | Callable[[Any, GraphSpec], Passes] | None = None

    def cost(self, settings: Any, spec: GraphSpec) -> Passes | None:
        """What it costs with some of its settings on a graph of some shape."""
        return self.passes(settings, spec) if callable(self.passes) else self.passes

    def with_settings(self, given: Mapping[str, Any]) -> Score:
        """How it scores with some settings, the others as by default. Raises SettingError."""
        settings = read_settings(self.settings, given, self.name)
        return self.score if self.settings is NoSettings else partial(self.score, settings=settings)
