"""Per-head gradients are made a few prompts at a time; how many at a time changes no score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair


@pytest.mark.parametrize("at_once", [1, 12, 20])
def test_scores_do_not_depend_on_the_chunk(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    model = load_model(GPT2LMHeadModel(config).double().eval())
    ids = torch.randint(0, 20, (5, 2, 6)).tolist()
    pairs = [PromptPair(clean, corrupted, (1,), (2,)) for clean, corrupted in ids]
    alone = np.mean([score_edges(model, [pair], method="eap").values for pair in pairs], axis=0)
    monkeypatch.setattr("edgewise.engine.gradients.heads.gradient_tokens", lambda device: at_once)
    together = score_edges(model, pairs, conditions=Conditions(batch_size=5), method="eap").values
    assert np.nanmax(np.abs(together - alone)) <= 1e-12 * np.nanmax(np.abs(alone))
