"""A key and a value for every query head: as in the model in which every head has weights of its own."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
import torch
import transformers

from bruteforce.from_hf import from_hf
from bruteforce.scores import edge_scores as brute_force_scores
from bruteforce.scores import logit_diff
from edgewise.engine.check import check_model
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.partial.incremental import RunningCircuit
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.replacement import resample
from edgewise.errors import ModelError, UnsupportedModelError
from edgewise.graph import kv_head_view
from edgewise.models import Model, load_model
from edgewise.search import score_edges
from edgewise.tasks import PromptPair
from tiny import VOCABULARY, llama, prompts
from tiny_families import CASES, tiny
from traces import leaves_no_trace
from without_float32 import without_float32

pytestmark = pytest.mark.slow

PROMPTS = prompts(4, seed=3, min_length=6, max_length=8)


@cache
def native(case: str) -> Model:
    module = tiny(case)
    with torch.no_grad():
        module(input_ids=torch.zeros(1, 8, dtype=torch.long))
    return load_model(module)


def separable(case: str) -> bool:
    config, blocks = native(case).config, native(case).wiring.blocks
    own_norms = getattr(config, "use_qk_norm", False) or (CASES[case][0].startswith("StableLm") and config.qk_layernorm)
    return not blocks[0].attention.joint and not own_norms


GROUPED = [case for case in CASES if native(case).graph.spec.is_grouped]
SEPARABLE = [case for case in GROUPED if separable(case)]
LAYOUTS = ["LlamaForCausalLM", "Phi3ForCausalLM", "FalconForCausalLM", "falcon-grouped-two-norms", "GptOssForCausalLM"]
EACH = pytest.mark.parametrize("case", SEPARABLE)


def by_query(case: str) -> Model:
    return load_model(native(case).module, kv_heads="query")


@EACH
def test_the_model_computes_what_it_does_and_passes_the_checks(case: str) -> None:
    model, ids = by_query(case), torch.arange(8)[None]
    assert model.graph.spec.n_kv_heads == model.graph.spec.n_heads == 8
    assert "a1.h7<k>" in model.graph.destinations
    with leaves_no_trace(native(case).module), torch.no_grad():
        assert (model.module(input_ids=ids).logits - native(case).module(input_ids=ids).logits).abs().max() < 1e-6
        if case in LAYOUTS:
            assert [row for row in check_model(model) if not row.passed] == []


@EACH
def test_scores_of_a_group_sum_to_the_native_ones(case: str) -> None:
    model = by_query(case)
    with leaves_no_trace(native(case).module), without_float32():
        scores = score_edges(model, PROMPTS, metric="logit-diff", method="eap")
        own = score_edges(native(case), PROMPTS, metric="logit-diff", method="eap")
    summed = kv_head_view(scores, native(case).graph.spec).values
    mask = native(case).graph.mask
    assert np.abs(summed - own.values)[mask].max() < 1e-6 * np.abs(own.values[mask]).max()


@pytest.mark.parametrize("case", [*LAYOUTS, "MistralForCausalLM", "Gemma3ForCausalLM"])
def test_patching_a_whole_group_is_patching_the_native_head(case: str) -> None:
    """Also behind a prefix that prompts share; and patched runs of any kind agree with each other."""
    model, draw = by_query(case), torch.Generator().manual_seed(1)
    pairs = []
    for start in (3, 5):
        clean = torch.randint(VOCABULARY, (8,), generator=draw)
        corrupted = torch.cat([clean[:start], (clean[start:] + 1) % VOCABULARY])
        pairs.append(PromptPair(tuple(clean.tolist()), tuple(corrupted.tolist()), (1,), (2,)))
    batch = Batch.of(pairs, model.device)
    assert batch.start == 3
    own, graph = native(case), model.graph
    mask = (torch.rand(graph.mask.shape, generator=draw) < 0.4) & torch.tensor(graph.mask)
    with leaves_no_trace(own.module), without_float32():
        baseline, own_baseline = resample(model, batch), resample(own, batch)
        together = torch.zeros(1, *own.graph.mask.shape, dtype=torch.bool)
        apart = torch.zeros(1, *graph.mask.shape, dtype=torch.bool)
        served, last = graph.spec.n_heads // own.graph.spec.kv_heads, own.graph.spec.kv_heads - 1
        first = graph.k(1).start + last * served
        together[0, :4, own.graph.k(1).start + last] = True
        apart[0, :4, first : first + served] = True
        whole = patched_logits(own, own_baseline, together)
        assert (patched_logits(model, baseline, apart) - whole).abs().max() < 1e-9
        # One head of the group alone is another run, and that which begins at its layer.
        apart[0, :, first + 1 : first + served] = False
        apart[0, 1:4] = False
        one = patched_logits(model, baseline, apart)
        assert (one - whole).abs().max() > 1e-9
        assert (SinglePatches(model, baseline).edges([(0, first)]) - one).abs().max() < 1e-9
        circuit = RunningCircuit(model, baseline)
        for column in reversed(range(graph.n_destinations)):
            removed = mask[:, column].nonzero()[:, 0].tolist()
            if not circuit.is_read((column,)):
                circuit.drop((column,))
            elif removed:
                circuit.accept(circuit.trial((column,), removed))
        kept = torch.tensor(graph.mask & ~circuit.kept)
        assert (circuit.logits - patched_logits(model, baseline, kept[None])[0]).abs().max() < 1e-9


def written_out(module: transformers.LlamaForCausalLM) -> transformers.LlamaForCausalLM:
    """The model with as many key/value heads as heads, those of a group with the same weights."""
    heads, groups = module.config.num_attention_heads, module.config.num_key_value_heads
    wide = llama(num_key_value_heads=heads, dtype=module.dtype)
    state = dict(module.state_dict())
    for name, value in state.items():
        if ".k_proj." in name or ".v_proj." in name:
            by_head = value.unflatten(0, (groups, -1))
            state[name] = by_head.repeat_interleave(heads // groups, 0).flatten(0, 1)
    wide.load_state_dict(state)
    return wide


def test_scores_are_those_of_the_model_with_every_heads_weights_written_out() -> None:
    """By the engine on that model, and by brute force."""
    module = llama()
    wide = written_out(module)
    with without_float32():
        scores = score_edges(load_model(module, kv_heads="query"), PROMPTS, metric="logit-diff", method="eap").values
        expected = score_edges(load_model(wide), PROMPTS, metric="logit-diff", method="eap").values
    largest = np.nanmax(np.abs(expected))
    assert np.nanmax(np.abs(scores - expected)) < 1e-10 * largest
    brute = brute_force_scores(from_hf(wide), PROMPTS, logit_diff).mean(0).numpy()
    assert np.nanmax(np.abs(scores - brute)) < 1e-7 * largest  # rotary angles are kept in float32


def test_exact_effects_are_those_of_the_model_with_every_heads_weights_written_out() -> None:
    module = llama()
    models = load_model(module, kv_heads="query"), load_model(written_out(module))
    batch = Batch.of(PROMPTS.pairs, models[0].device)
    with without_float32():
        runs = [SinglePatches(model, resample(model, batch)) for model in models]
        graph = models[0].graph
        edges = list(itertools.product(range(4), range(graph.q(1).start, graph.v(1).stop)))
        found, expected = (run.edges(edges) for run in runs)
    assert (found - expected).abs().max() < 1e-12
    assert (expected - runs[1].clean_logits).abs().max() > 1e-3


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("case", ["LlamaForCausalLM", "Phi3ForCausalLM", "falcon-grouped-two-norms"])
def test_any_attention(case: str, attention: str) -> None:
    module = tiny(case, attention=attention)
    assert [row for row in check_model(load_model(module, kv_heads="query")) if not row.passed] == []


@pytest.mark.parametrize("case", [case for case in GROUPED if case not in SEPARABLE])
def test_keys_that_are_normed_by_group_are_refused(case: str) -> None:
    with pytest.raises(UnsupportedModelError, match=r"norms keys with weights of their own .* kv_heads='native'"):
        by_query(case)


def test_a_model_whose_heads_share_nothing_stays_what_it_is() -> None:
    module = llama(num_key_value_heads=4)
    model = load_model(module, kv_heads="query")
    assert model.module is module
    with pytest.raises(ModelError, match="kv_heads 'querry' is not known; did you mean 'query'"):
        load_model(module, kv_heads="querry")


def test_a_failing_run_leaves_no_trace() -> None:
    module = tiny("Phi3ForCausalLM")
    model = load_model(module, kv_heads="query")
    with leaves_no_trace(module), pytest.raises(IndexError):
        model.module(input_ids=torch.tensor([[10_000]]))
