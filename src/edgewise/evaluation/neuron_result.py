"""The numbers of an evaluation of heads and neurons as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.evaluation.result import Measured, Spread


@dataclass(frozen=True)
class KeptNeurons:
    """One circuit: what it keeps.

    Args:
        heads: number of heads kept.
        neurons: number of neurons kept.
        measured: metric, KL and accuracy, means over prompts.
        faithfulness: f; None where patching everything changes nothing.
        stderr: its standard error over prompts.
    """

    heads: int
    neurons: int
    measured: Measured
    faithfulness: float | None
    stderr: float | None


@dataclass(frozen=True)
class NeuronPoint:
    """The curve at one size.

    Args:
        size: number of nodes, or of neurons.
        kept: the best of that number.
        random: faithfulness of random ones, as many heads and neurons each; None where none were run.
    """

    size: int
    kept: KeptNeurons
    random: Spread | None


@dataclass(frozen=True)
class NeuronCurve:
    """Faithfulness by size.

    Args:
        what: ``"nodes"``, heads and neurons ranked together; or ``"neurons"``, every head kept.
        empty: none of them kept.
        points: rising sizes.
    """

    what: str
    empty: KeptNeurons
    points: tuple[NeuronPoint, ...]


@dataclass(frozen=True)
class NeuronEvaluation:
    """How much of a behaviour a circuit of heads and neurons keeps.

    Args:
        metric: name of the metric.
        n_prompts: number of prompts.
        full: the whole model.
        empty: no head and no neuron kept.
        circuit: the circuit.
        complement: all but the circuit.
        heads: every head and no neuron.
        with_heads: every head, and the circuit's neurons.
        curves: of heads and neurons together, and of neurons alone; none where not asked for.
    """

    metric: str
    n_prompts: int
    full: Measured
    empty: Measured
    circuit: KeptNeurons
    complement: KeptNeurons
    heads: KeptNeurons
    with_heads: KeptNeurons
    curves: tuple[NeuronCurve, ...] = ()

    @property
    def faithfulness(self) -> float | None:
        """Of the circuit."""
        return self.circuit.faithfulness
