"""Edges kept apart by reader: finite differences of the very patch, exact runs, and sums that are the scores by place.

The brute-force transformer makes every query keys and values of its own.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.transformer import Patch, run
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample
from edgewise.errors import SettingError
from edgewise.graph import EdgeScores, Graph
from edgewise.models import Model, load_model
from edgewise.search import score_edges
from edgewise.tasks.prompts import PromptPair, PromptSet
from located import located
from tiny import FAMILIES

PLAIN, PROMPTS = located(4), located(4, readers=True)
FAMILY = pytest.mark.parametrize("family", ["gpt2", "lens-bidirectional-without-norms", "lens-rotary-gated-grouped"])
STEP = 1e-4


@cache
def model(family: str) -> Model:
    return load_model(FAMILIES[family]())


@cache
def scores(family: str, prompts: PromptSet = PROMPTS) -> EdgeScores:
    found = score_edges(model(family), prompts, method="eap", metric="logit-diff", per_prompt=True)
    assert isinstance(found, EdgeScores)
    return found


def some_edges(graph: Graph, every: int, moved: bool = True) -> list[tuple[int, ...]]:
    """Edges into keys and values, or others, all over the graph."""
    return [tuple(at) for at in np.argwhere(graph.mask).tolist() if graph.moved[at[1]] == moved][::every]


def by_position(masks: Tensor, pair: PromptPair) -> Tensor:
    """Masks by place and reader as masks by position and reading position."""
    assert pair.located is not None
    at = torch.tensor(pair.located.at)
    return masks.double()[..., at, :][..., at]


def logits_of(family: str, pair: PromptPair, masks: Tensor) -> Tensor:
    """Brute force: logits of a prompt with the edges of each mask patched."""
    twin = from_hf(FAMILIES[family]())
    with torch.no_grad():
        corrupted = run(twin, torch.tensor([pair.corrupted]))
        rows = torch.tensor([pair.clean]).expand(len(masks), -1)
        return run(twin, rows, Patch(by_position(masks, pair), corrupted.outputs)).logits[:, list(pair.positions)]


@FAMILY
def test_a_score_is_the_slope_of_the_patch_that_one_reader_sees(family: str) -> None:
    found = scores(family)
    assert found.per_prompt is not None
    largest = float(np.nanmax(np.abs(found.per_prompt)))
    edges = (*some_edges(found.graph, 97), *some_edges(found.graph, 211, moved=False))
    masks = torch.zeros(2 * len(edges), *found.graph.mask.shape, dtype=torch.float64)
    for number, edge in enumerate(edges):
        masks[2 * number][edge], masks[2 * number + 1][edge] = STEP, -STEP
    for pair, of_prompt in zip(PROMPTS, found.per_prompt, strict=True):
        up, down = oracle.logit_diff(logits_of(family, pair, masks), pair).unflatten(0, (-1, 2)).unbind(1)
        slopes = ((up - down) / (2 * STEP)).numpy()
        assert np.abs(slopes - [of_prompt[edge] for edge in edges]).max() <= 1e-6 * largest


@FAMILY
def test_readers_add_up_to_the_scores_by_place(family: str) -> None:
    found, by_place = scores(family), scores(family, PLAIN)
    largest = np.nanmax(np.abs(by_place.values))
    assert found.by_place.graph == by_place.graph
    assert np.nanmax(np.abs(found.by_place.values - by_place.values)) <= 1e-12 * largest
    assert np.nanmax(np.abs(found.plain.values - by_place.plain.values)) <= 1e-12 * largest
    # In a causal model nothing is read before it stands there: the first place hears of no later one.
    later = found.values[:, found.graph.moved][..., 1, 0]
    read = found.values[:, found.graph.moved][..., 0, 1]
    assert np.nanmax(np.abs(read)) > 1e-3 * largest
    assert (np.nanmax(np.abs(later)) == 0) == model(family).wiring.causal


@FAMILY
def test_one_edge_shown_to_one_reader(family: str) -> None:
    found = model(family)
    graph = scores(family).graph
    pairs = PROMPTS.pairs if found.wiring.causal else PROMPTS.pairs[:1]
    baseline = resample(found, Batch.of(pairs, found.device, causal=found.wiring.causal))
    patches = SinglePatches(found, baseline)
    for edge in (*some_edges(graph, 131), *some_edges(graph, 211, moved=False)):
        mask = torch.zeros(1, *graph.mask.shape, dtype=torch.bool)
        mask[0][edge] = True
        (alone,) = patches.edges([edge])
        reads = len(pairs[0].positions)
        assert (alone[0, :reads] - logits_of(family, pairs[0], mask)[0]).abs().max() <= 1e-10, graph.edge_name(*edge)
        assert (alone - patched_logits(found, baseline, mask)[0]).abs().max() <= 1e-10, graph.edge_name(*edge)


@FAMILY
@pytest.mark.parametrize("density", [0.03, 0.5, 0.97])
def test_masks_by_reader(family: str, density: float) -> None:
    found = model(family)
    graph = scores(family).graph
    pairs = PROMPTS.pairs if found.wiring.causal else PROMPTS.pairs[:1]
    rng = torch.Generator().manual_seed(5)
    masks = (torch.rand(2, *graph.mask.shape, generator=rng) < density) & torch.tensor(graph.mask)
    logits = patched_logits(found, resample(found, Batch.of(pairs, found.device, causal=found.wiring.causal)), masks)
    for row, pair in enumerate(pairs):
        expected = logits_of(family, pair, masks)
        assert (logits[:, row, : len(pair.positions)] - expected).abs().max() <= 1e-10


@pytest.mark.parametrize("method", ["secant", "eap-ig-inputs"])
def test_methods_that_know_no_readers_refuse(method: str) -> None:
    with pytest.raises(SettingError, match="not kept apart by reader; leave --readers out, or take eap"):
        score_edges(model("gpt2"), PROMPTS, method=method)
