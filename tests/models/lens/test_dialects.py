"""A config is understood in either dialect, or refused with the key, its value and the fix."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edgewise.errors import ModelError, UnsupportedModelError
from edgewise.graph import Graph
from edgewise.models.lens.dialects import is_lens_config, read_config
from tiny_lens import dump, hub

DOCSTRING = hub(
    n_layers=4, d_model=512, d_head=64, n_heads=8, d_mlp=2048, n_ctx=1024, d_vocab=48262, attn_only=True,
    tokenizer_name="NeelNanda/gpt-neox-tokenizer-digits",
)  # fmt: skip
"""attn-only-4l, as its facts are published."""
REDWOOD = hub(
    n_layers=2, d_model=256, d_head=32, n_heads=8, n_ctx=2048, d_vocab=50259, attn_only=True, shortformer_pos=True
)  # fmt: skip
"""redwood_attn_2l likewise."""


@pytest.mark.parametrize(("values", "n_edges"), [(DOCSTRING, 1281), (REDWOOD, 257)])
def test_published_edge_counts(values: dict[str, Any], n_edges: int) -> None:
    assert Graph(read_config(values, "config.json").spec).n_edges == n_edges


def test_the_dialects_say_the_same() -> None:
    by_hub = read_config(hub(act_fn="solu_ln", shortformer_pos=True, ln_eps=1e-4), "config.json")
    by_dump = read_config(dump(act_fn="solu_ln", positional_embedding_type="shortformer", eps=1e-4), "config.json")
    assert by_hub == by_dump


def test_what_is_left_out_has_the_default() -> None:
    needed = {"n_layers": 2, "d_model": 32, "d_head": 8, "n_ctx": 9, "d_vocab": 11, "act_fn": "relu"}
    config = read_config(needed, "config.json")
    assert (config.n_heads, config.n_kv_heads, config.d_mlp, config.d_vocab_out) == (4, 4, 128, 11)
    assert (config.normalization, config.positions, config.causal, config.eps) == ("LN", "standard", True, 1e-5)
    assert config.attn_scale == math.sqrt(8)
    assert config.prepend_bos is True
    unset = {"n_heads": -1, "d_vocab_out": -1, "d_mlp": None, "attn_scale": -1.0, "n_key_value_heads": None}
    assert read_config(needed | unset, "config.json") == config


def test_an_attention_only_model_has_no_neurons() -> None:
    config = read_config(hub(attn_only=True, neuron_scale=0.5, act_fn="something", d_mlp=0), "config.json")
    assert (config.d_mlp, config.act_fn, config.spec.has_mlp) == (None, None, False)


def test_scores_are_divided_by_the_scale_and_the_layer() -> None:
    config = read_config(dump(attn_scale=4.0, scale_attn_by_inverse_layer_idx=True), "config.json")
    assert [config.score_scale(layer) for layer in range(3)] == [1 / 4, 1 / 8, 1 / 12]
    assert read_config(dump(use_attn_scale=False), "config.json").score_scale(2) == 1


@pytest.mark.parametrize(
    ("values", "is_ours"),
    [
        (hub(), True),
        (dump(), True),
        (dump(model_type="gpt2"), False),
        (dump(architectures=["T5ForConditionalGeneration"]), False),
        ({"n_embd": 3}, False),
        ([1], False),
    ],
)
def test_which_configs_are_of_this_format(values: object, is_ours: bool) -> None:
    assert is_lens_config(values) == is_ours


NOT_SUPPORTED = [
    (dump(positional_embedding_type="alibi"), "positional_embedding_type 'alibi' is not supported"),
    (dump(positional_embedding_type="shortfomer"), "did you mean 'shortformer'"),
    (dump(use_local_attn=True, window_size=256), "use_local_attn is True: attention within a window"),
    (dump(post_embedding_ln=True), "post_embedding_ln is True: a norm after the embedding"),
    (dump(num_experts=8), "num_experts is 8: a mixture of experts"),
    (dump(attn_scores_soft_cap=50.0), "attn_scores_soft_cap is 50.0: a soft cap on attention scores"),
    (dump(output_logits_soft_cap=30.0), "output_logits_soft_cap is 30.0: a soft cap on logits"),
    (dump(use_normalization_before_and_after=True), "norms after the blocks"),
    (dump(use_qk_norm=True), "use_qk_norm is True: norms of queries and keys"),
    (dump(use_NTK_by_parts_rope=True), "NTK-by-parts"),
    (dump(use_yarn_rope=True), "YaRN"),
    (dump(rotary_base_local=10000), "rotary_base_local is 10000"),
    (dump(load_in_4bit=True), "quantised"),
    (dump(rotary_scaling_factor=8.0), "rotary_scaling_factor is 8.0: only 1 is understood"),
    (dump(relative_attention_num_buckets=32), "a relative position bias"),
    (dump(act_fn="gelu_neww"), "act_fn 'gelu_neww' is not supported; did you mean 'gelu_new'"),
    (dump(normalization_type="LayerNorm"), "normalization 'LayerNorm' is not supported"),
    (dump(attention_dir="prefix"), "attention_dir 'prefix' is not supported"),
    (dump(gated_mlp=True, act_fn="solu_ln"), "gated_mlp with act_fn 'solu_ln'"),
    (dump(a_new_switch=3), r"a_new_switch is 3: the key is not understood.*--ignore-config a_new_switch"),
    (hub(neuron_temp=2.0), "neuron_temp is 2.0: only 1 is understood.*--ignore-config neuron_temp"),
    (hub(architecture="neel-solu-old"), "architecture is 'neel-solu-old': weights are stored transposed"),
    (hub(architecture="mingpt"), "minGPT"),
]


@pytest.mark.parametrize(("values", "message"), NOT_SUPPORTED)
def test_what_is_not_supported_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=rf"^here.json: .*{message}"):
        read_config(values, "here.json")


def without(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (without(dump(), "n_layers"), "n_layers is missing"),
        (without(dump(), "d_head"), "d_head is missing"),
        (without(dump(), "act_fn"), "act_fn is missing"),
        (dump(d_vocab=-1), "d_vocab is -1; it must be a whole number"),
        (dump(n_ctx="1024"), "n_ctx is '1024'; it must be a whole number"),
        (dump(n_layers=10**9), "n_layers is 1000000000; mend it"),
        (dump(n_layers=True), "n_layers is True; it must be a whole number"),
        (dump(eps="small"), "eps is 'small'; it must be a number"),
        (dump(attn_only="no"), "attn_only is 'no'; it must be true or false"),
        (dump(act_fn=3), "act_fn is 3; it must be a string"),
        (dump(normalization="LNPre"), "normalization_type is 'LN', normalization is 'LNPre', but they mean the same"),
        (hub(eps=1e-6), "eps is 1e-06, ln_eps is 1e-05, but they mean the same"),
        (hub(positional_embedding_type="rotary"), "shortformer_pos says 'standard'.*'rotary'"),
        (dump(uses_rms_norm=True), "uses_rms_norm is true, but normalization is 'LN'"),
        (dump(n_key_value_heads=3), "n_key_value_heads is 3, which does not divide n_heads, 4"),
        (dump(positional_embedding_type="rotary", rotary_dim=10), "rotary_dim is 10; it must be even and at most"),
        (dump(positional_embedding_type="rotary", rotary_dim=5), "rotary_dim is 5; it must be even"),
        (dump(attn_scale=0.0), "attn_scale is 0; scores are divided by it"),
        (dump(attn_only=True, parallel_attn_mlp=True), "parallel_attn_mlp is true and so is attn_only"),
        (without(dump(d_head=12), "n_heads"), "n_heads is missing"),
    ],
)
def test_what_contradicts_itself_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=rf"^here.json: {message}"):
        read_config(values, "here.json")


def test_a_key_that_the_user_vouches_for_is_ignored() -> None:
    plain = read_config(dump(), "here.json")
    assert read_config(dump(a_new_switch=3), "here.json", ignore=["a_new_switch"]) == plain
    assert read_config(dump(neuron_temp=2.0), "here.json", ignore=["neuron_temp"]) == plain
