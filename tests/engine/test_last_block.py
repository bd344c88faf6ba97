"""The last block is evaluated where logits are read, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from edgewise.engine.run.answers import Answers
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from tiny import FAMILIES, prompts

PADDED = Answers(torch.tensor([[3, 3], [1, 4]]), torch.tensor([[True, False], [True, True]]))


def test_spread_puts_each_position_back_once() -> None:
    values = torch.arange(1.0, 5.0).reshape(2, 2, 1).requires_grad_()
    full = PADDED.spread(values, 5)
    assert full[..., 0].tolist() == [[0, 0, 0, 1, 0], [0, 3, 0, 0, 4]]
    full.sum().backward()
    assert values.grad[..., 0].tolist() == [[1, 0], [1, 1]]


def test_read_once_leaves_padding_out() -> None:
    x = torch.arange(10.0).reshape(2, 5, 1)
    assert PADDED.read(x)[..., 0].tolist() == [[3, 3], [6, 9]]
    assert PADDED.read_once(x)[..., 0].tolist() == [[3, 0], [6, 9]]


@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "gpt-neox-parallel"])
def test_the_last_mlp_sees_the_answers_alone(family: str) -> None:
    model = load_model(FAMILIES[family]())
    seen: dict[int, set[int]] = {}
    handles = [
        block.mlp.module.register_forward_hook(
            lambda _, __, out, layer=layer: seen.setdefault(layer, set()).add(out.shape[1])
        )
        for layer, block in enumerate(model.wiring.blocks)
    ]
    pairs = prompts(4, min_length=6, max_length=6, several_positions=False)
    score_edges(model, pairs, metric="logit-diff", conditions=Conditions(batch_size=4), method="eap")
    for handle in handles:
        handle.remove()
    assert seen == {0: {6}, 1: {6}, 2: {1}}
