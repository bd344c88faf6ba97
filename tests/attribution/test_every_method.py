"""What holds for every attribution method: scores depend on model and prompts alone, and the model stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgewise.attribution import METHODS, attribute, score_edges
from edgewise.errors import EdgewiseError, UnsupportedModelError
from edgewise.metrics import MetricBatch
from edgewise.models import Model, load_model
from edgewise.settings.conditions import Conditions
from edgewise.tasks.prompts import PromptSet
from tiny import FAMILIES, gpt2, llama, prompts
from tiny_families import CASES, WINDOW, tiny
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

PROMPTS = prompts(4, seed=1)
FEW: dict[str, dict[str, Any]] = {"eap-ig-activations": {"steps": 1}, "eap-ig-inputs": {"steps": 2}}
"""Settings that keep a method short."""
OTHERS = [name for name in METHODS if name != "eap"]
EVERY = pytest.mark.parametrize("method", OTHERS)
SHAPES: dict[str, Callable[..., nn.Module]] = {
    "gpt2": partial(gpt2, n_layer=2),
    "llama": partial(llama, num_hidden_layers=2),
    "both directions": FAMILIES["lens-bidirectional-without-norms"],
}
DIFFERENT = ("eap-ig-inputs", "clean-corrupted", "eap-secant", "relp", "gim", "atp-star", "ifr")
"""Those that ask something of a model that no other does."""
WITHOUT_RELP = ("GptOssForCausalLM", "Qwen2MoeForCausalLM")
"""Their experts are gated by functions that are not zero at zero."""
MESSAGE = "the test stops here"
Values = NDArray[np.floating]


@cache
def shaped(family: str) -> Model:
    return load_model(SHAPES[family]())


def per_prompt(family: str, method: str, pairs: PromptSet, batch_size: int) -> Values:
    scores = score_edges(
        shaped(family),
        pairs,
        method=method,
        settings=FEW.get(method),
        metric="logit-diff",
        conditions=Conditions(batch_size=batch_size),
        per_prompt=True,
    )
    assert scores.per_prompt is not None
    return scores.per_prompt


def error(ours: Values, theirs: Values) -> float:
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    return float(np.nanmax(np.abs(ours - theirs)) / np.nanmax(np.abs(theirs)))


@pytest.mark.parametrize(
    ("family", "method"),
    [
        *(("gpt2", method) for method in OTHERS),
        *(("llama", method) for method in ("secant", *DIFFERENT)),
        *(("both directions", method) for method in ("eap-ig-inputs", "secant", "ifr")),
    ],
)
def test_batches_padding_and_order_change_nothing(family: str, method: str) -> None:
    """Prompts of many lengths and first differences: alone, all together, and in another order."""
    alone = np.concatenate([per_prompt(family, method, PROMPTS[i : i + 1], 1) for i in range(len(PROMPTS))])
    rounding = 1e-5 if family.startswith("llama") else 1e-10
    assert error(per_prompt(family, method, PROMPTS, len(PROMPTS)), alone) <= rounding
    order = np.array([3, 0, 2, 1])
    shuffled = replace(PROMPTS, pairs=tuple(PROMPTS.pairs[i] for i in order))
    assert error(per_prompt(family, method, shuffled, 3), alone[order]) <= rounding


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


def interrupted(call: int) -> Callable[..., None]:
    calls: list[int] = []

    def interrupt(*_: object) -> None:
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt(MESSAGE)

    return interrupt


def prepared(family: str) -> nn.Module:
    """A model with half of its parameters frozen, and with a gradient of the user's own."""
    module = SHAPES[family]()
    parameters = list(module.parameters())
    for parameter in parameters[::2]:
        parameter.requires_grad_(False)
    parameters[1].grad = torch.ones_like(parameters[1])
    return module


@EVERY
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_model_is_untouched_also_by_what_fails(family: str, method: str) -> None:
    module = prepared(family)
    model = load_model(module)
    with leaves_no_trace(module):
        score_edges(model, PROMPTS, method=method, settings=FEW.get(method), conditions=Conditions(batch_size=3))
    if method != "ifr":
        with leaves_no_trace(module), pytest.raises((RuntimeError, EdgewiseError), match=MESSAGE):
            score_edges(model, PROMPTS, method=method, settings=FEW.get(method), metric=fails_backwards)
    mlps = [m for name, m in module.named_modules() if name.endswith(".mlp")]
    for call in (1, 2):
        handle = mlps[1].register_forward_hook(interrupted(call))
        with leaves_no_trace(module), pytest.raises(KeyboardInterrupt, match=MESSAGE):
            score_edges(model, PROMPTS, method=method, settings=FEW.get(method), conditions=Conditions(batch_size=2))
        handle.remove()


@pytest.mark.parametrize("method", [name for name in OTHERS if name != "ifr"])
def test_prompts_that_do_not_differ_score_nothing(method: str) -> None:
    same = replace(PROMPTS, pairs=tuple(replace(pair, corrupted=pair.clean) for pair in PROMPTS))
    assert np.nanmax(np.abs(per_prompt("gpt2", method, same, 3))) < 1e-12


@pytest.mark.parametrize("case", CASES)
def test_every_family(case: str) -> None:
    """Finite scores, or a refusal that names what is not understood."""
    module = tiny(case)
    with torch.no_grad():
        module(input_ids=torch.zeros(1, WINDOW + 3, dtype=torch.long))
    model, pairs = load_model(module), prompts(2, seed=4, min_length=WINDOW + 1, max_length=WINDOW + 2)
    for method in DIFFERENT:
        with leaves_no_trace(module):
            if method == "relp" and CASES[case][0] in WITHOUT_RELP:
                with pytest.raises(UnsupportedModelError, match="method 'relp' has no rule for torch's"):
                    score_edges(model, pairs, method=method)
                continue
            scores = score_edges(model, pairs, method=method, settings=FEW.get(method), metric="logit-diff")
            assert np.isfinite(scores.values[model.graph.mask]).all()
            assert np.abs(scores.values[model.graph.mask]).max() > 0


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_types_rank_edges_alike(method: str, dtype: torch.dtype) -> None:
    def values(kind: torch.dtype) -> Values:
        model = load_model(SHAPES["gpt2"](dtype=kind))
        scores = score_edges(model, PROMPTS, method=method, settings=FEW.get(method), metric="logit-diff")
        return scores.values[model.graph.mask]

    apart = np.corrcoef(values(dtype), values(torch.float64))[0, 1]
    assert 1 - apart < (1e-8 if dtype == torch.float32 else 5e-2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", SHAPES)
def test_how_far_a_micro_batch_is_moves_and_changes_nothing(family: str, method: str) -> None:
    """More than one step for each layer, from nothing to about the whole micro-batch, and the same bits."""
    told: list[float] = []
    model = shaped(family)
    watching = Conditions(batch_size=4, during=told.append)
    asked: dict[str, Any] = {"method": method, "settings": FEW.get(method), "metric": "logit-diff", "per_prompt": True}
    with leaves_no_trace(model.module):
        states = list(attribute(model, PROMPTS, conditions=watching, **asked))
    watched = states[-1].scores().per_prompt
    assert watched is not None
    assert np.array_equal(watched, per_prompt(family, method, PROMPTS, 4), equal_nan=True)
    assert len(told) > model.graph.spec.n_layers * len(states)
    begun = [0, *(place for place in range(1, len(told)) if told[place] < told[place - 1])]
    assert len(begun) == len(states)
    ends = [told[place - 1] for place in (*begun[1:], len(told))]
    done = np.diff([0, *(state.done for state in states)])
    assert np.all(ends > 0.6 * done)
    assert np.all(ends <= done)
