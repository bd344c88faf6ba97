"""The circuit track of the MIB benchmark (Mueller et al. 2025): its two areas, as its own code computes them.

1. The best ``int(fraction n)`` edges of the graph's n, at ten fractions from .001 to 1, pruned to those on a path.
2. f = (m(C) - m(empty)) / (m(full) - m(empty)), m the mean logit difference, patched edges from the corrupted prompt.
3. CPR: the area under f of the ranking by sign, what helps most first. CMD: the area between f and 1 of the ranking by
   size. Both by the trapezoid rule on the linear axis.

Its models have a key and a value of each query head: of one with shared ones, its numbers are those of a run with
``--kv-heads query``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgewise.errors import RunError
from edgewise.graph.scores import Ranking
from edgewise.runs.evaluate import Loaded, evaluate
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.evaluated_circuit import EvaluatedCircuit
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import StoredResults
from edgewise.settings.evaluation import Ablation, EvaluationRequest

METRIC = "logit-diff"
GROUPED = (
    "heads of this model share keys and values, and MIB counts edges of each query head: to compare with its numbers,"
    " evaluate a run with --kv-heads query"
)


@dataclass(frozen=True, eq=False)
class MibNumbers:
    """The evaluations that the two areas are of.

    Args:
        signed: ranked by sign.
        sizes: ranked by size.
        grouped: whether the run's model shares keys and values among heads, as the benchmark's models do not.
    """

    signed: StoredResults[Evaluated]
    sizes: StoredResults[Evaluated]
    grouped: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know of the numbers, one line each."""
        return (*self.signed.results.warnings, *((GROUPED,) if self.grouped else ()))

    @property
    def cpr(self) -> float | None:
        """Area under f; None where f is undefined."""
        return self.signed.results.cpr

    @property
    def cmd(self) -> float | None:
        """Area between f and 1; None where f is undefined."""
        return self.sizes.results.cmd


def evaluate_mib(
    subject: EvaluatedCircuit,
    folder: Path | None,
    execution: Execution = Execution(),
    *,
    ablation: Ablation = "resample",
) -> MibNumbers:
    """Evaluate a circuit's scores by MIB's protocol, or read what an earlier evaluation found.

    Args:
        subject: the circuit with its scores, its model and its prompts.
        folder: where ``mib-signed.json`` and ``mib-sizes.json`` go; None stores nothing.
        execution: how it is carried out.
        ablation: what patched edges carry.

    Raises:
        RunError: there are no scores of every edge (or node).
        EdgewiseError: as `edgewise.runs.evaluate.evaluate`.
    """
    wanted, loaded = EvaluationRequest(ablation, random=0, pruned=True), Loaded()

    def ranked(by: Ranking, name: str) -> StoredResults[Evaluated]:
        found = evaluate(replace(subject, by=by), wanted, folder, execution, load=loaded.setup, name=f"mib-{name}")
        if found.results.curve is None:
            raise RunError(f"{subject.name}: {found.results.no_curve}; MIB's areas need a score of every edge")
        return found

    grouped = subject.run is not None and subject.run.circuit.graph.spec.is_grouped
    return MibNumbers(ranked("helpful", "signed"), ranked("abs", "sizes"), grouped)
