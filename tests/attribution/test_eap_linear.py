"""Where the model is linear in what patching changes, EAP is not an estimate: it is the exact effect.

The three families are made linear with their own settings and weights: MLPs with a linear activation (Llama:
a gate that is a constant), attention whose queries and keys are biases alone (patterns depend on positions
only), and norms whose epsilon is 1e18 with gains of 1e9, so that they divide by a constant to 12 digits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.tasks.prompts import PromptPair
from tiny import gpt2, gpt_neox, llama, prompts

pytestmark = pytest.mark.slow

PROMPTS = prompts(3, seed=2)
EPSILON = 1e18


def linear_gpt2() -> PreTrainedModel:
    model = gpt2(activation_function="linear", layer_norm_epsilon=EPSILON)
    with torch.no_grad():
        for block in model.transformer.h:
            block.attn.c_attn.weight[:, : 2 * 32] = 0
    return _gains_that_undo_epsilon(model)


def linear_llama() -> PreTrainedModel:
    model = llama(attention_bias=True, mlp_bias=True, rms_norm_eps=EPSILON)
    with torch.no_grad():
        for block in model.model.layers:
            for projection in (block.self_attn.q_proj, block.self_attn.k_proj, block.mlp.gate_proj):
                projection.weight.zero_()
                projection.bias += 1
    return _gains_that_undo_epsilon(model)


def linear_gpt_neox() -> PreTrainedModel:
    model = gpt_neox(hidden_act="linear", layer_norm_eps=EPSILON)
    with torch.no_grad():
        for block in model.gpt_neox.layers:
            # [head, q k v, d_head, d_model]
            block.attention.query_key_value.weight.view(4, 3, 8, 32)[:, :2] = 0
    return _gains_that_undo_epsilon(model)


def _gains_that_undo_epsilon(model: PreTrainedModel) -> PreTrainedModel:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1 and name.endswith("weight"):
                parameter.mul_(EPSILON**0.5)
    return model


LINEAR: dict[str, tuple[Callable[[], PreTrainedModel], float]] = {
    "gpt2": (linear_gpt2, 1e-9),
    "llama": (linear_llama, 1e-5),
    "gpt-neox": (linear_gpt_neox, 1e-5),
}


@pytest.mark.parametrize("family", LINEAR)
def test_every_score_is_the_edges_exact_effect(family: str) -> None:
    build, allowed = LINEAR[family]
    module = build()
    exact = oracle.exact_effects(from_hf(module), PROMPTS, oracle.logit_diff).mean(0).numpy()
    scores = score_edges(load_model(module), PROMPTS, metric="logit-diff", method="eap")
    assert np.nanmax(np.abs(scores.values - exact)) <= allowed * np.nanmax(np.abs(exact))
    # Not vacuous: exactly the edges into queries and keys do nothing.
    idle = np.array([name.endswith(("<q>", "<k>")) for name in scores.graph.destinations])
    assert np.nanmax(np.abs(exact[:, idle])) <= 1e-10 * np.nanmax(np.abs(exact))
    assert np.nanmin(np.abs(exact[:, ~idle])) > 0


def metric_of(module: PreTrainedModel, ids: tuple[int, ...], pair: PromptPair) -> float:
    with torch.no_grad():
        logits = module(torch.tensor([ids])).logits[0]
    return oracle.logit_diff(logits[list(pair.positions)], pair).item()


@pytest.mark.parametrize("family", LINEAR)
def test_cuts_through_the_graph_carry_the_whole_difference(family: str) -> None:
    """The edges into `logits`, and those out of `input`, each add up to L(corrupted) - L(clean)."""
    build, allowed = LINEAR[family]
    module = build()
    change = np.array([metric_of(module, p.corrupted, p) - metric_of(module, p.clean, p) for p in PROMPTS])
    per_prompt = score_edges(load_model(module), PROMPTS, metric="logit-diff", per_prompt=True, method="eap").per_prompt
    assert per_prompt is not None
    for cut in (per_prompt[:, :, -1], per_prompt[:, 0, :]):
        assert np.abs(cut.sum(-1) - change).max() <= allowed * np.abs(change).max()
