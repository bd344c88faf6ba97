"""Runs with one edge or node patched, begun at its layer, equal runs of the whole model with that patch alone."""

from __future__ import annotations

import pytest
import torch

from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import Baseline, by_mean, mean_outputs, resample, zero
from edgewise.models import Model, load_model
from edgewise.search.exact.targets import Targets
from edgewise.tasks import PromptPair
from tiny import EXACT_FAMILIES, FAMILIES, VOCABULARY
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

READS = ((7,), (2, 7), (5, 6))
FIRST = (3, 2, 4)
CASES = [
    *((family, "resample") for family in FAMILIES),
    *(
        (family, kind)
        for family in ("gpt2", "llama-grouped", "olmo2", "gpt-neox-parallel", "lens-solu-parallel")
        for kind in ("zero", "mean-positional")
    ),
]
"""Replacements other than the corrupted run's change what is put in, and no part of a run."""


def batch(model: Model, kind: str) -> Batch:
    """Pairs with different first differences, of different lengths where padding is allowed."""
    draw = torch.Generator().manual_seed(5)
    pairs = []
    for reads, first in zip(READS, FIRST, strict=True):
        clean, other = (torch.randint(VOCABULARY, (8,), generator=draw) for _ in range(2))
        corrupted = torch.cat([clean[:first], other[first:]])
        corrupted[first] = (clean[first] + 1) % VOCABULARY
        pairs.append(PromptPair(tuple(clean.tolist()), tuple(corrupted.tolist()), (1,), (2,), reads))
    return Batch.of(pairs, model.device, causal=model.wiring.causal)


def baseline_of(model: Model, kind: str) -> Baseline:
    of = batch(model, kind)
    if kind == "resample":
        return resample(model, of)
    return zero(model, of) if kind == "zero" else by_mean(model, of, mean_outputs(model, [of], positional=True))


def grouped(targets: Targets) -> list[list[tuple[int, ...]]]:
    groups: dict[int, list[tuple[int, ...]]] = {}
    for place, group in zip(targets.places, targets.groups, strict=True):
        groups.setdefault(group, []).append(place)
    return list(groups.values())


def tolerance(family: str) -> float:
    return 1e-12 if family in EXACT_FAMILIES else 1e-5


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_every_edge_alone(family: str, kind: str) -> None:
    model = load_model(FAMILIES[family]())
    baseline = baseline_of(model, kind)
    with leaves_no_trace(model.module):
        patches = SinglePatches(model, baseline)
        exists = torch.tensor(model.graph.mask)
        assert torch.equal(patches.clean_logits, patched_logits(model, baseline, (exists & False)[None])[0])
        worst, largest = 0.0, 0.0
        for places in grouped(Targets.edges(model.graph)):
            masks = torch.zeros(len(places), *exists.shape, dtype=torch.bool)
            sources, columns = torch.tensor(places).T
            masks[torch.arange(len(places)), sources, columns] = True
            expected = patched_logits(model, baseline, masks)
            found = patches.edges([(place[0], place[1]) for place in places])
            worst = max(worst, float((found - expected).abs().max()))
            largest = max(largest, float((expected - patches.clean_logits).abs().max()))
    assert largest > 1e-3
    assert worst <= tolerance(family) * largest


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_every_node_alone(family: str, kind: str) -> None:
    model = load_model(FAMILIES[family]())
    baseline = baseline_of(model, kind)
    with leaves_no_trace(model.module):
        patches = SinglePatches(model, baseline)
        for places in grouped(Targets.nodes(model.graph)):
            rows = [row for (row,) in places]
            masks = torch.zeros(len(rows), *model.graph.mask.shape, dtype=torch.bool)
            masks[torch.arange(len(rows)), rows] = torch.tensor(model.graph.mask)[rows]
            expected = patched_logits(model, baseline, masks)
            change = (expected - patches.clean_logits).abs().max()
            assert change > 0
            assert (patches.nodes(rows) - expected).abs().max() <= tolerance(family) * max(1.0, float(change))


@pytest.mark.parametrize("family", sorted({family for family, _ in CASES}))
def test_logits_of_a_few_tokens_are_those_of_the_whole_vocabulary(family: str) -> None:
    model = load_model(FAMILIES[family]())
    baseline = baseline_of(model, "resample")
    tokens = torch.arange(2 * len(baseline.ids)).view(-1, 2) % VOCABULARY
    whole, few = SinglePatches(model, baseline), SinglePatches(model, baseline, tokens)
    index = tokens[:, None].expand(-1, whole.clean_logits.shape[1], -1)
    assert few.narrowed or few.unpatched is few.clean_logits
    assert not few.narrowed or (few.unpatched - whole.clean_logits.gather(-1, index)).abs().max() < 1e-6
    for places in grouped(Targets.edges(model.graph))[::3]:
        edges = [(place[0], place[1]) for place in places]
        expected = whole.edges(edges)
        named = torch.stack([logits.gather(-1, index) for logits in expected]) if few.narrowed else expected
        assert (few.edges(edges) - named).abs().max() < 1e-6


def test_some_models_make_a_few_logits_alone() -> None:
    narrowed = {}
    for family in ("gpt2", "llama-grouped", "gemma2"):
        model = load_model(FAMILIES[family]())
        baseline = baseline_of(model, "resample")
        narrowed[family] = SinglePatches(model, baseline, torch.zeros(len(baseline.ids), 1, dtype=torch.int64)).narrowed
    assert narrowed == {"gpt2": True, "llama-grouped": True, "gemma2": False}


def test_one_call_serves_one_place() -> None:
    model = load_model(FAMILIES["gpt2"]())
    patches, graph = SinglePatches(model, baseline_of(model, "resample")), model.graph
    with pytest.raises(ValueError, match="one layer's attention"):
        patches.edges([(0, graph.logits), (0, graph.mlp(0))])
    with pytest.raises(ValueError, match="heads of one layer"):
        patches.nodes([graph.mlp_source(0), graph.mlp_source(1)])


def test_a_failing_run_leaves_no_trace() -> None:
    model = load_model(FAMILIES["gpt2"]())
    patches = SinglePatches(model, baseline_of(model, "resample"))
    with leaves_no_trace(model.module), pytest.raises(IndexError):
        patches.edges([(10_000, model.graph.q(1).start)])
    before = [module.__dict__.get("forward") for module in model.module.modules()]
    handle = model.wiring.unembedding.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        patches.edges([(0, model.graph.q(1).start)])
    handle.remove()
    assert [module.__dict__.get("forward") for module in model.module.modules()] == before
