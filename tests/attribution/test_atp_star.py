"""AtP*: its fixes and its drops against a brute-force transformer, and what they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from bruteforce.parts import Attention, Mlp
from bruteforce.transformer import Block, Patch, Transformer, run
from edgewise.models import load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from tiny import EXACT_FAMILIES, FAMILIES, prompts
from tiny_families import CASES, tiny
from tiny_lens import checkpoint, dump

pytestmark = pytest.mark.slow

PROMPTS = prompts(3, seed=5, max_length=6)
SHAPES = ["gpt2", "llama-grouped", "olmo2", "gpt-neox-parallel", "lens-bidirectional-without-norms"]
PartT = TypeVar("PartT", Attention, Mlp)


@dataclass(frozen=True)
class SeenAttention(Attention):
    """Keeps what its heads gather; where it is cut off, nothing flows back from what it writes."""

    seen: list[list[Tensor]] = field(default_factory=list)
    cut: bool = False

    def write(self, z: list[Tensor]) -> list[Tensor]:
        z = [one if one.requires_grad else one.clone() for one in z]
        self.seen.append(z)
        return [_cut(part) if self.cut else part for part in super().write(z)]


@dataclass(frozen=True)
class CutMlp(Mlp):
    """Nothing flows back from what it writes."""

    def __call__(self, x: Tensor) -> Tensor:
        return _cut(super().__call__(x))


def _cut(written: Tensor) -> Tensor:
    return written.detach().requires_grad_(torch.is_grad_enabled())


def as_kind(kind: type[PartT], part: Any, **more: Any) -> PartT:
    return kind(**{entry.name: getattr(part, entry.name) for entry in fields(part)} | more)


def with_drop(model: Transformer, dropped: int | None) -> tuple[Transformer, list[SeenAttention]]:
    blocks, attentions = [], []
    for layer, block in enumerate(model.blocks):
        attentions.append(as_kind(SeenAttention, block.attention, seen=[], cut=layer == dropped))
        changed: Block = replace(block, attention=attentions[-1])
        if block.mlp is not None and layer == dropped and block.mlp_after is None:
            changed = replace(changed, mlp=as_kind(CutMlp, block.mlp))
        blocks.append(changed)
    return replace(model, blocks=tuple(blocks)), attentions


def gathered_changes(model: Transformer, pair: Any) -> dict[tuple[int, int], list[Tensor]]:
    """How a layer's heads gather otherwise with each edge into a query or a key patched, by runs of the whole."""
    watched, attentions = with_drop(model, None)
    with torch.no_grad():
        run(watched, torch.tensor([pair.clean]))
        corrupted = run(model, torch.tensor([pair.corrupted]))
    clean = [attention.seen.pop() for attention in attentions]
    masks, edges = oracle.single_edge_masks(model, 1.0)
    chosen = [number for number, at in enumerate(edges.tolist()) if model.destinations[at[1]][-2:-1] in ("q", "k")]
    with torch.no_grad():
        rows = torch.tensor([pair.clean]).expand(len(chosen), -1)
        run(watched, rows, Patch(masks[chosen], corrupted.outputs))
    patched, found = [attention.seen.pop() for attention in attentions], {}
    for row, (source, column) in enumerate(edges[chosen].tolist()):
        layer = int(model.destinations[column][1:].partition(".")[0])
        parts = zip(patched[layer], clean[layer], strict=True)
        found[source, column] = [new[row] - old[0] for new, old in parts]
    return found


def estimates(model: Transformer, pair: Any, drops: Sequence[int | None]) -> list[Tensor]:
    """The estimate of every edge by its definition, with each of some layers dropped."""
    changes, found = gathered_changes(model, pair), []
    for dropped in drops:
        watched, attentions = with_drop(model, dropped)
        clean, corrupted = oracle.clean_and_corrupted(watched, pair)
        # Of the first run, the clean one.
        z = [one for attention in attentions for one in attention.seen[0]]
        edges = list(clean.edges)
        value = oracle.read(oracle.logit_diff, clean, pair).sum()
        wanted = [clean.edges[edge] for edge in edges] + z
        slopes = [torch.zeros(1) if slope is None else slope for slope in _gradients(value, wanted)]
        at_z = [slopes[len(edges) :][at : at + len(a.q)] for at, a in zip(_starts(attentions), attentions, strict=True)]
        scores = torch.full((len(model.sources), len(model.destinations)), float("nan"), dtype=torch.float64)
        for (source, destination), slope in zip(edges, slopes, strict=False):
            at = model.sources.index(source), model.destinations.index(destination)
            if at in changes:
                layer = int(destination[1:].partition(".")[0])
                scores[at] = sum((g * moved).sum() for g, moved in zip(at_z[layer], changes[at], strict=True))
            else:
                scores[at] = ((corrupted.outputs[source] - clean.outputs[source].detach()) * slope).sum()
        found.append(scores)
    return found


def _gradients(value: Tensor, wanted: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(value, wanted, allow_unused=True)


def _starts(attentions: Sequence[SeenAttention]) -> list[int]:
    return [sum(len(one.q) for one in attentions[:layer]) for layer in range(len(attentions))]


def error(ours: np.ndarray, theirs: Tensor) -> float:
    assert np.array_equal(np.isnan(ours), theirs.isnan().numpy())
    return float(np.nanmax(np.abs(ours - theirs.numpy())) / np.nanmax(np.abs(theirs.numpy())))


def scored(module: nn.Module, *, grad_drop: bool) -> np.ndarray:
    settings = {"grad_drop": grad_drop}
    scores = score_edges(
        load_model(module),
        PROMPTS,
        method="atp-star",
        settings=settings,
        conditions=Conditions(batch_size=2),
        per_prompt=True,
    )
    assert scores.per_prompt is not None
    return scores.per_prompt


def tolerance(family: str) -> float:
    return 1e-9 if family in EXACT_FAMILIES else 1e-5


@pytest.mark.parametrize("family", SHAPES)
def test_queries_and_keys_are_patched_by_definition(family: str) -> None:
    """Where a norm goes over all queries or all keys, a patch of one head reaches the others too."""
    module = FAMILIES[family]()
    truth = torch.stack([estimates(from_hf(module), pair, (None,))[0] for pair in PROMPTS])
    assert error(scored(module, grad_drop=False), truth) <= tolerance(family)


@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "gpt-neox-parallel"])
def test_sizes_are_means_over_dropped_layers(family: str) -> None:
    module = FAMILIES[family]()
    model = from_hf(module)
    layers, expected = range(len(model.blocks)), []
    for pair in PROMPTS:
        whole, *dropped = estimates(model, pair, (None, *layers))
        counts = torch.tensor([len(layers) - (name != "logits") for name in model.destinations])
        expected.append(torch.where(whole < 0, -1.0, 1.0) * torch.stack(dropped).abs().sum(0) / counts)
    assert error(scored(module, grad_drop=True), torch.stack(expected)) <= tolerance(family)


def saturated() -> nn.Module:
    """Attention that looks at one position alone, in a model that is linear behind its last layer's attention."""
    whole = checkpoint(dump(normalization_type=None, attn_only=True))
    for name in whole.tensors:
        if name.endswith("W_Q"):
            whole.tensors[name] *= 300
    return whole.load(torch.float64)


def test_it_sees_what_saturated_attention_hides_from_a_gradient() -> None:
    """In the last layer of a linear rest the exact effect itself, where EAP sees nothing at all."""
    module = saturated()
    model = load_model(module)
    truth = oracle.exact_effects(from_hf(module), PROMPTS, oracle.logit_diff).numpy()
    last = model.graph.spec.n_layers - 1
    columns = slice(model.graph.q(last).start, model.graph.k(last).stop)
    star, eap = (
        score_edges(model, PROMPTS, method=method, settings=settings, per_prompt=True).per_prompt
        for method, settings in (("atp-star", {"grad_drop": False}), ("eap", {}))
    )
    assert star is not None
    assert eap is not None
    there = truth[..., columns]
    largest = np.nanmax(np.abs(there))
    assert largest > 1e-3
    assert np.nanmax(np.abs(star[..., columns] - there)) < 1e-9 * largest
    assert np.nanmax(np.abs(eap[..., columns])) < 0.05 * largest


def test_a_model_of_one_layer_drops_nothing() -> None:
    module = FAMILIES["gpt2"](n_layer=1)
    np.testing.assert_array_equal(scored(module, grad_drop=True), scored(module, grad_drop=False))


@pytest.mark.parametrize("case", [*(case for case in CASES if "falcon" in case.lower()), "OPTForCausalLM", "olmo2"])
def test_behind_the_last_layer_nothing_is_dropped(case: str) -> None:
    """What is read there has the same gradient in every pass but its own layer's, where it has none."""
    module = FAMILIES[case]() if case in FAMILIES else tiny(case)
    model = load_model(module)
    last = slice(model.graph.q(model.graph.spec.n_layers - 1).start, None)
    with_drops, without = (scored(module, grad_drop=on) for on in (True, False))
    np.testing.assert_allclose(with_drops[..., last], without[..., last], rtol=1e-6, atol=1e-9)
    assert not np.allclose(with_drops, without, equal_nan=True)
