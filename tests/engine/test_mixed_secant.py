"""EAP-secant: what it is a mixture of, by which weights, and how a metric that bends is followed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from edgewise.engine.rules.destination import Destination
from edgewise.engine.rules.rule import Rules
from edgewise.engine.rules.scores import mixed_scores, modified_scores
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.metric_path import SHARES, MetricPath, Profile
from edgewise.engine.run.sources import recorded_outputs
from edgewise.metrics import Metric, get_metric
from edgewise.models import Model, load_model
from tiny import FAMILIES, prompts

LINEAR, BENT = get_metric("logit-diff"), get_metric("prob-diff")
SHAPES = ["gpt2", "llama-grouped", "lens-bidirectional-without-norms"]
ALL, NONE = 1e12, 0.0
"""Factors that make every weight of a source that changes 1, or 0."""


def mixed(model: Model, batch: Batch, factor: float, power: float = 1.0, metric: Metric = LINEAR) -> Tensor:
    path = MetricPath(metric, batch.metric)
    return mixed_scores(model, batch, path, Buffers(), to=0.4, factor=factor, power=power).edges


def weights(model: Model, batch: Batch, factor: float, power: float) -> Tensor:
    """``[batch, source, destination]`` for prompts of one position."""
    clean, corrupted = (recorded_outputs(model, ids)[:, :, 0] for ids in (batch.clean, batch.corrupted))
    changes = corrupted - clean
    found = torch.zeros(batch.n_rows, *model.graph.mask.shape, dtype=changes.dtype)
    centred = model.module.config.model_type == "gpt2" if hasattr(model.module.config, "model_type") else False
    changes = changes - changes.mean(-1, keepdim=True) if centred else changes
    for column in range(model.graph.n_destinations):
        feeding = torch.tensor(model.graph.mask[:, column])
        whole = changes[feeding].sum(0).norm(dim=-1)
        found[:, feeding, column] = (factor * changes[feeding].norm(dim=-1) / whole).clamp_max(1).T ** power
    found[:, :, model.graph.logits] = 1
    return found


@pytest.mark.parametrize(("factor", "power"), [(0.4, 1.0), (1.5, 3.0)])
@pytest.mark.parametrize("family", SHAPES)
def test_each_edge_is_mixed_by_how_much_of_what_it_feeds_it_moves(family: str, factor: float, power: float) -> None:
    """At one position every edge has one weight; into the logits it is 1."""
    model = load_model(FAMILIES[family]())
    batch = Batch.of(prompts(4, seed=8, min_length=1, max_length=1).pairs, model.device, causal=model.wiring.causal)
    small, large = mixed(model, batch, NONE), mixed(model, batch, ALL)
    share = weights(model, batch, factor, power)
    expected = (1 - share) * small + share * large
    assert (small - large).abs().max() > 1e-2 * large.abs().max()
    assert ((share > 0.01) & (share < 0.99)).sum() > 10
    error = (mixed(model, batch, factor, power) - expected).abs().max() / expected.abs().max()
    assert error < (1e-5 if family.startswith("llama") else 1e-10)


@pytest.mark.parametrize("family", SHAPES)
def test_the_part_of_small_changes_has_true_derivatives(family: str) -> None:
    """One forward pass serves both parts: the same as a run whose rules are the true derivatives."""
    model = load_model(FAMILIES[family]())
    pairs = prompts(3, seed=8, min_length=4, max_length=4).pairs
    batch = Batch.of(pairs, model.device, causal=model.wiring.causal)
    plain = modified_scores(
        model, batch, MetricPath(LINEAR, batch.metric), Buffers(), rules=Rules(), at=Destination.EXACT
    ).edges
    assert (mixed(model, batch, NONE) - plain).abs().max() < 1e-5 * plain.abs().max()


def test_small_changes_meet_the_metrics_slope_and_the_logits_its_line() -> None:
    """A bent metric: edges into the logits follow it from clean to corrupted logits, other small changes do not."""
    model = load_model(FAMILIES["gpt2"]())
    batch = Batch.of(prompts(3, seed=8, min_length=4, max_length=4).pairs, model.device)
    corrupted = logits_of(model, batch.corrupted, batch)
    clean = logits_of(model, batch.clean, batch)
    path = MetricPath(BENT, batch.metric)
    mean = path.mean_gradient(clean, corrupted)
    assert (mean - path(clean, clean)).abs().max() > 0.01 * mean.abs().max()

    def plain(gradient: Tensor) -> Tensor:
        """EAP with the destination's norm exact, with a gradient at the logits."""
        return modified_scores(model, batch, lambda *_: gradient, Buffers(), rules=Rules(), at=Destination.EXACT).edges

    line = path.profile(clean, corrupted, mean)
    assert line is not None
    expected = plain(path(clean, clean))
    expected[:, :, model.graph.logits] = line.apply(plain(mean))[:, :, model.graph.logits]
    found = mixed(model, batch, NONE, metric=BENT)
    assert (found - expected).abs().max() < 1e-8 * expected.abs().max()


def logits_of(model: Model, ids: Tensor, batch: Batch) -> Tensor:
    """``[batch, n_positions, vocab]`` where the metric reads them."""
    with torch.no_grad():
        logits: Tensor = model.module(input_ids=ids).logits
    return logits.gather(1, batch.positions[..., None].expand(-1, -1, logits.shape[-1]))


def profile(values: list[float]) -> Profile:
    return Profile(torch.tensor([values], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64))


def test_a_profile_says_what_the_metric_does_a_share_of_the_way() -> None:
    bent = profile([share * share for share in SHARES])
    scores = torch.tensor([[0.0, 1.0, 0.25, -1.0, 2.0, 3.0]], dtype=torch.float64)
    on_grid = torch.tensor([SHARES[SHARES.index(share)] ** 2 for share in (0.0, 1.0, 0.25, -1.0, 2.0)])
    made = bent.apply(scores)[0]
    assert torch.allclose(made[:5], on_grid.double())
    assert made[5].item() == pytest.approx(4 + (4 - SHARES[-2] ** 2) / (2 - SHARES[-2]))  # straight beyond the end
    straight = profile([3 * share for share in SHARES])
    assert torch.allclose(straight.apply(scores), scores)
    assert torch.equal(profile([0.001 * share * share for share in SHARES]).apply(scores), scores)


def test_a_metrics_path_ends_where_the_metric_does() -> None:
    model = load_model(FAMILIES["gpt2"]())
    batch = Batch.of(prompts(3, seed=8).pairs, model.device)
    draw = torch.Generator().manual_seed(0)
    clean, corrupted = (
        3 * torch.randn(3, batch.positions.shape[1], model.vocab_size, generator=draw, dtype=torch.float64)
        for _ in range(2)
    )
    path = MetricPath(BENT, batch.metric)
    gradient = path.mean_gradient(clean, corrupted)
    whole = BENT(corrupted, batch.metric) - BENT(clean, batch.metric)
    assert torch.allclose((gradient * (corrupted - clean)).sum((1, 2)), whole, rtol=1e-8)
    found = path.profile(clean, corrupted, gradient)
    assert found is not None
    assert torch.allclose(found.values[:, SHARES.index(1.0)], whole)
    assert torch.allclose(found.values[:, SHARES.index(0.0)], torch.zeros_like(whole))
    line = MetricPath(LINEAR, batch.metric)
    assert line.profile(clean, corrupted, line.mean_gradient(clean, corrupted)) is None
