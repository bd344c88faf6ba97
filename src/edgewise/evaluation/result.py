"""The numbers of an evaluation as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.notebook import ShownInNotebook
from edgewise.settings.evaluation import Ablation


@dataclass(frozen=True)
class Measured:
    """One circuit: means over prompts.

    Args:
        metric: the metric, in its own units.
        stderr: standard error of that mean; None for one prompt.
        kl: KL(clean || patched) over the full vocabulary where logits are read, in nats.
        accuracy: share of answers that are the most likely of all tokens; None for prompts without answers.
    """

    metric: float
    stderr: float | None
    kl: float
    accuracy: float | None


@dataclass(frozen=True)
class Spread:
    """A number of several random circuits: mean, least and most."""

    mean: float
    least: float
    most: float


@dataclass(frozen=True)
class Point:
    """The curve at one size.

    Args:
        fraction: share of all edges (or nodes).
        size: number of edges (or nodes) that is: rounded down.
        edges: number of edges kept.
        metric: mean over prompts.
        faithfulness: (m(C) - m(empty)) / (m(full) - m(empty)); None where that is undefined.
        stderr: its standard error.
        random: faithfulness of random circuits of this size; None where none were run.
    """

    fraction: float
    size: int
    edges: int
    metric: float
    faithfulness: float | None
    stderr: float | None
    random: Spread | None


@dataclass(frozen=True)
class Curve:
    """Faithfulness by size, and its areas.

    Args:
        what: ``"edges"`` or ``"nodes"``: what the sizes count.
        by: what they are ranked by.
        points: at each fraction, rising.
        cpr: area under f over the fractions, linear axis; None where f is undefined.
        cmd: area between f and 1.
        random_cpr: the same of random rankings; None where none were run.
        random_cmd: likewise.
    """

    what: str
    by: str
    points: tuple[Point, ...]
    cpr: float | None
    cmd: float | None
    random_cpr: Spread | None = None
    random_cmd: Spread | None = None


@dataclass(frozen=True)
class Removal:
    """m(circuit without one edge) - m(circuit): mean over prompts and its standard error."""

    edge: str
    effect: float
    stderr: float | None


@dataclass(frozen=True, repr=False)
class Evaluation(ShownInNotebook):
    """How much of a behaviour a circuit keeps.

    Args:
        metric: name of the metric.
        ablation: what patched edges carry.
        n_prompts: number of prompts.
        graph_edges: edges of the model.
        circuit_edges: edges of the circuit.
        full: no edge patched, the whole model.
        empty: every edge patched.
        circuit: every edge outside the circuit patched.
        complement: every edge of the circuit patched, and no other.
        faithfulness: (m(circuit) - m(empty)) / (m(full) - m(empty)); 1 keeps all of the behaviour. None where the
            denominator is zero.
        faithfulness_stderr: its standard error over prompts.
        completeness: (m(complement) - m(empty)) / (m(full) - m(empty)); near 0 for a complete circuit.
        completeness_stderr: its standard error over prompts.
        curve: faithfulness by size; None where it was not asked for, or cannot be made.
        no_curve: why there is none.
        minimality: every edge of the circuit removed in turn, the largest effect first; None where not asked for.
        batch_size: prompts in a micro-batch.
        warnings: one line each.
    """

    metric: str
    ablation: Ablation
    n_prompts: int
    graph_edges: int
    circuit_edges: int
    full: Measured
    empty: Measured
    circuit: Measured
    complement: Measured
    faithfulness: float | None
    faithfulness_stderr: float | None
    completeness: float | None
    completeness_stderr: float | None
    curve: Curve | None
    no_curve: str | None
    minimality: tuple[Removal, ...] | None
    batch_size: int
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show the size of the circuit and how faithful it is."""
        kept = "undefined" if self.faithfulness is None else f"{self.faithfulness:.4f}"
        spread = "" if self.faithfulness_stderr is None else f" ± {self.faithfulness_stderr:.4f}"
        edges = f"{self.circuit_edges:,} of {self.graph_edges:,} edges"
        return f"Evaluation({edges}, faithfulness {kept}{spread} of {self.metric} on {self.n_prompts:,} prompts)"
