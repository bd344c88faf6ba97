"""What a verification measures: edges most in doubt, more by the run's own lot, and some of all others, evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from edgewise.errors import SelectionError
from edgewise.evaluation.sampling import LEAST_DRAWN, Sample, draw, require_enough
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.neurons import NeuronScores
from edgewise.runs.identity import content_digest
from edgewise.runs.store.analysis import FILES
from edgewise.runs.store.either import AnyRun, scores_file
from edgewise.search.exact.choice import Choice, Doubt
from edgewise.search.exact.targets import costs_of, neuron_costs

AnyScores: TypeAlias = EdgeScores | NodeScores | NeuronScores
LOT = 5
"""One in so many of what is drawn is drawn by the run's lot, by doubt."""


@dataclass(frozen=True, eq=False)
class Question:
    """A run, and what of it is measured.

    Args:
        run: finished, of a method that estimates.
        scored: which edges or nodes have a score, in the shape of the scores.
        sample: those of them whose exact effect is known in the end, over them in their order; what the lot drew is
            certain there.
        choice: what is certain and what the lot drew, in the shape of the scores; None where the error is not stated.
        verified: which scores are exact effects already, in the shape of the scores.
        k: for the recall.
        batch_size: prompts a micro-batch; None leaves it to memory.
    """

    run: AnyRun
    scored: BoolArray
    sample: Sample
    choice: Choice | None
    verified: BoolArray
    k: int | None
    batch_size: int | None

    @property
    def known(self) -> BoolArray:
        """Whose exact effects are compared with scores, in the shape of the scores."""
        known = np.zeros_like(self.scored)
        known[self.scored] = self.sample.measured
        return known

    @property
    def chosen(self) -> BoolArray:
        """What is measured, in the shape of the scores."""
        return self.known & ~self.verified

    @property
    def n_lot(self) -> int:
        """How many the lot draws beside those of the run."""
        return 0 if self.choice is None else int((self.choice.drawn & ~self.verified).sum())

    def asked(self, seed: int) -> dict[str, Any]:
        """Everything that decides the result."""
        record, n_verified = self.run.record, int(self.verified.sum())
        return {
            "level": self.run.scores.what,
            f"{self.run.scores.what}s": int(self.chosen.sum()),
            "verified": n_verified,
            "top": int(self.sample.certain.sum()) - n_verified - self.n_lot,
            "lot": self.n_lot,
            "seed": None if self.sample.is_census else seed,
            "top_k": self.k,
            "batch_size": self.batch_size,
            "metric": record.metric.name,
            "method": record.config.method,
            "device": record.config.device,
            "scores": content_digest(scores_file(self.run)),
            "prompts": record.prompts.fingerprint,
            FILES: dict(record.identity),
        }


def question_of(
    run: AnyRun, edges: int | None, top: int | None, top_k: int | None, seed: int, batch_size: int | None
) -> Question:
    """What `edgewise.runs.verify.verify` asks of a run; arguments and errors are those of it."""
    for name, given in (("edges", edges), ("batch-size", batch_size), ("top-k", top_k)):
        if given is not None and given < 1:
            raise SelectionError(f"--{name} is {given}; give at least 1")
    scored = ~np.isnan(run.scores.values)
    verified = np.zeros_like(scored) if run.scores.verified is None else run.scores.verified
    sample, choice = _chosen(run, scored, verified, edges, top, seed)
    kept = kept_of(run)
    k = top_k if top_k is not None else int((kept & scored).sum()) or None
    rows = run.record.batch_size if batch_size is None else batch_size
    return Question(run, scored, sample, choice, verified, k, rows)


def _chosen(
    run: AnyRun, scored: BoolArray, verified: BoolArray, edges: int | None, top: int | None, seed: int
) -> tuple[Sample, Choice | None]:
    """What is certain and what the lot draws, and of all others some, drawn evenly."""
    n_left = int((scored & ~verified).sum())
    n = n_left if edges is None else min(edges, n_left)
    largest = n // 2 if top is None else top
    if n == n_left:
        return Sample.all_of(int(scored.sum())), None
    require_enough(n, largest)
    lot = max(0, min((n - largest) // LOT, n - largest - LEAST_DRAWN))
    scores = run.scores
    drawn = np.zeros_like(scored) if scores.doubt is None or scores.drawn is None else scores.drawn
    sizes = np.where(scored, doubts_of(scores), np.nan)
    doubt = Doubt(sizes, _costs(scores), run.config.seed)
    choice = doubt.further(verified & ~drawn, drawn, largest, lot)
    certain = (choice.measured | verified)[scored]
    return draw(certain, n - int((certain & ~verified[scored]).sum()), seed), choice


def _costs(scores: AnyScores) -> FloatArray:
    return neuron_costs(scores.graph) if isinstance(scores, NeuronScores) else costs_of(scores.graph, scores.what)


def doubts_of(scores: AnyScores) -> FloatArray:
    """How much is in doubt about each score, by the run; |score| where it does not say."""
    return (np.abs(scores.values) if scores.doubt is None else scores.doubt).astype(np.float64)


def kept_of(run: AnyRun) -> BoolArray:
    """The edges of the circuit, its heads and neurons, or the nodes chosen: these have an edge to the logits each."""
    mask = run.circuit.mask
    return mask if mask.shape == run.scores.values.shape else np.asarray(mask.any(axis=1), dtype=np.bool_)
