"""Runs whose nodes keep a share of their own value: whole shares are circuits, and gradients are slopes."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from edgewise.engine.patching.nodes import corrupted_nodes, masked_logits
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample
from edgewise.models import Model, load_model
from node_hooks import mixed_logits
from tiny import EXACT_FAMILIES, FAMILIES, prompts
from tiny_families import CASES, tiny
from traces import leaves_no_trace

pytestmark = pytest.mark.slow


def batch_for(model: Model, first: int = 0) -> Batch:
    """Rows of mixed lengths that read one position or two; from some position on where they differ."""
    pairs = prompts(6, seed=1, **({} if model.wiring.causal else {"min_length": 6, "max_length": 6}))
    late = [pair for pair in pairs if pair.first_difference() >= first]
    return Batch.of(late, model.device, causal=model.wiring.causal)


def some_nodes(model: Model, seed: int = 0) -> Tensor:
    """Which nodes are kept, about half of them; a first head loses q, k and v."""
    kept = torch.rand(model.graph.logits, generator=torch.Generator().manual_seed(seed)) < 0.5
    for at in (model.graph.q(0), model.graph.k(0), model.graph.v(0)):
        kept[at.start] = False
    return kept


def both_ends(model: Model, kept: Tensor) -> Tensor:
    """The edges that are patched where these nodes are kept: all but those whose two ends are there."""
    graph = model.graph
    reads = torch.tensor(graph.reads)[:, : graph.logits]
    there = (reads & kept).any(1) | (torch.arange(graph.n_sources) == graph.input_source)
    reader = torch.cat([kept, torch.ones(1, dtype=torch.bool)])
    return torch.tensor(graph.mask) & ~(there[:, None] & reader)


@pytest.mark.parametrize("name", [*FAMILIES, *CASES])
def test_whole_shares_are_the_circuit_of_the_nodes_that_are_kept(name: str) -> None:
    model = load_model(FAMILIES[name]() if name in FAMILIES else tiny(name))
    batch = batch_for(model)
    kept = some_nodes(model)
    gone = torch.cat([~kept, torch.zeros(1, dtype=torch.bool)])
    # What a node reads is corrupted; and so is then what it writes, but for a scale that heads share.
    masks = [torch.tensor(model.graph.mask) & gone]
    attention = model.wiring.blocks[0].attention
    if attention.out.after is None and not attention.joint:
        masks.append(both_ends(model, kept))
    with torch.no_grad():
        runs = patched_logits(model, resample(model, batch), torch.stack(masks))
    with leaves_no_trace(model.module), torch.no_grad():
        corrupted = corrupted_nodes(model, batch)
        ours = masked_logits(model, corrupted, kept.double()[None])
    tolerance = 1e-10 if name in EXACT_FAMILIES else 2e-5
    for expected in runs:
        assert (ours - expected).abs().max() <= tolerance * max(1.0, float(expected.abs().max()))
    assert (ours - corrupted.logits).abs().max() > 100 * tolerance


def by_hand(model: Model, batch: Batch, kept: Tensor) -> Tensor:
    names = model.graph.destinations[: model.graph.logits]
    with torch.no_grad():
        logits = mixed_logits(model.module, batch.clean, batch.corrupted, names, kept)
    return logits[torch.arange(len(logits))[:, None], batch.positions]


@pytest.mark.parametrize("name", ["LlamaForCausalLM", "Phi3ForCausalLM", "FalconForCausalLM"])
def test_a_key_and_a_value_for_every_query_head(name: str) -> None:
    model = load_model(tiny(name), kv_heads="query")
    batch, kept = batch_for(model), some_nodes(model)
    with torch.no_grad():
        expected = patched_logits(model, resample(model, batch), both_ends(model, kept)[None])[0]
    with leaves_no_trace(model.module), torch.no_grad():
        ours = masked_logits(model, corrupted_nodes(model, batch), kept.double()[None])
    assert (ours - expected).abs().max() <= 2e-5 * float(expected.abs().max())


# With a prefix that clean and corrupted share, and without one.
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "lens-attention-only"])
def test_fractions_and_their_gradients(family: str, first: int) -> None:
    model = load_model(FAMILIES[family]())
    batch = batch_for(model, first)
    assert (batch.start > 0) == (first > 0)
    corrupted = corrupted_nodes(model, batch)
    shares = torch.rand(model.graph.logits, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def ours(kept: Tensor) -> Tensor:
        return masked_logits(model, corrupted, kept[None])

    other = ours if family.startswith("lens") else partial(by_hand, model, batch)
    exact = family in EXACT_FAMILIES
    assert (ours(shares) - other(shares)).abs().max() <= (1e-10 if exact else 1e-5)
    with leaves_no_trace(model.module):
        point = shares.clone().requires_grad_()
        logits = ours(point)
        weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        (gradient,) = torch.autograd.grad((logits * weights).sum(), point)
    step, allowed = (1e-4, 1e-6) if exact else (1e-2, 1e-2)
    slopes = torch.zeros_like(shares)
    for node in range(len(shares)):
        move = torch.zeros_like(shares)
        move[node] = step
        slopes[node] = ((other(shares + move) - other(shares - move)) * weights).sum() / (2 * step)
    assert (gradient - slopes).abs().max() <= allowed * slopes.abs().max()
    assert (gradient != 0).all()


def test_each_prompt_may_have_its_own_shares() -> None:
    model = load_model(FAMILIES["gpt2"]())
    batch = batch_for(model)
    corrupted = corrupted_nodes(model, batch)
    kept = torch.rand(batch.n_rows, model.graph.logits, dtype=torch.float64)
    together = masked_logits(model, corrupted, kept)
    for row, shares in enumerate(kept):
        alone = masked_logits(model, corrupted, shares[None])
        assert torch.allclose(together[row], alone[row], rtol=0, atol=1e-12)


def test_parameters_get_no_gradient_and_nothing_masked_is_the_clean_run() -> None:
    module = FAMILIES["gpt2"]()
    model = load_model(module)
    batch = batch_for(model)
    corrupted = corrupted_nodes(model, batch)
    ones = torch.ones(1, model.graph.logits, requires_grad=True)
    logits = masked_logits(model, corrupted, ones)
    torch.autograd.backward(logits, torch.ones_like(logits))
    assert ones.grad is not None
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())
    with torch.no_grad():
        clean = patched_logits(model, resample(model, batch), torch.zeros(1, *model.graph.mask.shape))[0]
    assert torch.equal(logits, clean)
    assert corrupted.n_bytes > 0
