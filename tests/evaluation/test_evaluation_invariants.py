"""What holds for every circuit, on models whose circuit is known, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from edgewise import Circuit, EdgeScores, Evaluation, NodeScores, evaluate_circuit, load_model, make_task, top_nodes
from edgewise.errors import DataError, MetricError, ScoreError, SelectionError, SettingError, UnknownNameError
from edgewise.evaluation.ablation import ABLATIONS
from edgewise.evaluation.evaluate import Evaluator
from edgewise.evaluation.result import Measured
from edgewise.settings.conditions import Conditions
from edgewise.settings.evaluation import EvaluationRequest
from planted import effects, planted, prompts
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

ROWS = tiny.prompts(5, seed=3)
MODEL = load_model(tiny.gpt2())
GRAPH = MODEL.graph


def own_logits(ids: tuple[int, ...], positions: tuple[int, ...]) -> torch.Tensor:
    """Of the untouched module, at the positions read."""
    with torch.no_grad():
        return MODEL.module(torch.tensor([ids]), use_cache=False).logits[0, list(positions)]


def plain_metric(which: str) -> float:
    """The mean logit difference of the untouched module on the clean or the corrupted prompts."""
    values = []
    for pair in ROWS:
        logits = own_logits(getattr(pair, which), pair.positions)
        right, wrong = logits[:, list(pair.answers)].mean(1), logits[:, list(pair.wrong_answers)].mean(1)
        values.append(float((right - wrong).mean()))
    return float(np.mean(values))


def numbers(one: Measured) -> tuple[float | None, ...]:
    return (one.metric, one.stderr, one.kl, one.accuracy)


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_the_whole_model_and_no_edge(ablation: Any) -> None:
    whole = evaluate_circuit(MODEL, ROWS, Circuit.full(GRAPH), ablation=ablation)
    nothing = evaluate_circuit(MODEL, ROWS, Circuit.empty(GRAPH), ablation=ablation)
    shares = (whole.faithfulness, nothing.faithfulness, whole.completeness, nothing.completeness)
    assert shares == pytest.approx((1, 0, 0, 1), abs=1e-11)
    for same in (
        (whole.full, whole.circuit, nothing.full, nothing.complement),
        (whole.empty, whole.complement, nothing.empty, nothing.circuit),
    ):
        first, *others = map(numbers, same)
        assert others == [pytest.approx(first, abs=1e-11)] * 3
    assert whole.full.metric == pytest.approx(plain_metric("clean"), abs=1e-11)
    assert whole.full.kl == 0
    if ablation == "resample":
        assert whole.empty.metric == pytest.approx(plain_metric("corrupted"), abs=1e-11)


@pytest.mark.parametrize("seed", [3, 5, 11])
def test_a_planted_circuit_is_faithful_complete_and_minimal(seed: int) -> None:
    model, some = planted(seed), prompts(seed)
    assert model.circuit is not None
    found = evaluate_circuit(model, some, model.circuit, minimality=True)
    assert found.faithfulness == pytest.approx(1, abs=1e-4)
    assert found.completeness == pytest.approx(0, abs=1e-4)
    assert found.minimality is not None
    assert len(found.minimality) == model.circuit.n_edges
    assert min(abs(one.effect) for one in found.minimality) > 0.05


def test_planted_edges_are_the_best_the_curve_can_have() -> None:
    """Ranked by their exact effects, the planted edges come first, and the curve reaches 1 at their number."""
    model, some = planted(3), prompts(3)
    assert model.circuit is not None
    curve = evaluate_circuit(model, some, model.circuit, scores=EdgeScores(model.graph, effects(model, some))).curve
    assert curve is not None
    reached = [point.faithfulness for point in curve.points if point.edges >= model.circuit.n_edges]
    assert len(reached) >= 2
    assert reached == pytest.approx([1] * len(reached), abs=1e-4)
    assert curve.random_cmd is not None
    assert curve.cmd is not None
    assert curve.cmd < curve.random_cmd.least - 0.1


@pytest.mark.parametrize("batch_size", [1, 5])
def test_the_micro_batch_changes_nothing(batch_size: int) -> None:
    some = Circuit(GRAPH, GRAPH.mask & (np.random.default_rng(5).random(GRAPH.mask.shape) < 0.35))
    for ablation in ("resample", "mean", "mean-positional"):
        ours, whole = (
            evaluate_circuit(MODEL, ROWS, some, ablation=ablation, conditions=Conditions(batch_size=n))  # type: ignore[arg-type]
            for n in (batch_size, 3)
        )
        assert ours.circuit.metric == pytest.approx(whole.circuit.metric, abs=1e-11)
        assert ours.faithfulness_stderr == pytest.approx(whole.faithfulness_stderr, abs=1e-10)


def test_dangling_edges_count_and_nothing_is_pruned() -> None:
    dangling = Circuit.from_edges(GRAPH, ["a0.h1->m1"])
    with leaves_no_trace(MODEL.module):
        found = evaluate_circuit(MODEL, ROWS, dangling)
    assert found.circuit_edges == 1
    assert found.faithfulness == pytest.approx(0, abs=1e-12)


def test_kl_as_the_metric_falls_from_the_empty_circuit_to_the_whole_model() -> None:
    some = Circuit(GRAPH, GRAPH.mask & (np.random.default_rng(5).random(GRAPH.mask.shape) < 0.8))
    found = evaluate_circuit(MODEL, ROWS, some, metric="kl")
    assert found.full.metric == 0
    assert found.circuit.metric == found.circuit.kl
    assert found.faithfulness == pytest.approx(1 - found.circuit.kl / found.empty.kl)


def test_prompts_without_answers_have_no_accuracy() -> None:
    rows = [replace(pair, answers=(), wrong_answers=()) for pair in ROWS]
    found = evaluate_circuit(MODEL, rows, Circuit.full(GRAPH), metric="kl")
    assert found.full.accuracy is None
    with pytest.raises(DataError, match="rows 1, 2, 3, 4 and 5, answers: empty"):
        evaluate_circuit(MODEL, rows, Circuit.full(GRAPH))


def test_a_metric_that_patching_does_not_change_gives_null_and_one_warning() -> None:
    rows = [replace(pair, corrupted=pair.clean) for pair in ROWS]
    scores = EdgeScores(GRAPH, np.ones(GRAPH.mask.shape))
    found = evaluate_circuit(MODEL, rows, Circuit.full(GRAPH), scores=scores)
    assert found.faithfulness is found.faithfulness_stderr is found.completeness is None
    assert found.curve is not None
    assert found.curve.cpr is found.curve.cmd is found.curve.random_cpr is None
    assert [point.random for point in found.curve.points] == [None] * 10
    assert len(found.warnings) == 1
    assert "are undefined; use prompts" in found.warnings[0]


def test_node_scores_give_a_curve_over_nodes() -> None:
    scores = NodeScores(GRAPH, np.random.default_rng(0).normal(size=GRAPH.n_sources))
    found = evaluate_circuit(MODEL, ROWS, top_nodes(scores, 8), scores=scores)
    assert found.curve is not None
    assert found.curve.what == "nodes"
    assert [point.size for point in found.curve.points] == [0, 0, 0, 0, 0, 0, 1, 3, 8, 16]
    assert [point.edges for point in found.curve.points][-2:] == [found.circuit_edges, GRAPH.n_edges]
    assert found.curve.points[-2].faithfulness == pytest.approx(found.faithfulness)


def test_why_there_is_no_curve() -> None:
    def reason(**given: Any) -> str | None:
        found = evaluate_circuit(MODEL, ROWS[:2], Circuit.full(GRAPH), **given)
        assert found.curve is None
        return found.no_curve

    values = np.where(np.arange(GRAPH.n_destinations) == 3, np.nan, 1.0) * GRAPH.mask
    some = EdgeScores(GRAPH, values, allow_unscored=True)
    assert reason() == "there are no scores to rank edges by"
    assert reason(scores=some, curve=False) == "not asked for"
    assert reason(scores=some) == "1 of 262 edges have no score"


def other_graph() -> Circuit:
    return Circuit.full(load_model(tiny.gpt2(n_layer=2)).graph)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"ablation": "resampel"}, SettingError, "did you mean 'resample'"),
        ({"circuit": other_graph()}, SelectionError, "the circuit is of Graph"),
        ({"metric": "logit"}, UnknownNameError, "unknown metric 'logit'"),
        ({"prompts": []}, DataError, "no prompts"),
        ({"random": -1}, SettingError, "random is -1"),
    ],
)
def test_refusals(given: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"model": MODEL, "prompts": ROWS, "circuit": Circuit.full(GRAPH)} | given
    with pytest.raises(error, match=message):
        evaluate_circuit(**arguments)


def test_an_unfinished_state_has_no_result() -> None:
    evaluator = Evaluator(MODEL, ROWS, Circuit.full(GRAPH), EvaluationRequest())
    state = next(evaluator.states())
    assert not state.finished
    with pytest.raises(ScoreError, match="0 of 5 prompts are done"):
        evaluator.result(state)


def test_a_patched_run_that_is_not_finite_is_named() -> None:
    def broken(logits: torch.Tensor, batch: Any) -> torch.Tensor:
        value = logits[:, 0, 0]
        return torch.where((value - clean).abs() < 1e-9, value, torch.inf)

    pair = ROWS[:1]
    clean = own_logits(pair[0].clean, pair[0].positions)[:1, 0]
    with pytest.raises(ScoreError, match="'broken' of a prompt is not finite with the empty circuit kept"):
        evaluate_circuit(MODEL, pair, Circuit.full(GRAPH), metric=broken)


def test_metrics_that_lack_answers_are_refused() -> None:
    rows = [replace(pair, wrong_answers=()) for pair in ROWS]
    with pytest.raises(MetricError, match="needs wrong_answers"):
        evaluate_circuit(MODEL, rows, Circuit.full(GRAPH), metric="logit-diff")


def test_what_is_not_asked_for_is_none() -> None:
    found = evaluate_circuit(MODEL, ROWS, Circuit.full(GRAPH))
    assert isinstance(found, Evaluation)
    assert (found.circuit_edges, found.graph_edges) == (262, 262)
    assert found.curve is found.minimality is None


def test_held_out_prompts_of_a_task_are_others() -> None:
    model = planted(3)
    ours, theirs = (make_task("planted", model, n=20, split=split) for split in ("discovery", "held-out"))
    assert not {pair.clean for pair in ours} & {pair.clean for pair in theirs}
