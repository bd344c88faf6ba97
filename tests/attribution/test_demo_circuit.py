"""The edges that EAP finds for IOI in the demo model keep the behaviour; the brute-force transformer is the judge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bruteforce.from_hf import from_hf
from bruteforce.scores import edge_mask, logit_diff, patched_metric
from edgewise import Circuit, load_model, make_task, score_edges, top_n
from edgewise.models import Model

pytestmark = pytest.mark.slow

KEPT = 100


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("demo", dtype="float64")


def faithfulness(model: Model, circuits: list[Circuit]) -> list[float]:
    """(m(circuit) - m(empty)) / (m(full) - m(empty)) of each circuit on held-out prompts, all other edges patched."""
    twin = from_hf(model.module)
    exists = edge_mask(twin).double()
    kept = [torch.zeros_like(exists), torch.ones_like(exists), *(torch.tensor(c.mask).double() for c in circuits)]
    masks = torch.stack([exists * (1 - keep) for keep in kept])
    prompts = make_task("ioi", model, n=30, split="held-out")
    means = torch.stack([patched_metric(twin, pair, logit_diff, masks) for pair in prompts]).mean(0)
    return ((means[2:] - means[0]) / (means[1] - means[0])).tolist()


def test_the_top_edges_keep_the_behaviour_and_as_many_random_ones_do_not(model: Model) -> None:
    found = top_n(score_edges(model, make_task("ioi", model, n=100), method="eap"), KEPT)
    draw, edges = np.random.default_rng(0), np.argwhere(model.graph.mask)
    random = []
    for _ in range(3):
        mask = np.zeros_like(model.graph.mask)
        mask[tuple(draw.permutation(edges)[:KEPT].T)] = True
        random.append(Circuit(model.graph, mask))
    ours, *others = faithfulness(model, [found, *random])
    assert ours > 0.8
    assert max(others) < 0.2
