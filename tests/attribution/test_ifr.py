"""Information flow routes: against the definition on a brute-force transformer, position by position."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.transformer import run
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from tiny import EXACT_FAMILIES, FAMILIES, prompts

PROMPTS = prompts(5, seed=6)


@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "gpt-neox-parallel", "lens-attention-only"])
def test_every_edge_for_every_prompt(family: str) -> None:
    module = FAMILIES[family]()
    model = from_hf(module)
    exists = oracle.edge_mask(model)
    scores = score_edges(
        load_model(module), PROMPTS, method="ifr", conditions=Conditions(batch_size=3), per_prompt=True
    )
    assert scores.per_prompt is not None
    for row, pair in enumerate(PROMPTS):
        with torch.no_grad():
            result = run(model, torch.tensor([pair.clean]))
        for column, destination in enumerate(model.destinations):
            positions = pair.positions if destination == "logits" else range(len(pair.clean))
            feeding = [i for i, _ in enumerate(model.sources) if exists[i, column]]
            shares = []
            for at in positions:
                read = result.inputs[destination][0, at]
                written = [result.outputs[model.sources[i]][0, at] for i in feeding]
                prox = np.array([max(float(read.norm(1) - (read - one).norm(1)), 1e-5) for one in written])
                shares.append(prox / prox.sum())
            expected = np.mean(shares, 0)
            allowed = 1e-10 if family in EXACT_FAMILIES else 1e-5
            assert np.abs(scores.per_prompt[row, feeding, column] - expected).max() < allowed
