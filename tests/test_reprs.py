"""What a value says of itself in a terminal fits there: no arrays, no modules, no lists of ids."""

from __future__ import annotations

import pytest

import tiny
from edgewise import agreement, evaluate_circuit, get_metric, load_model, score_edges, top_n
from edgewise.graph import EdgeScores
from edgewise.metrics import MetricBatch

MOST = 200


@pytest.fixture(scope="module")
def values() -> dict[str, object]:
    """What a session in memory makes, one of each."""
    model, prompts = load_model(tiny.gpt2()), tiny.prompts(3)
    scores = score_edges(model, prompts, method="eap", per_prompt=True)
    assert isinstance(scores, EdgeScores)
    circuit = top_n(scores, 9)
    evaluation = evaluate_circuit(model, prompts, circuit, scores=scores)
    return {
        "model": model,
        "reader": model.reader,
        "wiring": model.wiring,
        "graph": model.graph,
        "prompts": prompts,
        "batch": MetricBatch.from_pairs(list(prompts)),
        "metric": get_metric("logit-diff"),
        "scores": scores,
        "of nodes": score_edges(model, prompts, method="eap", level="node"),
        "best": scores.top(2),
        "circuit": circuit,
        "evaluation": evaluation,
        "agreement": agreement(scores, scores, k=5),
    }


def test_every_one_is_short(values: dict[str, object]) -> None:
    said = {name: repr(value) for name, value in values.items()}
    assert {name: text for name, text in said.items() if len(text) > MOST} == {}
    assert not [name for name, text in said.items() if any(sign in text for sign in ("array(", "tensor(", "(\n"))]


def test_what_counts_is_said(values: dict[str, object]) -> None:
    said = {name: repr(value) for name, value in values.items()}
    assert said["scores"].startswith("EdgeScores(262 edges, 3 prompts, largest ")
    assert said["circuit"].startswith("Circuit(9 of 262 edges, ")
    assert said["model"].startswith("Model(")
    assert "GPT2LMHeadModel, 262 edges, float64 on cpu" in said["model"]
    assert said["evaluation"].startswith("Evaluation(9 of 262 edges, faithfulness ")
    assert said["agreement"] == "Agreement(262 of 262 measured: R2 1.000, Spearman 1.000, same sign 1.000)"
    assert said["prompts"].startswith("PromptSet('")
