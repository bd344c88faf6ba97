"""What `neurons.json` says of a run of neurons, and what is stored of an evaluation of its circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from edgewise.evaluation.neuron_result import NeuronEvaluation
from edgewise.runs.config import RunConfig
from edgewise.runs.evaluated import EvaluatedPrompts
from edgewise.runs.store.names import OF_NEURONS
from edgewise.runs.store.record import MetricSummary, PromptSummary


@dataclass(frozen=True)
class NeuronCounts:
    """How many heads and neurons the model and the circuit have."""

    heads: int
    neurons: int
    circuit_heads: int
    circuit_neurons: int


@dataclass(frozen=True)
class NeuronExact:
    """How many of the scores are exact effects, and how the estimates of these compare with them.

    Args:
        measured: nodes whose score is their exact effect.
        pearson: correlation of estimate and exact effect over those; None where it is undefined.
        spearman: their rank correlation.
        same_sign: share of those whose estimate has the sign of the exact effect.
    """

    measured: int
    pearson: float | None
    spearman: float | None
    same_sign: float | None


@dataclass(frozen=True)
class NeuronEvaluated:
    """The numbers of an evaluation as they are stored.

    Args:
        evaluation: the numbers.
        prompts: what they are means over.
        versions: of edgewise and what the numbers depend on.
        warnings: one line each.
    """

    evaluation: NeuronEvaluation
    prompts: EvaluatedPrompts
    versions: Mapping[str, str] = field(hash=False)
    warnings: tuple[str, ...]

    @property
    def faithfulness(self) -> float | None:
        """Of the circuit."""
        return self.evaluation.faithfulness


@dataclass(frozen=True, repr=False)
class NeuronRecord:
    """A finished run of neurons without its arrays.

    Args:
        config: what was asked for.
        identity: fingerprints of the model's files, of its config file and of the data file.
        versions: of edgewise, torch, transformers, numpy and python.
        model: architecture, shape of the graph, dtype and device.
        prompts: which prompts were run.
        metric: its values.
        counts: how many heads and neurons there are, and are kept.
        rule: which nodes make the circuit, in words.
        exact: which scores are exact effects; None where none were asked for.
        circuit: the names of the nodes kept.
        batch_size: the micro-batch that was used.
        timing: seconds, by step.
        warnings: one line each.
        finished: when it ended, UTC.
    """

    format: ClassVar[str] = OF_NEURONS
    format_version: ClassVar[int] = 1

    config: RunConfig
    identity: Mapping[str, str | None] = field(hash=False)
    versions: Mapping[str, str] = field(hash=False)
    model: Mapping[str, Any] = field(hash=False)
    prompts: PromptSummary
    metric: MetricSummary
    counts: NeuronCounts
    rule: str
    exact: NeuronExact | None
    circuit: tuple[str, ...]
    batch_size: int
    timing: Mapping[str, float] = field(hash=False)
    warnings: tuple[str, ...]
    finished: str
