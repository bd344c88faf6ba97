"""Every class that edgewise knows, wired right: measured on the real class with random weights."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from scipy.stats import spearmanr
from torch import Tensor
from transformers import PreTrainedModel

from edgewise.engine.check import check_model
from edgewise.engine.check.edges import spread
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.partial.incremental import RunningCircuit
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.metric_path import MetricPath
from edgewise.engine.run.replacement import Baseline, resample
from edgewise.engine.run.sources import SourceOutputs
from edgewise.errors import UnsupportedModelError
from edgewise.metrics import get_metric
from edgewise.models import Model, load_model
from edgewise.models.families import FAMILIES
from edgewise.models.recognise import family_of
from edgewise.models.wiring import Projection
from edgewise.search.exact.targets import Targets
from edgewise.tasks import PromptPair
from tiny import VOCABULARY, prompts
from tiny_families import CASES, FIRST_LAYER_WINDOWED, WINDOW, config_of, tiny
from traces import leaves_no_trace
from without_float32 import without_float32

pytestmark = pytest.mark.slow

METRIC = get_metric("logit-diff")
PROMPTS = prompts(3, seed=4, min_length=WINDOW + 1, max_length=WINDOW + 3)
STEP = 1e-5
N_EDGES = 120
WINDOWS = ("sliding_window", "window_size")
WINDOWED = [name for name in FAMILIES if any(getattr(config_of(name), window, None) for window in WINDOWS)]
EACH = pytest.mark.parametrize("case", CASES)


@cache
def model_of(case: str) -> Model:
    return loaded(tiny(case))


def loaded(module: PreTrainedModel) -> Model:
    """A model that has run once: some keep rotary tables for the length that they last saw."""
    with torch.no_grad():
        module(input_ids=torch.zeros(1, WINDOW + 3, dtype=torch.long))
    return load_model(module)


def batch_of(model: Model) -> Batch:
    return Batch.of(PROMPTS.pairs, model.device)


def scores_of(model: Model, batch: Batch) -> Tensor:
    """EAP's, ``[prompts, source, destination]``."""
    return edge_scores(model, batch, MetricPath(METRIC, batch.metric), Buffers()).edges


def edges_of(model: Model) -> Tensor:
    return torch.tensor(model.graph.mask).nonzero()


def slopes_of(model: Model, batch: Batch, edges: Tensor) -> Tensor:
    """Of the exact effect of each edge, by central differences, ``[edges]``."""
    baseline, up = resample(model, batch), torch.zeros(len(edges), *model.graph.mask.shape, dtype=torch.float64)
    up[torch.arange(len(edges)), edges[:, 0], edges[:, 1]] = STEP
    masks = torch.cat([up, -up])
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
        SourceOutputs().record(hooks, model.wiring, baseline.answers)  # the last block where it is read, as patched
        clean = logits_at(model, hooks, batch.clean[:, batch.start :], baseline.answers, None)
    assert batch.start == 0
    nothing = torch.zeros(1, *model.graph.mask.shape, dtype=torch.bool)
    assert torch.equal(patched_logits(model, baseline, nothing)[0], clean)


@EACH
def test_every_edge_scores_the_slope_of_its_exact_effect(case: str) -> None:
    """120 random edges of all kinds, in float64 throughout; and in the class's own types, as near as those allow."""
    model = model_of(case)
    batch = batch_of(model)
    edges = torch.tensor(spread(model.graph, N_EDGES))
    with leaves_no_trace(model.module), without_float32():
        slopes = slopes_of(model, batch, edges)
        scores = scores_of(model, batch).mean(0)
    assert error(scores[edges[:, 0], edges[:, 1]], slopes) < 1e-7
    own = scores_of(model, batch).mean(0)
    assert error(own[edges[:, 0], edges[:, 1]], slopes) < 1e-5


@EACH
def test_queries_keys_and_values_are_what_they_are_called(case: str) -> None:
    """A query counts at its own position alone, a key and a value from theirs on, for the heads that they serve.

    What heads write is linear in values, and in nothing else.
    """
    model = model_of(case)
    spec, attention = model.graph.spec, model.wiring.blocks[0].attention
    ids, at = torch.arange(WINDOW)[None], 2

    def written(part: Projection, head: int, share: float) -> Tensor:
        """What the first block's heads write, after one head's vector at one position was changed."""
        seen: list[Tensor] = []

        def change(output: Tensor) -> Tensor:
            output = output.clone()
            moved = part.view(output)[:, at, head] + share * torch.linspace(0.5, 1, part.view(output).shape[-1])
            part.view.write(output[:, at], head, moved)
            return output

        with borrowed(model.module) as hooks, torch.no_grad():
            hooks.after(part.module, change)
            hooks.before(attention.out.module, lambda z: seen.append(attention.out.heads(z)[0]))
            model.module(input_ids=ids)
        return seen[0]

    with without_float32():
        for kind, part in zip("qkv", attention.projections, strict=True):
            count = spec.n_heads if kind == "q" else spec.kv_heads
            for head in range(count):
                before, after, twice = (written(part, head, share).double() for share in (0.0, 1.0, 2.0))
                places = ((after - before).abs().amax(-1) > 1e-9).nonzero().tolist()
                served = spec.n_heads // count
                mine = range(head * served, (head + 1) * served)
                touched = range(spec.n_heads) if attention.joint and kind != "v" else mine
                assert {place[1] for place in places} == set(touched)
                assert {place[0] for place in places} == ({at} if kind == "q" else set(range(at, WINDOW)))
                is_linear = (twice - before - 2 * (after - before)).abs().max() < 1e-9
                assert is_linear == (kind == "v")


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
    apart = replace(batch, start=0, differs=None)
    masks = torch.rand(2, *model.graph.mask.shape, generator=draw) * torch.tensor(model.graph.mask)
    with without_float32():
        assert error(scores_of(model, batch), scores_of(model, apart)) < 1e-9
        shared, whole = (patched_logits(model, resample(model, some), masks) for some in (batch, apart))
        edge = [tuple(edges_of(model)[0].tolist())]
        one, other = (SinglePatches(model, resample(model, some)).edges(edge) for some in (batch, apart))
    assert (shared - whole).abs().max() < 1e-9
    assert (one - other).abs().max() < 1e-9


@pytest.mark.parametrize("case", WINDOWED)
def test_windows_are_narrower_than_these_prompts(case: str) -> None:
    """Else the test above would show nothing: a token that is out of reach counts for nothing in a layer's window."""
    model = model_of(case)
    wide = loaded(tiny(case, **{name: 4 * WINDOW for name in WINDOWS if name in vars(model.config)}))
    ids = torch.arange(3 * WINDOW)[None]
    assert (model.module(ids).logits - wide.module(ids).logits).abs()[0, WINDOW:].max() > 1e-3


@EACH
def test_a_circuit_changed_from_the_output_back_is_the_run_with_those_edges_patched(case: str) -> None:
    model = model_of(case)
    baseline, graph = resample(model, batch_of(model)), model.graph
    draw = torch.Generator().manual_seed(6)
    with leaves_no_trace(model.module), without_float32():
        circuit = RunningCircuit(model, baseline)
        for column in reversed(range(graph.n_destinations)):
            sources = torch.tensor(circuit.kept[:, column]).nonzero()[:, 0]
            removed = sources[torch.rand(len(sources), generator=draw) < 0.6].tolist()
            if not circuit.is_read((column,)):
                circuit.drop((column,))
            elif removed:
                circuit.accept(circuit.trial((column,), removed))
        mask = torch.tensor(graph.mask & ~circuit.kept)
        assert (circuit.logits - patched_logits(model, baseline, mask[None])[0]).abs().max() < 1e-9


@pytest.mark.parametrize("case", [case for case in CASES if getattr(transformers, CASES[case][0])._supports_sdpa])
def test_attention_may_be_eager(case: str) -> None:
    model, eager = model_of(case), loaded(tiny(case, attention="eager"))
    # With ALiBi, transformers' eager attention adds the bias twice, and is another model.
    if getattr(model.config, "alibi", False):
        assert all(row.passed for row in check_model(eager))
    else:
        assert error(*(scores_of(one, batch_of(model)) for one in (eager, model))) < 1e-4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@EACH
def test_half_precision_ranks_edges_as_float64_does(case: str, dtype: torch.dtype) -> None:
    half, model = loaded(tiny(case, dtype=dtype)), model_of(case)
    batch, edges = batch_of(model), edges_of(model)
    with leaves_no_trace(half.module):
        found = scores_of(half, batch).mean(0)[edges[:, 0], edges[:, 1]]
    expected = scores_of(model, batch).mean(0)[edges[:, 0], edges[:, 1]]
    # Where two experts are nearly equal, rounding to 8 bits can send a token to the other one.
    least = 0.95 if dtype == torch.bfloat16 and hasattr(half.config, "num_experts_per_tok") else 0.99
    assert spearmanr(found, expected).statistic > least


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("architecture", FAMILIES)
def test_a_saved_model_is_loaded_by_its_folder(architecture: str, dtype: str, tmp_path: Path) -> None:
    module = tiny(architecture, dtype=getattr(torch, dtype))
    module.save_pretrained(tmp_path)
    model = load_model(tmp_path, dtype=dtype)
    assert model.dtype == module.dtype
    ids = torch.arange(WINDOW + 2)[None]
    with torch.no_grad():
        assert model.graph == load_model(module).graph
        # Rotary tables were made in float32 or in the model's type.
        assert error(model.module(ids).logits, module(ids).logits) < (1e-6 if dtype == "float64" else 5e-2)


REFUSED = [
    ("OPTForCausalLM", {"do_layer_norm_before": False}, "OPTConfig.do_layer_norm_before is False"),
    ("OPTForCausalLM", {"word_embed_proj_dim": 16}, "word_embed_proj_dim 16 is not hidden_size 32"),
    ("OPTForCausalLM", {"_remove_final_layer_norm": True}, "OPTConfig._remove_final_layer_norm is True"),
    ("OlmoForCausalLM", {"clip_qkv": 8.0}, "OlmoConfig.clip_qkv is 8.0, but only None is understood"),
    ("GemmaForCausalLM", {"use_bidirectional_attention": True}, "use_bidirectional_attention is True"),
    ("MixtralForCausalLM", {"output_router_logits": True}, "output_router_logits is True"),
    ("FalconForCausalLM", {"new_decoder_architecture": True, "parallel_attn": False}, "without parallel_attn"),
    ("FalconForCausalLM", {"num_ln_in_parallel_attn": 2}, "num_ln_in_parallel_attn is 2"),
    ("Gemma2ForCausalLM", {"attention_bias": True}, "attention_bias is True, but only False is understood"),
    ("Gemma3ForCausalLM", {"use_bidirectional_attention": True}, "only causal attention is understood"),
    ("Gemma3ForConditionalGeneration", {}, "it reads images too; give load_model its text part"),
    ("GPT2LMHeadModel", {"add_cross_attention": True}, "add_cross_attention is True: attention to another model"),
    ("GPT2LMHeadModel", {"is_causal": False}, "is_causal is False: only causal attention is understood"),
    ("GPT2LMHeadModel", {"pruned_heads": {"0": [1]}}, "pruned_heads is .*: layers with fewer heads"),
    ("LlamaForCausalLM", {"per_layer_config": {"0": {"intermediate_size": 7}}}, "per_layer_config is .*several shapes"),
    ("LlamaForCausalLM", {"quantization": {"bits": 4}}, "quantization is .*packed for MLX"),
    ("LlamaForCausalLM", {"use_bidirectional_attention": True}, "only causal attention is understood"),
    ("LlamaForCausalLM", {"layer_types": FIRST_LAYER_WINDOWED}, "layer_types .= .*. is not understood"),
    ("LlamaForCausalLM", {"rope_interleaved": True}, "rope_interleaved is True, but only False is understood"),
    (
        "Qwen3ForCausalLM",
        {"attention_chunk_size": 3, "text_config": {}},
        "attention_chunk_size .= 3., text_config .= {}. are not understood.*--ignore-config attention_chunk_size"
        " --ignore-config text_config",
    ),
]


def test_a_constant_that_a_norm_would_scale_is_refused_although_vouched_for() -> None:
    module = tiny("Olmo2ForCausalLM", attention_bias=True)
    with pytest.raises(UnsupportedModelError, match="where it is an RMSNorm and the projection has no bias"):
        load_model(module, ignore_config=["attention_bias"])


@pytest.mark.parametrize(("architecture", "switched", "reason"), REFUSED)
def test_what_the_wiring_does_not_know_is_refused(architecture: str, switched: dict[str, Any], reason: str) -> None:
    config = config_of(architecture, **switched)
    with pytest.raises(UnsupportedModelError, match=reason):
        family_of(getattr(transformers, architecture), config)
