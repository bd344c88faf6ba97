"""The numbers of an evaluation as they are stored, with the prompts they are means over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgewise.evaluation.result import Curve, Evaluation, Measured, Point, Removal, Spread
from edgewise.notebook import ShownInNotebook
from edgewise.settings.evaluation import Ablation


@dataclass(frozen=True)
class EvaluatedPrompts:
    """The prompts of an evaluation.

    Args:
        what: the name of their task or file.
        n: how many there are.
        split: ``"held-out"`` or ``"discovery"`` of a task; None for a file.
        dropped: rows left out.
        fingerprint: SHA-256 of all their ids.
        note: what to know about them; None where there is nothing.
    """

    what: str
    n: int
    split: str | None
    dropped: int
    fingerprint: str
    note: str | None


@dataclass(frozen=True)
class EdgeCounts:
    """Edges of the circuit and of the model."""

    circuit: int
    graph: int


@dataclass(frozen=True)
class RandomAreas:
    """CPR and CMD of random rankings."""

    cpr: Spread | None
    cmd: Spread | None


@dataclass(frozen=True)
class Axes:
    """What the curve and its areas are, in words."""

    x: str
    y: str
    ranking: str
    cpr: str
    cmd: str


@dataclass(frozen=True, repr=False)
class Evaluated(ShownInNotebook):
    """What is stored of an `Evaluation`, in the order of the file; see there for the numbers.

    Args:
        path: whether a path of the circuit's edges leads from `input` to `logits`.
        notes: what is wrong with the circuit and what to try, one line each.
        edges: how many the circuit and the model have.
        curve: faithfulness by size, rising; None where there is none, and then so are the areas and the axes.
        random: areas of random rankings; None where none were run.
        prompts: what the numbers are means over.
        versions: of edgewise and what the numbers depend on.
    """

    metric: str
    ablation: Ablation
    full: Measured
    empty: Measured
    circuit: Measured
    complement: Measured
    faithfulness: float | None
    faithfulness_stderr: float | None
    completeness: float | None
    completeness_stderr: float | None
    no_curve: str | None
    minimality: tuple[Removal, ...] | None
    batch_size: int
    warnings: tuple[str, ...]
    path: bool
    notes: tuple[str, ...]
    edges: EdgeCounts
    curve: tuple[Point, ...] | None
    cpr: float | None
    cmd: float | None
    random: RandomAreas | None
    axes: Axes | None
    prompts: EvaluatedPrompts
    versions: Mapping[str, str] = field(hash=False)

    def __repr__(self) -> str:
        """Show the size of the circuit and how faithful it is."""
        kept = "undefined" if self.faithfulness is None else f"{self.faithfulness:.4f}"
        spread = "" if self.faithfulness_stderr is None else f" ± {self.faithfulness_stderr:.4f}"
        edges = f"{self.edges.circuit:,} of {self.edges.graph:,} edges"
        return f"Evaluated({edges}, faithfulness {kept}{spread} of {self.metric} on {self.prompts.n:,} prompts)"

    @property
    def counted(self) -> str:
        """What the sizes of the curve count: ``"edges"`` or ``"nodes"``."""
        return "edges" if self.axes is None else self.axes.x.removeprefix("fraction of ").partition(",")[0]


def evaluated(
    found: Evaluation, path: bool, notes: tuple[str, ...], prompts: EvaluatedPrompts, versions: Mapping[str, str]
) -> Evaluated:
    """Return what is stored of an evaluation; args as of `Evaluated`."""
    curve = found.curve
    same = ("metric", "ablation", "full", "empty", "circuit", "complement", "no_curve", "minimality", "batch_size")
    shares = ("faithfulness", "faithfulness_stderr", "completeness", "completeness_stderr", "warnings")
    random = None if curve is None or curve.random_cpr is None else RandomAreas(curve.random_cpr, curve.random_cmd)
    return Evaluated(
        **{name: getattr(found, name) for name in (*same, *shares)},
        path=path,
        notes=notes,
        edges=EdgeCounts(found.circuit_edges, found.graph_edges),
        curve=None if curve is None else curve.points,
        cpr=None if curve is None else curve.cpr,
        cmd=None if curve is None else curve.cmd,
        random=random,
        axes=None if curve is None else _axes(curve),
        prompts=prompts,
        versions=versions,
    )


def _axes(curve: Curve) -> Axes:
    return Axes(
        f"fraction of {curve.what}, linear",
        "faithfulness",
        f"top {curve.what} by {curve.by}, not pruned",
        "area under y, trapezoid over the fractions of the curve",
        "area of |1 - y|, likewise",
    )
