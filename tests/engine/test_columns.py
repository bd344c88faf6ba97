"""Logits of a few tokens alone are those of the whole unembedding, and only a plain one is cut short."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from edgewise import load_model
from edgewise.engine.partial.incremental import RunningCircuit
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample
from tiny import FAMILIES, prompts

TOKENS = torch.tensor([[1, 4], [0, 3], [2, 2]])


def running(module: nn.Module) -> RunningCircuit:
    model = load_model(module)
    batch = Batch.of(list(prompts(3)), model.device)
    return RunningCircuit(model, resample(model, batch), TOKENS)


@pytest.mark.parametrize("family", ["gpt2", "lens-attention-only", "llama-grouped"])
def test_the_columns_of_a_plain_unembedding(family: str) -> None:
    circuit = running(FAMILIES[family]())
    assert circuit.narrowed
    expected = circuit.clean_logits.gather(-1, TOKENS[:, None].expand(-1, circuit.clean_logits.shape[1], -1))
    torch.testing.assert_close(circuit.logits, expected, rtol=1e-5, atol=1e-6)


def soft_capped(forward: Callable[..., Any], **inputs: Any) -> Any:
    out = forward(**inputs)
    out.logits = 30 * torch.tanh(out.logits / 30)
    return out


def double(_: nn.Module, __: object, out: torch.Tensor) -> torch.Tensor:
    return 2 * out


def test_what_is_more_than_a_product_is_run_as_it_is() -> None:
    capped = FAMILIES["gpt2"]()
    capped.forward = partial(soft_capped, capped.forward)
    assert not running(capped).narrowed, "its logits are capped, as Gemma 2's are"
    hooked = FAMILIES["gpt2"]()
    hooked.get_output_embeddings().register_forward_hook(double)
    assert not running(hooked).narrowed, "a hook of the user's doubles them"
