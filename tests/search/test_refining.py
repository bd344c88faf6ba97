"""Flag and check: which edges are measured, what the scores become, and that they become better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from edgewise.search.exact.flags import combined, flagged, second_of

import tiny
from edgewise import load_model, make_task, refine
from edgewise.attribution import METHODS
from edgewise.errors import ScoreError, SelectionError, UnsupportedModelError
from edgewise.evaluation.agreement import agreement
from edgewise.graph import EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.search import patch_edges, score_edges
from edgewise.search.exact import refining
from edgewise.search.exact import refining as module
from edgewise.settings.conditions import Conditions

pytestmark = pytest.mark.slow

MODEL, PAIRS = load_model(tiny.gpt2(n_layer=2, n_head=2, n_embd=16)), tiny.prompts(5)
GRAPH = Graph(GraphSpec(1, 1, 4))
#   columns: q, k, v of a0.h0, m0, logits; rows: input, a0.h0, m0
FIRST = np.array([[0.5, -3.0, 0.1, -0.2, 1.0], [0, 0, 0, 0.3, -0.4], [0, 0, 0, 0, 0.0]])
SECOND = np.array([[0.5, -2.0, 4.0, -0.2, -0.9], [0, 0, 0, 0.3, 0.3], [0, 0, 0, 0, 0.0]])
FIELDS = ("values", "stderr", "mean_abs", "per_prompt", "resampled", "half_width")


def last(n: int, **options: object) -> EdgeScores | NodeScores:
    *_, state = refining.refining(MODEL, PAIRS, n, method="eap", **options)  # type: ignore[arg-type]
    return state.scores()


def names(mask: np.ndarray) -> set[str]:
    return {GRAPH.edge_name(*at) for at in np.argwhere(mask).tolist()}


def test_edges_are_flagged_by_size_and_by_disagreement_by_hand() -> None:
    scores, second = EdgeScores(GRAPH, FIRST), EdgeScores(GRAPH, SECOND)
    # max(|score|, |score - second|): k 3, v 3.9, logits from input 1.9, from a0.h0 0.7, q 0.5
    assert names(flagged(scores, second, 1)) == {"input->a0.h0<v>"}
    assert names(flagged(scores, second, 3)) == {"input->a0.h0<v>", "input->a0.h0<k>", "input->logits"}
    assert names(flagged(scores, second, 4)) - names(flagged(scores, second, 3)) == {"a0.h0->logits"}
    # By size alone: k 3, logits 1, q 0.5, a0.h0->logits 0.4
    assert names(flagged(scores, None, 3)) == {"input->a0.h0<k>", "input->logits", "input->a0.h0<q>"}
    assert (flagged(scores, second, 1000) == GRAPH.mask).all()
    unscored = EdgeScores(GRAPH, np.where(FIRST == -3.0, np.nan, FIRST), allow_unscored=True)
    assert flagged(unscored, second, 1000).sum() == GRAPH.n_edges - 1
    with pytest.raises(SelectionError, match="at least 1"):
        flagged(scores, second, 0)
    with pytest.raises(ScoreError, match="nothing has a score"):
        flagged(EdgeScores(GRAPH, np.full(FIRST.shape, np.nan), allow_unscored=True), second, 3)


@pytest.mark.parametrize("level", ["edge", "node"])
def test_scores_are_exact_where_flagged_and_the_estimates_elsewhere(level: str) -> None:
    kept = {"level": level, "per_prompt": True, "bootstrap": 20, "seed": 3}
    found = last(4, **kept)
    estimates = score_edges(MODEL, PAIRS, method="eap", **kept)  # type: ignore[arg-type]
    exact = patch_edges(MODEL, PAIRS, **kept)  # type: ignore[arg-type]
    second = score_edges(MODEL, PAIRS, method="secant", level=level)  # type: ignore[arg-type]
    size = np.maximum(np.abs(estimates.values), np.abs(estimates.values - second.values))
    known = np.sort(size[np.isfinite(size)])
    assert (found.verified == (size >= known[-4])).all()
    assert found.verified.sum() == 4
    np.testing.assert_array_equal(found.estimated, estimates.values)
    for name in FIELDS:
        mine, guess, measured = (getattr(scores, name) for scores in (found, estimates, exact))
        at = np.broadcast_to(found.verified, mine.shape)
        np.testing.assert_allclose(mine[at], measured[at], rtol=1e-6, atol=1e-9, err_msg=name)
        np.testing.assert_array_equal(mine[~at], guess[~at], err_msg=name)


def test_more_than_there_are_is_all_of_them() -> None:
    found = last(10**6)
    exact = patch_edges(MODEL, PAIRS)
    assert (found.verified == MODEL.graph.mask).all()
    np.testing.assert_array_equal(found.values, exact.values)


def test_refine_is_the_same_from_scores_that_are_there() -> None:
    kept = {"per_prompt": True, "bootstrap": 20, "seed": 3}
    scores = score_edges(MODEL, PAIRS, method="eap", **kept)  # type: ignore[arg-type]
    found, expected = refine(MODEL, PAIRS, scores, 6, seed=3), last(6, **kept)
    for name in (*FIELDS, "verified", "estimated"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    # Again, with more: what was estimated stays, and the exact effects are no estimates now.
    more = refine(MODEL, PAIRS, found, 12)
    assert more.verified.sum() >= 12
    np.testing.assert_array_equal(more.estimated, scores.values)
    assert scores.verified is None


def test_secant_is_held_against_eap_and_everything_else_against_secant() -> None:
    assert {name: second_of(name) for name in METHODS} == dict.fromkeys(METHODS, "secant") | {"secant": "eap"}


def test_a_second_method_that_refuses_leaves_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    original = module.attribute

    def refuses(*args: object, method: str, **kwargs: object) -> object:
        if method == "secant":
            raise UnsupportedModelError("no rule for this")
        return original(*args, method=method, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "attribute", refuses)
    states = list(refining.refining(MODEL, PAIRS, 5, conditions=Conditions(batch_size=2), method="eap"))
    assert states[-1].refusal == "no rule for this"
    assert {state.stage for state in states} == {"first", "exact"}
    scores = score_edges(MODEL, PAIRS, conditions=Conditions(batch_size=2), method="eap")
    assert (states[-1].scores().verified == flagged(scores, None, 5)).all()
    # What was stored after it goes on without asking again.
    stored = next(state for state in states if state.refusal).tensors()
    *_, again = refining.refining(MODEL, PAIRS, 5, conditions=Conditions(batch_size=2), stored=stored, method="eap")
    np.testing.assert_array_equal(again.scores().values, states[-1].scores().values)


def test_what_does_not_belong_together_is_refused() -> None:
    scores = score_edges(MODEL, PAIRS, method="eap")
    with pytest.raises(ScoreError, match="means over 5 prompts, the exact effects over 3"):
        refine(MODEL, PAIRS[:3], scores, 4)
    with pytest.raises(ScoreError, match="scores are of"):
        refine(MODEL, PAIRS, EdgeScores(GRAPH, FIRST), 4)
    with pytest.raises(ScoreError, match="scores are of"):
        combined(scores, EdgeScores(GRAPH, FIRST))
    with pytest.raises(ScoreError, match="go together"):
        replace(scores, verified=scores.graph.mask)
    with pytest.raises(ScoreError, match="verified is float64"):
        replace(scores, verified=scores.values, estimated=scores.values)  # type: ignore[arg-type]


def test_a_twentieth_of_the_edges_repairs_the_correlation() -> None:
    """24 of the demo model's 479 edges: those whose estimates are badly wrong are among them."""
    model = load_model("demo")
    prompts = make_task("ioi", model, n=8)
    exact = patch_edges(model, prompts)
    scores = score_edges(model, prompts, method="eap")
    by_size = agreement(refine(model, prompts, scores, 24, second=None), exact).pearson.value
    found = agreement(refine(model, prompts, scores, 24), exact).pearson.value
    before = agreement(scores, exact).pearson.value
    assert before < 0.75
    assert found > 0.97
    assert found > by_size
