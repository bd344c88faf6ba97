"""Patched runs whose masks differ from place to place equal the brute-force transformer's, edge by edge."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from bruteforce.from_hf import from_hf
from bruteforce.transformer import Patch, run
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import by_mean, mean_outputs, resample, zero
from edgewise.graph import Graph
from edgewise.models import Model, load_model
from located import located
from tiny import FAMILIES

PROMPTS = located()
FAMILY = pytest.mark.parametrize("family", ["gpt2", "lens-bidirectional-without-norms", "lens-rotary-gated-grouped"])
DENSITIES = (0.03, 0.5, 0.97)


@cache
def model(family: str) -> Model:
    return load_model(FAMILIES[family]())


def batch_of(found: Model) -> Batch:
    """All prompts; of a model that sees both ways those of one length, which it needs."""
    pairs = PROMPTS.pairs if found.wiring.causal else [pair for pair in PROMPTS if len(pair) == len(PROMPTS[0])]
    return Batch.of(pairs, found.device, causal=found.wiring.causal)


def graph_of(found: Model) -> Graph:
    return found.graph.at_places(("first", "then", "rest"))


def drawn(graph: Graph, density: float, n: int = 3) -> Tensor:
    rng = torch.Generator().manual_seed(3)
    return (torch.rand(n, *graph.mask.shape, generator=rng) < density) & torch.tensor(graph.mask)


def expected(family: str, masks: Tensor, row: int) -> Tensor:
    """Logits of one prompt with the edges of each mask patched, position by position."""
    twin, pair = from_hf(FAMILIES[family]()), PROMPTS[row]
    assert pair.located is not None
    by_position = masks.double()[..., torch.tensor(pair.located.at)]
    with torch.no_grad():
        corrupted = run(twin, torch.tensor([pair.corrupted]))
        rows = torch.tensor([pair.clean]).expand(len(masks), -1)
        return run(twin, rows, Patch(by_position, corrupted.outputs)).logits[:, list(pair.positions)]


@FAMILY
@pytest.mark.parametrize("density", DENSITIES)
def test_masks_by_place_patch_each_token_by_the_mask_of_its_place(family: str, density: float) -> None:
    found = model(family)
    masks = drawn(graph_of(found), density)
    batch = batch_of(found)
    logits = patched_logits(found, resample(found, batch), masks)
    for row in range(batch.n_rows):
        reads = len(PROMPTS[row].positions)
        assert (logits[:, row, :reads] - expected(family, masks, row)).abs().max() <= 1e-10


@FAMILY
def test_one_edge_at_one_place(family: str) -> None:
    found = model(family)
    graph, baseline = graph_of(found), resample(found, batch_of(found))
    patches = SinglePatches(found, baseline)
    for edge in map(tuple, np.argwhere(graph.mask).tolist()[::61]):
        mask = torch.zeros(1, *graph.mask.shape, dtype=torch.bool)
        mask[0][edge] = True
        (alone,) = patches.edges([edge])
        assert (alone - patched_logits(found, baseline, mask)[0]).abs().max() <= 1e-10, graph.edge_name(*edge)
        reads = len(PROMPTS[0].positions)
        assert (alone[0, :reads] - expected(family, mask, 0)[0]).abs().max() <= 1e-10, graph.edge_name(*edge)


@FAMILY
def test_a_mask_that_is_the_same_at_every_place_is_a_plain_mask(family: str) -> None:
    found = model(family)
    masks = drawn(found.graph, 0.4)
    batch = batch_of(found)
    mean = mean_outputs(found, [batch])
    for baseline in (resample(found, batch), zero(found, batch), by_mean(found, batch, mean)):
        plain = patched_logits(found, baseline, masks)
        apart = patched_logits(found, baseline, masks[..., None].expand(*masks.shape, 3))
        assert (apart - plain).abs().max() <= 1e-12 * plain.abs().max()


def test_masks_by_place_need_prompts_with_as_many_places() -> None:
    found = model("gpt2")
    baseline = resample(found, batch_of(found))
    with pytest.raises(ValueError, match="as many places"):
        patched_logits(found, baseline, drawn(found.graph.at_places(("one", "two")), 0.5))


@pytest.mark.parametrize("family", ["gpt2", "lens-rotary-gated-grouped"])
def test_the_slope_by_a_mask_at_a_place_is_the_brute_force_transformers(family: str) -> None:
    """Of shares between 0 and 1, two masks at a time; every entry, whether it is of an edge that matters or not."""
    found, graph = model(family), graph_of(model(family))
    shares = torch.rand(2, *graph.mask.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    ours = (shares * torch.tensor(graph.mask)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    batch = batch_of(found)
    logits = patched_logits(found, resample(found, batch), ours)
    twin, pair = from_hf(FAMILIES[family]()), PROMPTS[0]
    assert pair.located is not None
    reads, vocabulary = list(pair.positions), logits.shape[-1]
    weights = torch.randn(len(reads), vocabulary, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    corrupted = {name: out.detach() for name, out in run(twin, torch.tensor([pair.corrupted])).outputs.items()}
    rows = torch.tensor([pair.clean]).expand(2, -1)
    expected = run(twin, rows, Patch(theirs[..., torch.tensor(pair.located.at)], corrupted)).logits[:, reads]
    assert (logits[:, 0, : len(reads)] - expected).abs().max() <= 1e-10
    (logits[:, 0, : len(reads)] * weights).sum().backward()
    (expected * weights).sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    exists = torch.tensor(graph.mask)
    worst = ((ours.grad - theirs.grad) * exists).abs().max() / theirs.grad.abs().max()
    assert worst <= 1e-10


def test_masks_by_reader_have_no_slope() -> None:
    found = model("gpt2")
    masks = torch.zeros(1, *found.graph.at_places(("first", "then", "rest"), readers=True).mask.shape)
    with pytest.raises(ValueError, match="by reader have no gradients"):
        patched_logits(found, resample(found, batch_of(found)), masks.requires_grad_())
