"""The oracle itself is checked against the models' forward pass and against facts about single edges."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from bruteforce.from_hf import from_hf
from bruteforce.scores import edge_mask, edge_scores, exact_effects, logit_diff
from bruteforce.transformer import Patch, Transformer, run
from edgewise.graph import Graph, GraphSpec
from tiny import EXACT_FAMILIES, FAMILIES, HF_FAMILIES, VOCABULARY, gpt2, gpt_neox, llama, prompts

pytestmark = pytest.mark.slow

LENGTH = 8
SHAPES = {
    "gpt2": GraphSpec(3, 4, 32),
    "gpt2-scaled-by-layer": GraphSpec(3, 4, 32),
    "llama-grouped": GraphSpec(3, 4, 32, n_kv_heads=2),
    "llama-ungrouped": GraphSpec(3, 4, 32),
    "llama-biased-wide-heads": GraphSpec(3, 4, 32, n_kv_heads=1),
    "gemma2": GraphSpec(3, 4, 32, n_kv_heads=2),
    "olmo2": GraphSpec(3, 4, 32, n_kv_heads=2),
    "gpt-neox-parallel": GraphSpec(3, 4, 32, parallel=True),
    "gpt-neox-sequential": GraphSpec(3, 4, 32),
    "lens-attention-only": GraphSpec(3, 4, 32, has_mlp=False),
    "lens-shortformer-folded": GraphSpec(3, 4, 32),
    "lens-bidirectional-without-norms": GraphSpec(3, 4, 32),
    "lens-rotary-gated-grouped": GraphSpec(3, 4, 32, n_kv_heads=2),
    "lens-solu-parallel": GraphSpec(3, 4, 32, parallel=True),
}


@cache
def model_of(family: str) -> nn.Module:
    return FAMILIES[family](attention="eager")


@cache
def twin_of(family: str) -> Transformer:
    return from_hf(model_of(family))


@cache
def attention_only() -> Transformer:
    whole = twin_of("gpt2")
    return replace(whole, blocks=tuple(replace(block, mlp=None, mlp_norm=None) for block in whole.blocks))


def all_twins() -> list[str]:
    return [*FAMILIES, "attention-only"]


def twin(name: str) -> Transformer:
    return attention_only() if name == "attention-only" else twin_of(name)


def tokens(seed: int) -> Tensor:
    return torch.randint(VOCABULARY, (3, LENGTH), generator=torch.Generator().manual_seed(seed))


def tolerance(family: str) -> float:
    return 1e-12 if family in EXACT_FAMILIES else 1e-5


def full_mask(model: Transformer, value: float) -> Tensor:
    return torch.full((len(model.sources), len(model.destinations)), value, dtype=torch.float64)


def only(model: Transformer, source: str, destination: str) -> Tensor:
    mask = full_mask(model, 0.0)
    mask[model.sources.index(source), model.destinations.index(destination)] = 1
    return mask


def largest(x: Tensor) -> float:
    return x.abs().max().item()


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_equal_the_models(family: str) -> None:
    ids = tokens(1)
    with torch.no_grad():
        expected = model_of(family)(ids).logits
        ours = run(twin_of(family), ids).logits
    assert largest(expected) > 1
    assert largest(ours - expected) <= tolerance(family)


@pytest.mark.parametrize("family", HF_FAMILIES)
def test_head_outputs_are_the_slices_of_the_output_projection(family: str) -> None:
    """The sources carry the right names: what Hugging Face feeds its output projection, head by head."""
    model, ids, seen = model_of(family), tokens(1), {}
    projections = {
        name: module
        for name, module in model.named_modules()
        if name.endswith(("attn.c_proj", "o_proj", "attention.dense"))
    }
    handles = [
        module.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[0]}))
        for name, module in projections.items()
    ]
    # A norm behind the projection multiplies what all heads write, element by element.
    factors = [torch.ones(1)] * 3
    if any("post_feedforward_layernorm" in name for name, _ in model.named_modules()):
        handles += [
            layer.post_attention_layernorm.register_forward_hook(
                lambda _, args, out, number=number: factors.__setitem__(number, out / args[0])
            )
            for number, layer in enumerate(model.model.layers)
        ]
    with torch.no_grad():
        model(ids)
        outputs = run(twin_of(family), ids).outputs
    for handle in handles:
        handle.remove()
    assert len(projections) == 3
    for layer, (name, projection) in enumerate(projections.items()):
        weight = projection.weight.detach()
        by_head = (weight if name.endswith("c_proj") else weight.T).chunk(4)
        for head, (z, w) in enumerate(zip(seen[name].chunk(4, dim=-1), by_head, strict=True)):
            assert largest(z @ w * factors[layer] - outputs[f"a{layer}.h{head}"]) <= tolerance(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_and_edges_are_the_graphs(family: str) -> None:
    graph = Graph(SHAPES[family])
    assert twin_of(family).sources == graph.sources
    assert twin_of(family).destinations == graph.destinations
    assert edge_mask(twin_of(family)).tolist() == graph.mask.tolist()


def test_attention_only_is_a_model_whose_mlps_write_nothing() -> None:
    model = gpt2()
    with torch.no_grad():
        for block in model.transformer.h:
            block.mlp.c_proj.weight.zero_()
            block.mlp.c_proj.bias.zero_()
        expected = model(tokens(1)).logits
        ours = run(attention_only(), tokens(1)).logits
    assert largest(ours - expected) <= 1e-12
    graph = Graph(GraphSpec(3, 4, 32, has_mlp=False))
    assert (attention_only().sources, attention_only().destinations) == (graph.sources, graph.destinations)
    assert edge_mask(attention_only()).tolist() == graph.mask.tolist()


@pytest.mark.parametrize("name", all_twins())
def test_nothing_patched_is_clean_and_everything_patched_is_corrupted(name: str) -> None:
    model = twin(name)
    with torch.no_grad():
        clean, corrupted = run(model, tokens(1)), run(model, tokens(2))
        none = run(model, tokens(1), Patch(full_mask(model, 0.0), corrupted.outputs))
        every = run(model, tokens(1), Patch(full_mask(model, 1.0), corrupted.outputs))
    assert largest(clean.logits - corrupted.logits) > 0.1
    assert largest(none.logits - clean.logits) <= 1e-12
    assert largest(every.logits - corrupted.logits) <= 1e-12


@pytest.mark.parametrize("name", all_twins())
def test_all_replaced_by_given_values_leaves_the_final_norm_of_their_sum_and_the_constants(name: str) -> None:
    """The constants are the biases of the attention output projections, and they belong to no source."""
    model = twin(name)
    draw = torch.Generator().manual_seed(5)
    given = {u: torch.randn(3, LENGTH, 32, dtype=torch.float64, generator=draw) for u in model.sources}
    zeros = {u: torch.zeros_like(x) for u, x in given.items()}
    biases = [block.attention.output_bias for block in model.blocks]
    constants = sum((bias for bias in biases if bias is not None), torch.zeros(32, dtype=torch.float64))
    for replacements in (given, zeros):
        stream = sum(replacements.values(), constants)
        with torch.no_grad():
            result = run(model, tokens(1), Patch(full_mask(model, 1.0), replacements))
        assert largest(result.logits - model.logits(stream)) <= 1e-12


@pytest.mark.parametrize("family", FAMILIES)
def test_an_edge_into_a_head_changes_that_head_alone(family: str) -> None:
    """q changes one head, k and v every head of their group; q and k change its pattern, v does not.

    Norms over all heads carry a change to the others: of queries or keys to their patterns, behind them to what they
    write.
    """
    model, parallel = twin_of(family), twin_of(family).parallel
    heads = [f"a1.h{head}" for head in range(4)]
    with torch.no_grad():
        clean, corrupted = run(model, tokens(1)), run(model, tokens(2))
        for destination in (d for d in model.destinations if d.startswith("a1.")):
            owner, letter = destination[:-3], destination[-2]
            after = run(model, tokens(1), Patch(only(model, "a0.h1", destination), corrupted.outputs))
            attention = model.blocks[1].attention
            readers = {name for i, name in enumerate(heads) if f"a1.kv{attention.group_of(i)}" == owner} or {owner}
            if attention.q_norm is not None and letter != "v":
                readers = set(heads)
            turned = {u for u in heads if largest(after.patterns[u] - clean.patterns[u]) > 1e-9}
            assert turned == (set() if letter == "v" else readers)
            changed = {u for u in heads if largest(after.outputs[u] - clean.outputs[u]) > 1e-9}
            assert changed == (readers if attention.after is None else set(heads))
            if "m1" in clean.outputs:
                assert (largest(after.outputs["m1"] - clean.outputs["m1"]) < 1e-12) == parallel


def test_a_query_acts_at_its_own_position_and_keys_and_values_on_later_ones() -> None:
    model, changed = twin_of("llama-grouped"), 3
    with torch.no_grad():
        clean = run(model, tokens(1))
        moved = clean.outputs["m0"].clone()
        moved[:, changed] += 1
        for letter, owner in (("q", "h2"), ("k", "kv1"), ("v", "kv1")):
            patch = Patch(only(model, "m0", f"a1.{owner}<{letter}>"), {**clean.outputs, "m0": moved})
            difference = (run(model, tokens(1), patch).outputs["a1.h2"] - clean.outputs["a1.h2"]).abs()
            positions = set(torch.argwhere(difference.amax((0, 2)) > 1e-9).flatten().tolist())
            assert positions == ({changed} if letter == "q" else set(range(changed, LENGTH)))


@pytest.mark.parametrize("name", all_twins())
def test_gradient_scores_are_the_limit_of_exact_effects(name: str) -> None:
    """Autograd on the edge tensors and runs with a fraction of one edge patched are two separate routes."""
    pairs = prompts(1, seed=6).pairs
    scores = edge_scores(twin(name), pairs, logit_diff)
    slopes = exact_effects(twin(name), pairs, logit_diff, step=1e-5)
    assert scores.isnan().equal(slopes.isnan())
    assert largest((scores - slopes).nan_to_num()) <= 1e-8 * largest(scores.nan_to_num())


def test_masks_may_differ_from_row_to_row() -> None:
    model = twin_of("gpt-neox-parallel")
    with torch.no_grad():
        corrupted = run(model, tokens(2))
        mask = torch.stack([full_mask(model, 0.0), full_mask(model, 1.0), full_mask(model, 0.5)])
        together = run(model, tokens(1), Patch(mask, corrupted.outputs)).logits
        for row in range(3):
            alone = {u: x[row : row + 1] for u, x in corrupted.outputs.items()}
            single = run(model, tokens(1)[row : row + 1], Patch(mask[row], alone)).logits
            assert largest(together[row] - single[0]) <= 1e-12


@pytest.mark.parametrize("build", [gpt2, llama, gpt_neox])
def test_one_seed_is_one_model_in_either_precision(build: type[PreTrainedModel]) -> None:
    pairs = zip(build().parameters(), build(dtype=torch.float32).parameters(), strict=True)
    assert all(torch.equal(wide, narrow.double()) for wide, narrow in pairs)
