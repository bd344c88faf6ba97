"""Flag and check: which edges are measured, what the scores become, and that they become better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tiny
from edgewise import load_model, make_task, refine
from edgewise.attribution import METHODS
from edgewise.attribution.largest import Largest
from edgewise.attribution.resamples import draws
from edgewise.errors import ScoreError, UnsupportedModelError
from edgewise.evaluation.agreement import agreement
from edgewise.graph import EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.search import patch_edges, score_edges
from edgewise.search.exact import refining
from edgewise.search.exact import refining as module
from edgewise.search.exact.combined import combined
from edgewise.search.exact.second import how_many, second_of
from edgewise.search.exact.spending import Spending
from edgewise.settings.conditions import Conditions
from estimates import together

pytestmark = pytest.mark.slow

MODEL, PAIRS = load_model(tiny.gpt2(n_layer=2, n_head=2, n_embd=16)), tiny.prompts(5)
GRAPH = Graph(GraphSpec(1, 1, 4))
#   columns: q, k, v of a0.h0, m0, logits; rows: input, a0.h0, m0
FIRST = np.array([[0.5, -3.0, 0.1, -0.2, 1.0], [0, 0, 0, 0.3, -0.4], [0, 0, 0, 0, 0.0]])
FIELDS = ("values", "stderr", "mean_abs", "per_prompt", "resampled", "half_width")


def last(n: int, **options: object) -> EdgeScores | NodeScores:
    *_, state = refining.refining(MODEL, PAIRS, Spending(n), method="eap", **options)  # type: ignore[arg-type]
    return state.scores()


@pytest.mark.parametrize("level", ["edge", "node"])
def test_scores_are_exact_where_flagged_and_the_estimates_elsewhere(level: str) -> None:
    kept = {"level": level, "per_prompt": True, "bootstrap": 20, "seed": 3}
    found = last(4, **kept)
    exact = patch_edges(MODEL, PAIRS, **kept)  # type: ignore[arg-type]
    both, doubted = together(MODEL, PAIRS, "eap", "secant-mid", level=level)
    known = np.sort(doubted[np.isfinite(doubted)])
    assert (found.verified == (doubted >= known[-4])).all()
    assert found.verified.sum() == 4
    n = len(both)
    resampled = np.stack([(times[:, None] * both.reshape(n, -1)).sum(0) / n for times in draws(20, n, 3)])
    guesses = {
        "values": both.mean(0),
        "stderr": both.std(0, ddof=1) / np.sqrt(n),
        "mean_abs": np.abs(both).mean(0),
        "per_prompt": both,
        "resampled": resampled.reshape(20, *both.shape[1:]),
    }
    np.testing.assert_allclose(found.estimated, guesses["values"], rtol=1e-5, atol=1e-8)
    for name, guess in guesses.items():
        mine, measured = getattr(found, name), getattr(exact, name)
        at = np.broadcast_to(found.verified, mine.shape)
        np.testing.assert_allclose(mine[at], measured[at], rtol=1e-6, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(mine[~at], guess[~at], rtol=1e-4, atol=1e-7, err_msg=name)
    known = found.half_width[np.isfinite(found.half_width)]
    assert (known >= 0).all()


def test_more_than_there_are_is_all_of_them() -> None:
    found = last(10**6)
    exact = patch_edges(MODEL, PAIRS)
    assert (found.verified == MODEL.graph.mask).all()
    np.testing.assert_array_equal(found.values, exact.values)


def test_refine_is_the_same_from_scores_that_are_there() -> None:
    kept = {"per_prompt": True, "bootstrap": 20, "seed": 3}
    scores = score_edges(MODEL, PAIRS, method="eap", **kept)  # type: ignore[arg-type]
    found, exact = refine(MODEL, PAIRS, scores, 6, seed=3), patch_edges(MODEL, PAIRS, **kept)  # type: ignore[arg-type]
    second = score_edges(MODEL, PAIRS, method="secant-mid")
    size = np.maximum(np.abs(scores.values), np.abs(scores.values - second.values))
    assert (found.verified == (size >= np.sort(size[np.isfinite(size)])[-6])).all()
    for name in FIELDS:
        mine, guess, measured = (getattr(one, name) for one in (found, scores, exact))
        at = np.broadcast_to(found.verified, mine.shape)
        np.testing.assert_allclose(mine[at], measured[at], rtol=1e-6, atol=1e-9, err_msg=name)
        np.testing.assert_array_equal(mine[~at], guess[~at], err_msg=name)
    # Again, with more: what was estimated stays, and the exact effects are no estimates now.
    more = refine(MODEL, PAIRS, found, 12)
    assert more.verified.sum() >= 12
    np.testing.assert_array_equal(more.estimated, scores.values)
    assert scores.verified is None


def test_derivatives_are_held_against_finite_differences_and_these_against_eap() -> None:
    differences = ("secant", "secant-mid", "secant-avg")
    assert {name: second_of(name) for name in METHODS} == {
        name: "eap" if name in differences else "secant-mid" for name in METHODS
    }


def test_second_estimates_are_of_the_few_prompts_of_largest_scores() -> None:
    assert [how_many(n) for n in (1, 2, 3, 8, 32, 1000)] == [1, 2, 3, 3, 4, 8]
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(9, 4, 5)) * rng.permutation(9)[:, None, None]
    whole = Largest.none(3, (4, 5)).add(list(range(9)), scores)
    by_hand = np.argsort([-np.linalg.norm(one) for one in scores])[:3]
    assert whole.rows.tolist() == sorted(by_hand.tolist())
    np.testing.assert_array_equal(whole.scores, scores[whole.rows])
    parts = (
        Largest.none(3, (4, 5)).add([4, 7, 1], scores[[4, 7, 1]]).add([0, 2, 3, 5, 6, 8], scores[[0, 2, 3, 5, 6, 8]])
    )
    assert parts.rows.tolist() == whole.rows.tolist()
    np.testing.assert_array_equal(parts.scores, whole.scores)


def test_a_second_method_that_refuses_leaves_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    original = module.attribute

    def refuses(*args: object, method: str, **kwargs: object) -> object:
        if method == "secant-mid":
            raise UnsupportedModelError("no rule for this")
        return original(*args, method=method, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "attribute", refuses)
    states = list(refining.refining(MODEL, PAIRS, Spending(5), conditions=Conditions(batch_size=2), method="eap"))
    assert states[-1].refusal.endswith("without second estimates: no rule for this")
    assert {state.stage for state in states} == {"first", "exact"}
    scores = score_edges(MODEL, PAIRS, conditions=Conditions(batch_size=2), method="eap")
    sizes = np.abs(scores.values)
    assert (states[-1].scores().verified == (sizes >= np.sort(sizes[np.isfinite(sizes)])[-5])).all()
    # What was stored after it goes on without asking again.
    stored = next(state for state in states if state.refusal).tensors()
    *_, again = refining.refining(
        MODEL, PAIRS, Spending(5), conditions=Conditions(batch_size=2), stored=stored, method="eap"
    )
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
