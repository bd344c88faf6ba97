"""EAP-IG's "activations": against a brute-force transformer whose module's outgoing edges are patched by a share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.transformer import Patch, Transformer, run
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from tiny import EXACT_FAMILIES, FAMILIES, prompts

pytestmark = pytest.mark.slow

PROMPTS = prompts(2, seed=11, max_length=6)
STEPS = 2


def modules(model: Transformer) -> list[list[int]]:
    """Rows of the sources that each module writes."""
    names = [name.split(".")[0] for name in model.sources]
    return [[i for i, name in enumerate(names) if name == one] for one in dict.fromkeys(names)]


def expected(model: Transformer, pair: PromptPair, reading: str) -> Tensor:
    clean, corrupted = oracle.clean_and_corrupted(model, pair)
    exists = oracle.edge_mask(model)
    scores = torch.where(exists, 0.0, float("nan")).double()
    every = modules(model)
    for rows in every:
        for k in range(1, STEPS + 1):
            mask = torch.zeros(exists.shape, dtype=torch.float64)
            mask[rows] = 1 - k / STEPS
            with torch.enable_grad():
                result = run(model, torch.tensor([pair.clean]), Patch(mask, corrupted.outputs))
                value = oracle.read(oracle.logit_diff, result, pair).sum()
            names = list(result.edges)
            found = torch.autograd.grad(value, [result.edges[name] for name in names])
            for (source, destination), gradient in zip(names, found, strict=True):
                at = model.sources.index(source), model.destinations.index(destination)
                weight = 1 / STEPS / len(every) if reading == "average" else float(at[0] in rows) / STEPS
                scores[at] += weight * ((corrupted.outputs[source] - clean.outputs[source].detach()) * gradient).sum()
    return scores


@pytest.mark.parametrize("reading", ["average", "source"])
@pytest.mark.parametrize("family", ["gpt2", "llama-grouped"])
def test_every_edge_for_every_prompt(family: str, reading: str) -> None:
    module = FAMILIES[family](**{"n_layer" if family == "gpt2" else "num_hidden_layers": 2})
    truth = torch.stack([expected(from_hf(module), pair, reading) for pair in PROMPTS]).numpy()
    ours = score_edges(
        load_model(module),
        PROMPTS,
        method="eap-ig-activations",
        settings={"steps": STEPS, "reading": reading},
        metric="logit-diff",
        conditions=Conditions(batch_size=2),
        per_prompt=True,
    ).per_prompt
    assert ours is not None
    assert np.array_equal(np.isnan(ours), np.isnan(truth))
    allowed = 1e-10 if family in EXACT_FAMILIES else 1e-5
    assert np.nanmax(np.abs(ours - truth)) <= allowed * np.nanmax(np.abs(truth))
