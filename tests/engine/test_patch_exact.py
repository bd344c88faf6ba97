"""Runs with any set of edges patched equal the brute-force transformer's."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from bruteforce.from_hf import from_hf
from bruteforce.scores import edge_mask
from bruteforce.transformer import Patch, Transformer, run
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.replacement import Baseline, by_mean, mean_outputs, resample, zero
from edgewise.engine.run.sources import SourceOutputs, recorded_outputs
from edgewise.models import Model, load_model
from edgewise.tasks import PromptPair
from tiny import EXACT_FAMILIES, FAMILIES, VOCABULARY
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

LENGTH = 8
READS = ((7,), (2, 7), (5, 6))
FIRST = (3, 2, 4)
AVERAGED = ["gpt2", "llama-grouped", "olmo2", "gpt-neox-parallel", "lens-bidirectional-without-norms"]
"""Where replacements other than the corrupted run's are tried too: they change what is put in, and no part of a run."""


@cache
def model_and_twin(family: str) -> tuple[Model, Transformer]:
    module = FAMILIES[family]()
    return load_model(module), from_hf(module)


def tokens(seed: int) -> Tensor:
    return torch.randint(VOCABULARY, (len(READS), LENGTH), generator=torch.Generator().manual_seed(seed))


def batch(model: Model) -> Batch:
    """Pairs of one length with different first differences, read at one position or two."""
    clean, other = tokens(1), tokens(2)
    pairs = []
    for row, (reads, first) in enumerate(zip(READS, FIRST, strict=True)):
        corrupted = torch.cat([clean[row, :first], (other[row, first:])])
        corrupted[first] = (clean[row, first] + 1) % VOCABULARY
        pairs.append(PromptPair(tuple(clean[row].tolist()), tuple(corrupted.tolist()), (1,), (2,), reads))
    return Batch.of(pairs, model.device, causal=model.wiring.causal)


def tolerance(family: str) -> float:
    return 1e-12 if family in EXACT_FAMILIES else 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_outputs_are_the_sources(family: str) -> None:
    model, twin = model_and_twin(family)
    with torch.no_grad():
        expected = torch.stack(list(run(twin, tokens(1)).outputs.values()))
    assert (recorded_outputs(model, tokens(1)) - expected).abs().max() <= tolerance(family)


def masks(twin: Transformer) -> Tensor:
    """Nothing, a tenth of the edges, nearly all, one edge, fractions, and everything."""
    draw = torch.Generator().manual_seed(7)
    exists = edge_mask(twin).double()
    chance = torch.rand(exists.shape, generator=draw, dtype=torch.float64)
    one = torch.zeros_like(exists)
    one[tuple(torch.argwhere(exists > 0)[5])] = 1
    chosen = [torch.zeros_like(chance), (chance < 0.1).double(), (chance < 0.95).double(), one, chance, exists]
    return torch.stack([mask * exists for mask in chosen])


def replacement(kind: str, model: Model, of: Batch, twin: Transformer) -> tuple[Baseline, dict[str, Tensor]]:
    """The engine's, and by hand from the outputs of the brute-force transformer."""
    clean, corrupted = (run(twin, ids).outputs for ids in (of.clean, of.corrupted))
    if kind == "resample":
        return resample(model, of), dict(corrupted)
    if kind == "zero":
        return zero(model, of), {name: torch.zeros_like(x) for name, x in clean.items()}
    real = of.real.double()[..., None]
    if kind == "mean":
        means = {name: (x * real).sum((0, 1)) / real.sum() for name, x in clean.items()}
    else:
        means = {name: (x * real).sum(0) / real.sum(0).clamp_min(1) for name, x in clean.items()}
    expected = {name: mean.expand_as(clean[name]) for name, mean in means.items()}
    return by_mean(model, of, mean_outputs(model, [of], positional=kind == "mean-positional")), expected


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        *((family, "resample") for family in FAMILIES),
        *((family, kind) for family in AVERAGED for kind in ("zero", "mean", "mean-positional")),
    ],
)
def test_logits_of_patched_runs(family: str, kind: str) -> None:
    model, twin = model_and_twin(family)
    of = batch(model)
    with torch.no_grad():
        baseline, given = replacement(kind, model, of, twin)
        rows = torch.arange(len(READS))[:, None]
        expected = [run(twin, of.clean, Patch(mask, given)).logits[rows, of.positions] for mask in masks(twin)]
    with leaves_no_trace(model.module):
        ours = patched_logits(model, baseline, masks(twin))
    assert ours.shape[:3] == (6, len(READS), 2)
    assert (ours - torch.stack(expected)).abs().max() <= tolerance(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_patched_is_the_clean_run_to_the_bit_and_boolean_masks_are_ones(family: str) -> None:
    model, twin = model_and_twin(family)
    of = batch(model)
    baseline = zero(model, of)
    with borrowed(model.module) as hooks:
        SourceOutputs().record(
            hooks, model.wiring, of.answers
        )  # the last block at the answers, as patched runs have it
        clean = logits_at(model, hooks, of.clean, of.answers)
    nothing = torch.zeros(1, *model.graph.mask.shape, dtype=torch.bool)
    assert torch.equal(patched_logits(model, baseline, nothing)[0], clean)
    some = masks(twin)[1:2]
    assert torch.equal(patched_logits(model, baseline, some > 0), patched_logits(model, baseline, some))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_of_a_mask_is_the_slope(family: str) -> None:
    """Of the mean logit with respect to single entries, by central differences in float64."""
    model, twin = model_and_twin(family)
    baseline = resample(model, batch(model))
    mask = masks(twin)[4:5].requires_grad_()
    patched_logits(model, baseline, mask)[0, :, 0].square().mean().backward()
    edges = torch.argwhere(edge_mask(twin) > 0)
    chosen = edges[torch.randperm(len(edges), generator=torch.Generator().manual_seed(0))[:8]]
    step, allowed = (1e-4, 1e-6) if family in EXACT_FAMILIES else (1e-2, 1e-2)
    moved = mask.detach().repeat(2 * len(chosen), 1, 1)
    for number, (i, j) in enumerate(chosen.tolist()):
        moved[2 * number, i, j] += step
        moved[2 * number + 1, i, j] -= step
    values = patched_logits(model, baseline, moved)[:, :, 0].square().mean((1, 2)).view(-1, 2)
    slopes = (values[:, 0] - values[:, 1]) / (2 * step)
    gradient = mask.grad[0][tuple(chosen.T)]
    assert (gradient - slopes).abs().max() <= allowed * mask.grad.abs().max()
