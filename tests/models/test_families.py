"""Every class that edgewise knows, wired right: what its scores rest on, measured on the real class with random weights."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from edgewise.engine.attribute import edge_scores
from edgewise.engine.batches import Batch
from edgewise.engine.buffers import Buffers
from edgewise.engine.check import check_model
from edgewise.engine.exact import SinglePatches
from edgewise.engine.forward import logits_at
from edgewise.engine.hooks import borrowed
from edgewise.engine.metric_gradient import metric_at
from edgewise.engine.patch import patched_logits
from edgewise.engine.replacement import Baseline, resample
from edgewise.engine.sources import SourceOutputs, recorded_outputs
from edgewise.metrics import get_metric
from edgewise.models import Model, load_model
from edgewise.search.targets import Targets
from edgewise.tasks import PromptPair
from tiny import VOCABULARY, prompts
from tiny_families import CASES, WINDOW, tiny
from traces import leaves_no_trace
from without_float32 import without_float32

METRIC = get_metric("logit-diff")
PROMPTS = prompts(3, seed=4, min_length=WINDOW + 1, max_length=WINDOW + 3)
STEP = 1e-4
EACH = pytest.mark.parametrize("case", CASES)


@cache
def model_of(case: str) -> Model:
    return load_model(tiny(case))


def batch_of(model: Model) -> Batch:
    return Batch.of(PROMPTS.pairs, model.device)


def scores_of(model: Model, batch: Batch) -> Tensor:
    """EAP's, ``[prompts, source, destination]``."""
    return edge_scores(model, batch, lambda logits: metric_at(METRIC, logits, batch.metric).gradient, Buffers()).edges


def edges_of(model: Model) -> Tensor:
    return torch.tensor(model.graph.mask).nonzero()


def alone(model: Model, edges: Tensor, share: float = 1.0) -> Tensor:
    """One mask an edge."""
    masks = torch.zeros(len(edges), *model.graph.mask.shape, dtype=torch.float64)
    masks[torch.arange(len(edges)), edges[:, 0], edges[:, 1]] = share
    return masks


def slopes_of(model: Model, batch: Batch) -> Tensor:
    """Of the exact effect of each edge, by central differences, ``[edges]``."""
    edges, baseline = edges_of(model), resample(model, batch)
    masks = torch.cat([alone(model, edges, STEP), alone(model, edges, -STEP)])
    values = torch.stack([METRIC(one, batch.metric).mean() for one in patched_logits(model, baseline, masks)])
    return (values[: len(edges)] - values[len(edges) :]) / (2 * STEP)


def error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@EACH
def test_sources_and_constants_sum_to_the_stream_and_patched_runs_meet_their_ends(case: str) -> None:
    """What `edgewise check` measures."""
    model = model_of(case)
    with leaves_no_trace(model.module):
        rows = check_model(model)
    assert [row for row in rows if not row.passed] == []
    assert max(row.error for row in rows[:3]) < 1e-5


@EACH
def test_nothing_patched_is_the_clean_run_to_the_bit(case: str) -> None:
    model = model_of(case)
    batch = batch_of(model)
    baseline = resample(model, batch)
    with borrowed(model.module) as hooks:
        SourceOutputs().record(hooks, model.wiring, baseline.answers)  # the last block where it is read, as patched runs
        clean = logits_at(model, hooks, batch.clean[:, batch.start :], baseline.answers, None)
    assert batch.start == 0
    nothing = torch.zeros(1, *model.graph.mask.shape, dtype=torch.bool)
    assert torch.equal(patched_logits(model, baseline, nothing)[0], clean)


@EACH
def test_every_edge_scores_the_slope_of_its_exact_effect(case: str) -> None:
    """All edges of all kinds, in float64 throughout; and in the class's own types, as near as those allow."""
    model = model_of(case)
    batch = batch_of(model)
    edges = edges_of(model)
    with leaves_no_trace(model.module), without_float32():
        slopes = slopes_of(model, batch)
        scores = scores_of(model, batch).mean(0)
    assert error(scores[edges[:, 0], edges[:, 1]], slopes) < 1e-6
    own = scores_of(model, batch).mean(0)
    assert error(own[edges[:, 0], edges[:, 1]], slopes) < 1e-3


@EACH
def test_every_edge_and_node_patched_alone(case: str) -> None:
    """Runs that begin at the patch equal runs of the whole model with one edge, or one node's edges, in the mask."""
    model = model_of(case)
    baseline: Baseline = resample(model, batch_of(model))
    exists = torch.tensor(model.graph.mask)
    with leaves_no_trace(model.module), without_float32():
        patches = SinglePatches(model, baseline)
        for targets, run in ((Targets.edges(model.graph), patches.edges), (Targets.nodes(model.graph), patches.nodes)):
            for group in sorted(set(targets.groups)):
                places = [place for place, at in zip(targets.places, targets.groups, strict=True) if at == group]
                masks = torch.zeros(len(places), *exists.shape)
                for number, place in enumerate(places):
                    masks[(number, *place)] = exists[place].to(masks.dtype)
                found = run([place if len(place) > 1 else place[0] for place in places])
                assert (found - patched_logits(model, baseline, masks)).abs().max() < 1e-9


@EACH
def test_the_prefix_that_prompts_share_is_run_once_and_no_score_changes(case: str) -> None:
    """Longer than a sliding window, as the whole prompt is."""
    model = model_of(case)
    draw = torch.Generator().manual_seed(3)
    pairs = []
    for start in (2 * WINDOW, 2 * WINDOW + 2):
        clean = torch.randint(VOCABULARY, (3 * WINDOW,), generator=draw)
        corrupted = torch.cat([clean[:start], (clean[start:] + 1) % VOCABULARY])
        pairs.append(PromptPair(tuple(clean.tolist()), tuple(corrupted.tolist()), (1,), (2,)))
    batch = Batch.of(pairs, model.device)
    assert batch.start > WINDOW
    with without_float32():
        shared, whole = scores_of(model, batch), scores_of(model, replace(batch, start=0, differs=None))
    assert error(shared, whole) < 1e-9


@EACH
def test_attention_implementations_agree(case: str) -> None:
    if not type(model_of(case).module)._supports_sdpa:
        pytest.skip("the class has one implementation")
    model, eager = model_of(case), load_model(tiny(case, attention="eager"))
    batch = batch_of(model)
    assert error(scores_of(eager, batch), scores_of(model, batch)) < 1e-4


@EACH
def test_bfloat16_ranks_edges_as_float64_does(case: str) -> None:
    half, model = load_model(tiny(case, dtype=torch.bfloat16)), model_of(case)
    batch, edges = batch_of(model), edges_of(model)
    with leaves_no_trace(half.module):
        found = scores_of(half, batch).mean(0)[edges[:, 0], edges[:, 1]]
    expected = scores_of(model, batch).mean(0)[edges[:, 0], edges[:, 1]]
    assert spearmanr(found, expected).statistic > 0.99
