"""Products put off until there are enough destinations for them give what each gives by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from edgewise.engine.gradients import narrow
from edgewise.engine.run import at_once
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair


# A layer has 7 destinations: an MLP and an attention, two layers, all when the backward pass is over.
@pytest.mark.parametrize("enough", [7, 10, 10_000])
@pytest.mark.parametrize("method", ["eap", "eap-ig-activations", "atp-star"])
def test_scores_do_not_depend_on_how_many_are_enough(monkeypatch: pytest.MonkeyPatch, method: str, enough: int) -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=3, n_head=2, bos_token_id=0, eos_token_id=0)
    model = load_model(GPT2LMHeadModel(config).double().eval())
    pairs = [PromptPair(clean, corrupted, (1,), (2,)) for clean, corrupted in torch.randint(0, 20, (5, 2, 6)).tolist()]
    monkeypatch.setattr("edgewise.engine.gradients.heads.gradient_tokens", lambda device: 12)
    conditions = Conditions(batch_size=4)
    monkeypatch.setattr(at_once, "NARROW", 0)
    alone = score_edges(model, pairs, conditions=conditions, method=method).values
    monkeypatch.setattr(at_once, "NARROW", 100)
    for module in (narrow, at_once):
        monkeypatch.setattr(module, "ENOUGH", enough)
    together = score_edges(model, pairs, conditions=conditions, method=method).values
    assert np.nanmax(np.abs(together - alone)) <= 1e-12 * np.nanmax(np.abs(alone))
