"""ROC of scores and of circuits: against scikit-learn, by hand, and against the selection by threshold itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from edgewise.errors import ScoreError, SelectionError
from edgewise.evaluation.roc import Front, RocCurve, bootstrap, circuit_roc, curve, front, score_roc
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores, threshold
from edgewise.runs.store.codec import from_json, to_json

pytestmark = pytest.mark.slow

GRAPH = Graph(GraphSpec(2, 2, 8))
GROUPED = Graph(GraphSpec(2, 4, 8, n_kv_heads=2))


def random_scores(graph: Graph, seed: int, unscored: float = 0.0, ties: int | None = None) -> EdgeScores:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=graph.mask.shape)
    if ties:
        values = np.round(values * ties) / ties
    values[rng.random(values.shape) < unscored] = np.nan
    return EdgeScores(graph, values, allow_unscored=True)


def random_circuit(graph: Graph, seed: int, share: float = 0.3) -> Circuit:
    return Circuit(graph, graph.mask & (np.random.default_rng(seed + 1000).random(graph.mask.shape) < share))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("ties", [None, 3, 1])
def test_against_scikit_learn(seed: int, ties: int | None) -> None:
    rng = np.random.default_rng(seed)
    ranks = rng.normal(size=60) if ties is None else rng.integers(0, 10 * ties, size=60) / ties
    truth = rng.random(60) < 0.3
    found = curve(ranks, truth)
    fpr, tpr, thresholds = roc_curve(truth, ranks, drop_intermediate=False)
    assert np.allclose(found.fpr, fpr, atol=1e-12)
    assert np.allclose(found.tpr, tpr, atol=1e-12)
    assert np.array_equal(found.thresholds, thresholds)
    assert found.auc == pytest.approx(roc_auc_score(truth, ranks), abs=1e-12)
    # scikit-learn's other curve runs the other way, and calls the precision of nothing 1
    precision, recall, _ = precision_recall_curve(truth, ranks)
    assert np.allclose(found.precision[:0:-1], precision[:-1], atol=1e-12)
    assert np.allclose(found.recall[::-1], recall, atol=1e-12)
    assert np.isnan(found.precision[0])


def test_by_hand_with_a_tie_and_an_entry_without_a_score() -> None:
    """Ranks 3, 2, 2, 1, none; true, true, false, false, true."""
    found = curve([3.0, 2.0, 2.0, 1.0, np.nan], [True, True, False, False, True])
    assert found.thresholds.tolist() == [np.inf, 3.0, 2.0, 1.0, -np.inf]
    assert found.true_positives.tolist() == [0, 1, 2, 2, 3]
    assert found.false_positives.tolist() == [0, 0, 1, 2, 2]
    # J: 0, 1/3, 2/3 - 1/2, 2/3 - 1, 0
    assert (found.youden, found.youden_threshold) == (pytest.approx(1 / 3), 3.0)
    # trapezoid: from (0, 1/3) to (1/2, 2/3), then flat to (1, 2/3), then up
    assert found.auc == pytest.approx(0.5 * (1 / 3 + 2 / 3) / 2 + 0.5 * 2 / 3)
    assert found.auc_pessimistic == pytest.approx(1 * 1 / 3 + 0.5 * 1 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_corners_keep_the_areas_and_the_best(seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = curve(rng.integers(0, 100, size=200), rng.random(200) < 0.2)
    corners = whole.corners()
    assert len(corners.thresholds) < len(whole.thresholds)
    for name in ("auc", "auc_pessimistic", "youden", "youden_threshold"):
        assert getattr(corners, name) == pytest.approx(getattr(whole, name), abs=1e-12)
    again = from_json(RocCurve, json.loads(json.dumps(to_json(corners))), "file")
    assert np.array_equal(again.thresholds, corners.thresholds)
    assert again.auc == corners.auc


@pytest.mark.parametrize("graph", [GRAPH, GROUPED])
@pytest.mark.parametrize("level", ["edge", "node"])
@pytest.mark.parametrize("ties", [None, 2])
def test_a_point_is_the_circuit_selected_at_its_threshold(graph: Graph, level: str, ties: int | None) -> None:
    scores, truth = random_scores(graph, 3, unscored=0.3, ties=ties), random_circuit(graph, 3)
    if level == "node":
        truth = Circuit(graph, truth.mask & (np.arange(graph.n_sources) % 3 == 0)[:, None] & ~graph.mask[-1][None, :])
    found = score_roc(scores, truth, level=level)
    finite = np.isfinite(found.thresholds)
    circuits = [threshold(scores, x) for x in found.thresholds[finite]]
    points = circuit_roc(circuits, truth, [str(x) for x in found.thresholds[finite]], level=level)
    assert np.array_equal(points.true_positives, found.true_positives[finite])
    assert np.array_equal(points.false_positives, found.false_positives[finite])
    assert found.positives + found.negatives == (graph.n_edges if level == "edge" else graph.n_sources)
    assert len(circuits) > 3


def test_scores_of_nodes_rank_nodes() -> None:
    truth = Circuit.from_edges(GRAPH, ["input->a0.h1<q>", "a0.h1->logits"])
    values = np.where([name in ("input", "a0.h1") for name in GRAPH.sources], -3.0, 1.0)
    scores = NodeScores(GRAPH, values)
    assert score_roc(scores, truth, level="node").auc == 1.0
    assert score_roc(scores, truth, level="node", by="signed").auc == 0.0
    with pytest.raises(SelectionError, match="ask for level 'node'"):
        score_roc(scores, truth)


def test_circuits_as_points_by_hand() -> None:
    truth = np.array([True, True, False, False, False])
    kept = [
        np.array([True, True, True, False, False]),
        np.array([True, False, True, False, False]),  # beaten by the next
        np.array([True, False, False, False, False]),
    ]
    found = front(kept, truth, ["a", "b", "c"])
    assert found.tpr.tolist() == [1.0, 0.5, 0.5]
    assert found.fpr.tolist() == [1 / 3, 1 / 3, 0.0]
    assert found.precision.tolist() == [2 / 3, 0.5, 1.0]
    assert (found.youden, found.at) == (pytest.approx(2 / 3), "a")
    assert found.auc_pessimistic == pytest.approx(0.5 + 2 / 3 * 0.5)
    assert found.auc == pytest.approx(1 / 3 * 0.75 + 2 / 3)  # the front is (0, .5), (1/3, 1); (1, 1) is beaten
    again = from_json(Front, json.loads(json.dumps(to_json(found))), "file")
    assert (again.auc, again.settings) == (found.auc, ("a", "b", "c"))


@pytest.mark.parametrize(
    ("ranks", "truth", "message"),
    [
        ([1.0, 2.0], [True], r"the truth is bool \[1\]; it must be bool \[2\]"),
        ([1.0, 2.0], [1, 0], r"the truth is int64 \[2\]"),
        ([1.0, np.inf], [True, False], "a rank is infinite"),
        ([1.0, 2.0], [False, False], "none of 2 entries belong to the true circuit"),
        ([1.0, 2.0], [True, True], "all of 2 entries belong to the true circuit"),
    ],
)
def test_no_curve(ranks: list[float], truth: list[object], message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        curve(ranks, truth)


def test_no_points_and_other_graphs() -> None:
    truth = np.array([True, False])
    with pytest.raises(ScoreError, match="0 circuits"):
        front([], truth, [])
    with pytest.raises(ScoreError, match=r"a circuit is bool \[3\]"):
        front([np.array([True, False, True])], truth, ["a"])
    with pytest.raises(SelectionError, match="the known circuit is of"):
        score_roc(random_scores(GROUPED, 0), random_circuit(GRAPH, 0))
    with pytest.raises(SelectionError, match="the known circuit is of"):
        circuit_roc([random_circuit(GROUPED, 0)], random_circuit(GRAPH, 0), ["a"])


def test_scores_that_do_not_vary_have_intervals_without_width() -> None:
    scores, truth = random_scores(GRAPH, 1), Circuit.from_edges(GRAPH, ["input->a0.h1<q>", "a0.h1->m1", "m1->logits"])
    constant = EdgeScores(GRAPH, scores.values, per_prompt=np.repeat(scores.values[None], 6, axis=0))
    for level in ("edge", "node"):
        curve_of = score_roc(constant, truth, level=level)
        found = bootstrap(constant, truth, level=level, draws=20)
        assert found is not None
        assert found.auc == pytest.approx((curve_of.auc, curve_of.auc))
        assert found.auc_pessimistic == pytest.approx((curve_of.auc_pessimistic, curve_of.auc_pessimistic))
        assert found.youden == pytest.approx((curve_of.youden, curve_of.youden))


def test_the_interval_is_that_of_resampled_prompts() -> None:
    """Against a plain loop: draw prompts by index, take the mean, make the curve."""
    rng = np.random.default_rng(0)
    truth = random_circuit(GRAPH, 5)
    per_prompt = rng.normal(size=(8, *GRAPH.mask.shape)) + 1.0 * truth.mask
    scores = EdgeScores(GRAPH, per_prompt.mean(axis=0), per_prompt=per_prompt)
    found = bootstrap(scores, truth, draws=4000)
    areas = [
        score_roc(EdgeScores(GRAPH, per_prompt[rng.integers(0, 8, size=8)].mean(axis=0)), truth).auc
        for _ in range(4000)
    ]
    low, middle, high = np.quantile(areas, [0.025, 0.5, 0.975])
    area = score_roc(scores, truth).auc
    assert found is not None
    assert found == bootstrap(scores, truth, draws=4000)
    assert found.auc == pytest.approx((area + low - middle, min(1.0, area + high - middle)), abs=0.02)
    assert found.auc[1] - found.auc[0] > 0.02
    assert found.auc_pessimistic[0] <= found.auc[0]


def test_intervals_cover_the_area_that_so_many_prompts_give() -> None:
    """Scores of known mean and spread; the target is the mean area of 500 other sets of as many prompts."""
    rng = np.random.default_rng(0)
    graph, n, sets = Graph(GraphSpec(2, 3, 8)), 12, 120
    truth = random_circuit(graph, 0, 0.15)
    mean = rng.normal(size=graph.mask.shape) * np.where(truth.mask, 1.0, 0.15)
    spread = np.where(truth.mask, 2.0, 0.8)

    def a_set() -> EdgeScores:
        per_prompt = mean + spread * rng.normal(size=(n, *mean.shape))
        return EdgeScores(graph, per_prompt.mean(axis=0), per_prompt=per_prompt)

    target = np.mean([score_roc(a_set(), truth).auc for _ in range(500)])
    found = [bootstrap(a_set(), truth, draws=100) for _ in range(sets)]
    covered = sum(one is not None and one.auc[0] <= target <= one.auc[1] for one in found)
    assert 0.88 <= covered / sets <= 0.985


def test_means_that_a_run_holds_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(0)
    truth = random_circuit(GRAPH, 4)
    per_prompt = rng.normal(size=(9, *GRAPH.mask.shape)) + truth.mask
    drawn = [rng.integers(0, 9, size=9) for _ in range(40)]
    resampled = np.stack([per_prompt[rows].mean(axis=0) for rows in drawn])
    scores = EdgeScores(GRAPH, per_prompt.mean(axis=0), resampled=resampled, n_prompts=9)
    found = bootstrap(scores, truth)
    js = [score_roc(EdgeScores(GRAPH, means), truth).youden for means in resampled]
    low, middle, high = np.quantile(js, [0.025, 0.5, 0.975])
    here = score_roc(scores, truth).youden
    assert found is not None
    assert found.draws == 40
    assert found.youden == pytest.approx((here + low - middle, min(1.0, here + high - middle)))
    with pytest.raises(ScoreError, match="means of the signed score"):
        bootstrap(scores, truth, by="mean-abs")


def test_intervals_need_prompts() -> None:
    truth = random_circuit(GRAPH, 2)
    with pytest.raises(ScoreError, match="--bootstrap or --per-prompt"):
        bootstrap(random_scores(GRAPH, 2), truth)
    one = EdgeScores(GRAPH, np.ones(GRAPH.mask.shape), per_prompt=np.ones((1, *GRAPH.mask.shape)))
    assert bootstrap(one, truth) is None
