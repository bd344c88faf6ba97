"""Scoring leaves the model as it was: also when the metric, the backward pass or the model itself fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from edgewise.attribution import attribute
from edgewise.errors import EdgewiseError
from edgewise.metrics import MetricBatch
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from tiny import FAMILIES, prompts
from traces import leaves_no_trace

PROMPTS = prompts(5, seed=3)
SHAPES = ["gpt2", "llama-grouped", "gpt-neox-parallel", "lens-shortformer-folded"]
MESSAGE = "the test stops here"
OwnMetric = Callable[[Tensor, MetricBatch], Tensor]


def prepared(family: str, attention: str = "sdpa") -> nn.Module:
    """A model with half of its parameters frozen, and with a gradient and a hook of the user's own."""
    model = FAMILIES[family](attention=attention)
    parameters = list(model.parameters())
    for parameter in parameters[::2]:
        parameter.requires_grad_(False)
    parameters[1].grad = torch.ones_like(parameters[1])
    embedding = next(module for module in model.modules() if isinstance(module, nn.Embedding))
    embedding.register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize("level", ["edge", "node"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("family", SHAPES)
def test_after_success(family: str, attention: str, level: Literal["edge", "node"]) -> None:
    module = prepared(family, attention)
    with leaves_no_trace(module):
        score_edges(
            load_model(module),
            PROMPTS,
            metric="logit-diff",
            conditions=Conditions(batch_size=2),
            level=level,
            method="eap",
        )


@pytest.mark.parametrize("all_frozen", [True, False])
def test_no_gradient_reaches_a_parameter(all_frozen: bool) -> None:
    module = FAMILIES["gpt2"]().requires_grad_(not all_frozen)
    with leaves_no_trace(module):
        score_edges(load_model(module), PROMPTS, metric="logit-diff", conditions=Conditions(batch_size=2), method="eap")
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(parameter.requires_grad is not all_frozen for parameter in module.parameters())


@pytest.mark.parametrize("family", SHAPES)
def test_between_two_batches_and_after_stopping_there(family: str) -> None:
    module = prepared(family)
    with leaves_no_trace(module):
        states = attribute(
            load_model(module), PROMPTS, metric="logit-diff", conditions=Conditions(batch_size=2), method="eap"
        )
        with leaves_no_trace(module):
            assert next(states).done == 2
        del states


class _FailsBackwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        raise RuntimeError(MESSAGE)


def fails_backwards(logits: Tensor, batch: MetricBatch) -> Tensor:
    total: Tensor = _FailsBackwards.apply(logits)  # type: ignore[no-untyped-call]
    return total.sum((1, 2))


def fails_on_call(number: int) -> OwnMetric:
    calls: list[int] = []

    def metric(logits: Tensor, batch: MetricBatch) -> Tensor:
        calls.append(1)
        if len(calls) == number:
            raise RuntimeError(MESSAGE)
        return logits[..., 0].sum(1)

    return metric


@pytest.mark.parametrize("family", SHAPES)
@pytest.mark.parametrize(
    "metric",
    [lambda: fails_on_call(1), lambda: fails_on_call(2), lambda: fails_backwards],
    ids=["at once", "at its second call", "in the backward pass"],
)
def test_after_a_metric_that_fails(family: str, metric: Callable[[], OwnMetric]) -> None:
    module = prepared(family)
    with leaves_no_trace(module), pytest.raises((RuntimeError, EdgewiseError), match=MESSAGE):
        score_edges(load_model(module), PROMPTS, metric=metric(), conditions=Conditions(batch_size=2), method="eap")


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("family", SHAPES)
def test_after_a_model_that_fails(family: str, call: int) -> None:
    """The second MLP raises in its first, second or third run; so does an interrupt from the keyboard."""
    module, calls = prepared(family), []

    def interrupt(*_: object) -> None:
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt(MESSAGE)

    model = load_model(module)
    mlps = [m for name, m in module.named_modules() if name.endswith(".mlp")]
    assert isinstance(mlps[1], nn.Module)
    mlps[1].register_forward_hook(interrupt)
    with leaves_no_trace(module), pytest.raises(KeyboardInterrupt, match=MESSAGE):
        score_edges(model, PROMPTS, metric="logit-diff", conditions=Conditions(batch_size=2), method="eap")


def test_after_a_metric_of_the_wrong_shape() -> None:
    module = prepared("gpt2")
    with leaves_no_trace(module), pytest.raises(EdgewiseError, match=r"shape"):
        score_edges(
            load_model(module),
            PROMPTS,
            metric=lambda logits, batch: logits[:, 0],
            conditions=Conditions(batch_size=2),
            method="eap",
        )
