"""One value of every kind that is stored as JSON, with no field left at None that could hold something."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgewise.engine.run.passes import Passes
from edgewise.evaluation.agreement import Agreement, agreement
from edgewise.evaluation.criteria import criteria
from edgewise.evaluation.result import Curve, Evaluation, Measured, Point, Removal, Spread
from edgewise.evaluation.roc import RocIntervals, curve, front
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.against import Against, FoundOfKnown, Ranked
from edgewise.runs.contest.comparison_result import ComparedRun, Comparison, FoundOn, RandomPoint, RandomRankings
from edgewise.runs.contest.league_result import Cell, Entry, League
from edgewise.runs.contest.roc_result import Judged, RocLine, RocResult
from edgewise.runs.evaluated import Evaluated, EvaluatedPrompts, evaluated
from edgewise.runs.shown_prompts import RowAnswer, SetAnswer, ShownPrompts, ShownRow, Tokens
from edgewise.runs.store.record import (
    Counts,
    ExactSummary,
    MetricSummary,
    PromptSummary,
    RunRecord,
    StabilitySummary,
)
from edgewise.runs.verification import Effect, Verification
from edgewise.settings.selection import Selection

TRUTH = np.array([True, True, False, False, False])


def a_record() -> RunRecord:
    return RunRecord(
        config=RunConfig(
            model="demo",
            task="ioi",
            n=7,
            options={"order": "abba", "names": ["a", {"b": None}]},
            settings={"steps": 5},
            selection=Selection(threshold=0.25),
            ignore_config=("new",),
        ),
        identity={"model": "ab" * 32, "data": None},
        versions={"edgewise": "0.1.0"},
        model={"architecture": "GPT2LMHeadModel", "n_layers": 2},
        prompts=PromptSummary("ioi", 7, 0, False, "cd" * 32, {"task": "ioi", "seed": 0}, some_shown_prompts()),
        metric=MetricSummary("logit-diff", 3.25, 0.125, -0.5, None),
        counts=Counts(100, 10, 20, 12, 5),
        rule="at least 0.25 by abs",
        stability=StabilitySummary(200, 12, 10, 0.75, 0.9, 40),
        exact=ExactSummary(5, 100, "secant", 0.9, None, 1.0),
        batch_size=4,
        passes=Passes(3.0, 2.0),
        timing={"scoring": 0.25, "total": 0.5},
        warnings=("one",),
        notes=("two",),
        finished="2024-05-01T10:00:00+00:00",
    )


def some_shown_prompts() -> ShownPrompts:
    clean, corrupted = Tokens((3, 4, 5), ("He", " saw", "\n")), Tokens((3, 6, 5), ("He", " had", "\n"))
    said = RowAnswer(1.5, -0.25, True, False, Tokens((9,), (" the",)))
    row = ShownRow(1, clean, corrupted, (1,), (2,), Tokens((7,), (" Mary",)), Tokens((8,), (" John",)), said)
    return ShownPrompts(7, 3, 3, (1,), 1, 1, (row,), SetAnswer(7, 5, 2, 1.25, -0.5, (2, 4)), (2,))


def an_agreement() -> Agreement:
    draw = np.random.default_rng(3)
    exact = draw.normal(size=30)
    return agreement(exact + draw.normal(size=30), exact, k=5)


def a_comparison_with_truth() -> RocResult:
    ranks = curve([5.0, 3.0, np.nan, 2.0, np.nan], TRUTH).corners()
    points = front([TRUTH, ~TRUTH], TRUTH, ["tau 0.1", "tau 1"])
    judged = Judged(ranks, RocIntervals(50, (0.25, 0.75), (0.125, 0.5), (0.0, 1.0)))
    lines = (
        RocLine("eap", "EAP", "kl", ("eap",), False, {"edge": judged, "node": Judged(ranks)}),
        RocLine("acdc:kl", "ACDC", "kl", ("acdc/tau-0.1", "acdc/tau-1"), True, {"edge": Judged(points)}),
    )
    return RocResult("demo", "ioi", 7, "kl", "abs", "known", "known", "ab" * 32, 5, ("x->y", "y->z"), lines, ("a",))


def a_league() -> League:
    entries = (
        Entry("eap", "there/eap", False, None, Passes(2.0, 1.0), 0.5, an_agreement(), 0.75, 0.25, 1.0),
        Entry("relp", "there/relp", False, "no such model"),
        Entry("activation-patching", "there/exact", True, None, Passes(100.0), 9.0, an_agreement(), 0.75, 0.25, 1.0),
    )
    cells = tuple(Cell("gpt2", "ioi", seed, "kl", 7, 30, "known", 5, entries) for seed in (0, 1))
    return League(20, "2024-05-01T10:00:00+00:00", cells)


def a_verification() -> Verification:
    effects = (Effect("m0->logits", 1.0, 0.25, 2.0, None, "drawn", True),)
    return Verification("logit-diff", 7, 4, 0, "Trust it.", criteria(an_agreement()), an_agreement(), effects)


PROMPTS = EvaluatedPrompts("ioi", 7, "held-out", 0, "ab" * 32, "the circuit was found on held-out prompts too")
SPREAD = Spread(0.25, -0.5, 1.0)
POINTS = tuple(Point(share, round(30 * share), 5, 0.5, 0.25, None, SPREAD) for share in (0.1, 1.0))


def an_evaluation() -> Evaluated:
    curve = Curve("edges", "abs", POINTS, 0.75, 0.25, SPREAD, SPREAD)
    of = Measured(1.0, 0.25, 0.5, None)
    found = Evaluation(
        metric="kl",
        ablation="mean",
        n_prompts=7,
        graph_edges=30,
        circuit_edges=5,
        full=of,
        empty=of,
        circuit=Measured(1.0, None, 0.5, 0.75),
        complement=of,
        faithfulness=0.75,
        faithfulness_stderr=0.25,
        completeness=None,
        completeness_stderr=None,
        curve=curve,
        no_curve=None,
        minimality=(Removal("m0->logits", -0.5, 0.25),),
        batch_size=4,
        warnings=("one",),
    )
    return evaluated(found, True, ("a note",), PROMPTS, {"edgewise": "0.1.0"})


def a_comparison() -> Comparison:
    found = FoundOn("ioi", 7, "ab" * 32)
    row = ComparedRun(
        "runs/eap",
        "eap",
        {"steps": [1, 2]},
        "edge",
        "kl",
        found,
        "top 5 by abs",
        5,
        Passes(2.0, 1.0),
        0.5,
        0.75,
        0.25,
        0.75,
        0.25,
        None,
        0.5,
        "a note",
        POINTS,
    )
    rankings = RandomRankings(SPREAD, SPREAD, tuple(RandomPoint(at.fraction, at.size, 5, SPREAD) for at in POINTS))
    square = ((1.0, None), (None, 1.0))
    counts = ((30, 30), (30, 30))
    ranked = Ranked("edges", "abs", 30, 9, 2, 0.75, 0.5)
    lacking = FoundOfKnown(None, None, 1, None, "none of 30 entries belong to it")
    known = Against("a circuit (somebody, 2020)", 9, 4, (FoundOfKnown(0.5, 3, 2, ranked, None), lacking))
    return Comparison(
        "gpt2", 30, "kl", PROMPTS, (row, row), square, square, square, counts, rankings, known, ("other",), ("one",)
    )


def every() -> dict[str, Any]:
    """File name -> value."""
    return {
        "run.json": a_record(),
        "roc.json": a_comparison_with_truth(),
        "league.json": a_league(),
        "verification.json": a_verification(),
        "evaluation-mean.json": an_evaluation(),
        "comparison.json": a_comparison(),
    }
