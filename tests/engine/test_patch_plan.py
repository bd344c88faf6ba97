"""However a patched run is planned, it says the same: sums or products, modules run or not, masks together or alone."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from edgewise.engine.patching import read_plan as reading
from edgewise.engine.patching import streams
from edgewise.engine.patching.patch import masks_at_once, patched_logits
from edgewise.engine.patching.read_plan import Given, Reading, ReadPlan
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.replacement import Baseline, resample
from edgewise.models import Model, load_model
from edgewise.tasks import PromptPair
from tiny import EXACT_FAMILIES, FAMILIES, VOCABULARY
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

SHARES = (0.02, 0.1, 0.5, 0.9, 0.98, 1.0)


@cache
def prepared(family: str) -> tuple[Model, Baseline]:
    model = load_model(FAMILIES[family]())
    draw = torch.Generator().manual_seed(3)
    clean, other = torch.randint(VOCABULARY, (2, 3, 8), generator=draw).tolist()
    pairs = [
        PromptPair(tuple(one), (one[0], *two[1:]), (1,), (2,), (3 + row, 7))
        for row, (one, two) in enumerate(zip(clean, other, strict=True))
    ]
    return model, resample(model, Batch.of(pairs, model.device, causal=model.wiring.causal))


def random_masks(model: Model, shares: tuple[float, ...] = SHARES) -> Tensor:
    exists = torch.tensor(model.graph.mask)
    chance = torch.rand(len(shares), *exists.shape, generator=torch.Generator().manual_seed(4))
    return (chance < torch.tensor(shares)[:, None, None]) & exists


@cache
def expected_of(family: str) -> Tensor:
    model, baseline = prepared(family)
    return by_one_plan(model, baseline, random_masks(model))


def by_one_plan(model: Model, baseline: Baseline, masks: Tensor) -> Tensor:
    """All heads mixed and projected one by one, under autograd: none of the plans below."""
    return patched_logits(model, baseline, masks.double().requires_grad_()).detach()


# name -> (MANY_TIMES, IN_VAIN, DENSE): from the stream or the replaced one, modules run or not, summed or multiplied
PLANS = {
    "sums": (1e9, 2, 2),
    "sums, modules not run": (1e9, -1, 2),
    "products": (1e9, 2, -1),
    "products, modules not run": (1e9, -1, -1),
    "from the replaced stream": (1, 2, 2),
    "products from the replaced stream": (1, 2, -1),
    "as it comes": (reading.MANY_TIMES, reading.IN_VAIN, reading.DENSE),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_plan_gives_the_same_logits(family: str, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, baseline = prepared(family)
    masks, expected = random_masks(model), expected_of(family)
    for name, value in zip(("MANY_TIMES", "IN_VAIN", "DENSE"), PLANS[plan], strict=True):
        monkeypatch.setattr(reading, name, value)
    tolerance = 1e-12 if family in EXACT_FAMILIES else 1e-4
    with leaves_no_trace(model.module):
        together = patched_logits(model, baseline, masks)
        alone = torch.cat([patched_logits(model, baseline, mask[None]) for mask in masks])
    assert (together - expected).abs().max() <= tolerance
    assert (alone - expected).abs().max() <= tolerance


@pytest.mark.parametrize("at_once", [1, 30, 300])
def test_pieces_of_any_size_give_the_same_logits(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, baseline = prepared("gpt2")
    masks = random_masks(model)
    expected = by_one_plan(model, baseline, masks)
    monkeypatch.setitem(streams.AT_ONCE, "cpu", at_once)
    assert (patched_logits(model, baseline, masks) - expected).abs().max() <= 1e-12


def tokens_seen(model: Model, masks: Tensor) -> dict[str, set[int]]:
    """How many tokens of a prompt the query's module of each layer was given."""
    _, baseline = prepared("gpt2")
    seen: dict[str, set[int]] = {}
    handles = [
        block.attention.q.module.register_forward_hook(
            lambda _, args, __, name=f"layer {layer}": seen.setdefault(name, set()).add(args[0].shape[1])
        )
        for layer, block in enumerate(model.wiring.blocks)
    ]
    patched_logits(model, baseline, masks)
    for handle in handles:
        handle.remove()
    return seen


def test_a_module_most_of_whose_heads_are_made_one_by_one_is_given_one_token() -> None:
    model, baseline = prepared("gpt2")
    length = baseline.ids.shape[1]
    mask = torch.zeros(1, *model.graph.mask.shape, dtype=torch.bool)
    mask[0, 1:3, model.graph.q(1)] = mask[0, 1:3, model.graph.k(1)] = True
    mask[0, 0, model.graph.v(2).start] = True
    assert tokens_seen(model, mask) == {"layer 0": {length}, "layer 1": {1}, "layer 2": {length}}


def test_a_module_all_of_whose_edges_are_patched_runs_on_the_replaced_stream_and_no_head_is_made() -> None:
    model, _ = prepared("gpt2")
    everything = torch.tensor(model.graph.mask)[None]
    plan = ReadPlan(model.graph, everything.double())
    for layer in range(3):
        read = plan.read([model.graph.attention(layer)], model.graph.sources_before_attention(layer), None)
        assert read.given == (Given(patched=True, replaced=(True,), instead=False),)
        assert read.columns.tolist() == []
    assert not any(plan.needed)


def test_only_sources_that_are_read_are_noted() -> None:
    model, _ = prepared("gpt2")
    mask = torch.zeros(1, *model.graph.mask.shape, dtype=torch.float64)
    edge = model.graph.edge("a0.h1->a2.h3<k>")
    mask[0, edge[0], edge[1]] = 0.5
    plan = ReadPlan(model.graph, mask)
    read = plan.read([model.graph.attention(2)], model.graph.sources_before_attention(2), None)
    assert [source for source, needed in enumerate(plan.needed) if needed] == [edge[0]]
    assert (read.columns.tolist(), plan.n_replaced) == ([edge[1]], 0)
    assert plan.read([model.graph.attention(1)], model.graph.sources_before_attention(1), None) is None


@pytest.mark.parametrize("dense", [True, False])
def test_streams_are_weighted_sums_of_the_table(dense: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    weights = torch.rand(4, 3, 7, generator=draw, dtype=torch.float64)
    weights = torch.where(weights < 0.6, 0, weights)
    weights[..., 0] = 1
    table = torch.randn(7, 4 * 2, 5, 6, generator=draw, dtype=torch.float64)
    read = Reading(torch.tensor([2, 5, 9]), 5, False, weights, dense, ())
    got = torch.full((3, 8, 5, 6), torch.nan, dtype=torch.float64)
    for piece in streams.streams(read, table, Buffers()):
        assert piece.columns.tolist() == [2, 5, 9]
        got[:, piece.rows] = piece.stream
    expected = torch.einsum("mnt,tmrpd->nmrpd", weights, table.unflatten(1, (4, 2))).flatten(1, 2)
    assert (got - expected).abs().max() <= 1e-14


def test_memory_does_not_grow_with_the_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    model, baseline = prepared("gpt2")
    monkeypatch.setattr("edgewise.engine.run.at_once._MOST", {"cpu": 60})
    at_once = masks_at_once(baseline)
    assert at_once == 60 // baseline.ids.numel() == 2
    rows: list[int] = []
    handle = model.wiring.blocks[0].module.register_forward_hook(lambda _, args, __: rows.append(len(args[0])))
    masks = random_masks(model, (0.5,) * 5)
    logits = patched_logits(model, baseline, masks)
    handle.remove()
    assert rows == [2 * len(baseline.ids)] * 2 + [len(baseline.ids)]
    assert (logits - by_one_plan(model, baseline, masks)).abs().max() <= 1e-12


def test_memory_that_calls_share_changes_nothing() -> None:
    model, baseline = prepared("gpt2")
    buffers, masks = Buffers(), random_masks(model)
    for mask in masks:
        again = patched_logits(model, baseline, mask[None], buffers)
        assert torch.equal(again, patched_logits(model, baseline, mask[None]))
    assert buffers.blocks


def test_a_mask_that_is_zero_has_the_gradient_of_small_steps() -> None:
    model, baseline = prepared("gpt2")
    nothing = torch.zeros(1, *model.graph.mask.shape, dtype=torch.float64, requires_grad=True)
    patched_logits(model, baseline, nothing)[0, :, :, 0].sum().backward()
    gradient, step = nothing.grad[0], 1e-4
    for name in ("input->a0.h0<q>", "a0.h1->a2.h3<k>", "m0->a1.h2<v>", "a1.h0->m2", "m2->logits"):
        edge = model.graph.edge(name)
        moved = torch.zeros(2, *nothing.shape[1:], dtype=torch.float64)
        moved[0][edge], moved[1][edge] = step, -step
        values = patched_logits(model, baseline, moved)[..., 0].sum((1, 2))
        slope = (values[0] - values[1]) / (2 * step)
        assert (gradient[edge] - slope).abs() <= 1e-6 * gradient.abs().max()
