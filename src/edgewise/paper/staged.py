"""EAP then ACDC on Docstring over a grid of both thresholds: what figures 6 and 9 show.

EAP leaves ACDC the edges whose |score| is at least the first threshold; ACDC removes from these what changes the metric
for the worse by less than the second. Both go by the metric of the task. The paper's grid is in units of its model's
metric, whose clean and corrupted prompts are 6.609 apart; for another model both thresholds are the same shares of the
distance between its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from edgewise.evaluation.roc import Front, RocCurve, circuit_roc, score_roc
from edgewise.graph import EdgeScores
from edgewise.paper.figure import Cell, Published, Request
from edgewise.paper.material import Experiment, base_config, experiment, run_folder, scored, truth
from edgewise.runs.contest.sweep import grid, sweep
from edgewise.runs.contest.truth import Truth
from edgewise.runs.store.codec import to_json

METHOD = "eap-acdc"
EAP_THRESHOLDS, TAUS = (0.034, 0.086, 10), (0.06, 0.2, 5)
FAST = (3, 2)
# Between clean and corrupted prompts of the paper's model, by ACDC's own check of the circuit.
PAPERS_DISTANCE = 0.875 + 5.734
BEST, BEST_EAP = 0.883, 0.886
HEADER = ("eap_threshold", "tau", "edges", "tp", "fp", "tpr", "fpr", "youden")


@dataclass(frozen=True, eq=False)
class Staged:
    """All circuits of the grid against the truth.

    Args:
        experiment: the task.
        model: its model's name.
        metric: both methods'.
        prompts: how many.
        true: what circuits are held against.
        eap: the curve of EAP's scores alone.
        thresholds: EAP's, rising.
        fronts: tau -> the circuits found with it, one for each of these thresholds.
        same_model: whether it is the paper's model.
        fast: whether the grid is a coarse one.
    """

    experiment: Experiment
    model: str
    metric: str
    prompts: int
    true: Truth
    eap: RocCurve
    thresholds: tuple[float, ...]
    fronts: Mapping[float, Front]
    same_model: bool
    fast: bool

    @property
    def best(self) -> tuple[float, float, float]:
        """The largest J, and the threshold and tau at which it is reached first."""
        found = {tau: (front.youden, self.thresholds[front.best]) for tau, front in self.fronts.items()}
        tau = max(found, key=lambda tau: found[tau][0])
        return (*found[tau], tau)

    def js(self, tau: float) -> tuple[float, ...]:
        """TPR - FPR for each of the thresholds."""
        front = self.fronts[tau]
        return tuple((front.tpr - front.fpr).tolist())

    @property
    def lines(self) -> tuple[str, ...]:
        """For headings."""
        return (
            f"{self.model}, {self.experiment.title}: {self.prompts:,} prompts, {self.metric}",
            f"truth: {self.true.words} ({self.true.circuit.n_edges:,} of {self.true.circuit.graph.n_edges:,})",
        )

    def data(self) -> Mapping[str, Any]:
        """Return everything as JSON values."""
        best, at, tau = self.best
        return {
            "model": self.model,
            "task": self.experiment.task,
            "metric": self.metric,
            "prompts": self.prompts,
            "truth": self.true.words,
            "eap thresholds": list(self.thresholds),
            "taus": list(self.fronts),
            "youden": {f"{tau:g}": list(self.js(tau)) for tau in self.fronts},
            "best": {"youden": best, "eap_threshold": at, "tau": tau},
            "eap alone": {"youden": self.eap.youden, "at": self.eap.youden_threshold, "auc": self.eap.auc},
            "points": {f"{tau:g}": to_json(front) for tau, front in self.fronts.items()},
        }

    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """Return one row a circuit."""
        return tuple(
            (at, tau, tp + fp, tp, fp, tpr, fpr, tpr - fpr)
            for tau, front in self.fronts.items()
            for at, tp, fp, tpr, fpr in zip(
                self.thresholds,
                front.true_positives.tolist(),
                front.false_positives.tolist(),
                front.tpr.tolist(),
                front.fpr.tolist(),
                strict=True,
            )
        )

    def published(self) -> tuple[Published, ...]:
        """Return the paper's numbers beside ours."""
        return (
            Published("EAP then ACDC: largest Youden's J of the grid", BEST, self.best[0], self.same_model),
            Published("EAP alone: Youden's J", BEST_EAP, self.eap.youden, self.same_model),
        )

    def caption(self) -> tuple[str, ...]:
        """Return what was done, in sentences."""
        best, at, tau = self.best
        shares = "" if self.same_model else "; the paper's, as shares of clean − corrupted"
        return (
            f"Model `{self.model}`, {self.experiment.title}, {self.prompts} prompts, {self.metric} for both methods:"
            f" {len(self.thresholds)} thresholds of EAP times {len(self.fronts)} of ACDC{shares}."
            f" Truth: {self.true.words} ({self.true.circuit.n_edges:,} of {self.true.circuit.graph.n_edges:,} edges).",
            f"Largest J: {best:.3f}, with EAP's threshold {at:.3g} and tau {tau:.3g}; EAP alone reaches"
            f" {self.eap.youden:.3f} at {self.eap.youden_threshold:.3g}.",
            *(("Made with `--fast`: fewer prompts and a coarser grid.",) if self.fast else ()),
        )


def staged(request: Request) -> Staged:
    """Run what is missing of the grid, and hold every circuit against the truth."""
    one = experiment(request, "docstring")
    run, true = scored(one, request, "eap"), truth(one, request)
    metric, same = run.record.metric, one.same_model(request)
    scale = 1.0 if same else abs(metric.clean - metric.corrupted) / PAPERS_DISTANCE
    sizes = FAST if request.fast else (EAP_THRESHOLDS[2], TAUS[2])
    thresholds, taus = (
        _values(low, high, n, scale) for (low, high, _), n in zip((EAP_THRESHOLDS, TAUS), sizes, strict=True)
    )
    config = replace(base_config(one, request), method=METHOD, metric=metric.name)
    runs = sweep(
        grid(config, {"eap_threshold": thresholds, "tau": taus}),
        run_folder(one, request) / METHOD,
        request.execution.named(f"{one.task}: {METHOD}"),
    )
    found = dict(zip(product(thresholds, taus), (run.circuit for run in runs), strict=True))
    fronts = {
        tau: circuit_roc([found[at, tau] for at in thresholds], true.circuit, [f"EAP {at:g}" for at in thresholds])
        for tau in taus
    }
    assert isinstance(run.scores, EdgeScores)
    eap = score_roc(run.scores, true.circuit)
    n = run.record.prompts.n
    return Staged(one, config.model, metric.name, n, true, eap, thresholds, fronts, same, request.fast)


def _values(low: float, high: float, n: int, scale: float) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in scale * np.linspace(low, high, n))
