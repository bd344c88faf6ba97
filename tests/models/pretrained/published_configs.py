"""Config files as models were published with them, shrunk: sizes are ours, names and odd attributes are theirs."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

VOCABULARY = 60
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "vocab_size": VOCABULARY}
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40, **TOKENS}
GROUPED = SIZES | {"num_key_value_heads": 2}
SAVED = {"torch_dtype": "float16", "transformers_version": "4.31.0", "use_cache": True, "initializer_range": 0.02}
ROTARY = {"max_position_embeddings": 64, "rope_theta": 10000.0, "rope_scaling": None}
SEQUENCES = {
    "summary_activation": None,
    "summary_first_dropout": 0.1,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
}

# What a file of 2023 holds that was written with every default of the library of that time.
DUMP: Config = {
    "return_dict": True,
    "output_hidden_states": False,
    "output_attentions": False,
    "torchscript": False,
    "use_bfloat16": False,
    "tf_legacy_loss": False,
    "pruned_heads": {},
    "tie_word_embeddings": True,
    "is_encoder_decoder": False,
    "is_decoder": False,
    "cross_attention_hidden_size": None,
    "add_cross_attention": False,
    "tie_encoder_decoder": False,
    "max_length": 20,
    "min_length": 0,
    "do_sample": False,
    "early_stopping": False,
    "num_beams": 1,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None,
    "num_return_sequences": 1,
    "chunk_size_feed_forward": 0,
    "output_scores": False,
    "return_dict_in_generate": False,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "remove_invalid_values": False,
    "exponential_decay_length_penalty": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "finetuning_task": None,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
    "label2id": {"LABEL_0": 0, "LABEL_1": 1},
    "tokenizer_class": None,
    "prefix": None,
    "pad_token_id": None,
    "sep_token_id": None,
    "decoder_start_token_id": None,
    "task_specific_params": None,
    "problem_type": None,
    "_name_or_path": "/checkpoints/final",
    "_commit_hash": None,
    "_attn_implementation_autoset": False,
    "_flash_attn_2_enabled": False,
}


def _named(architecture: str, model_type: str, *parts: Config, **odd: Any) -> Config:
    merged: Config = {"architectures": [architecture], "model_type": model_type, **SAVED}
    for part in (*parts, odd):
        merged |= part
    return merged


def _gpt2(**odd: Any) -> Config:
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_ctx": 64, **TOKENS}
    dropout = {"attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1}
    kind = {"activation_function": "gelu_new", "layer_norm_epsilon": 1e-05}
    return _named("GPT2LMHeadModel", "gpt2", sizes, dropout, kind, SEQUENCES, odd)


def _neox(**odd: Any) -> Config:
    kind = {"hidden_act": "gelu", "layer_norm_eps": 1e-05, "rotary_emb_base": 10000, "rotary_pct": 0.25}
    more = {"max_position_embeddings": 64, "use_parallel_residual": True, "tie_word_embeddings": False}
    return _named("GPTNeoXForCausalLM", "gpt_neox", SIZES, kind, more, odd)


def _llama(**odd: Any) -> Config:
    kind = {"hidden_act": "silu", "rms_norm_eps": 1e-06, "tie_word_embeddings": False}
    return _named("LlamaForCausalLM", "llama", GROUPED, kind, {"max_position_embeddings": 64}, odd)


def _like_llama(architecture: str, model_type: str, **odd: Any) -> Config:
    return _llama() | {"architectures": [architecture], "model_type": model_type, "rope_theta": 1000000.0} | odd


def _opt(**odd: Any) -> Config:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 40, **TOKENS}
    kind = {"activation_function": "relu", "do_layer_norm_before": True, "word_embed_proj_dim": 32}
    more = {"max_position_embeddings": 64, "dropout": 0.1, "attention_dropout": 0.0, "activation_dropout": 0.0}
    return _named(
        "OPTForCausalLM", "opt", sizes, kind, more, {"layerdrop": 0.0, "init_std": 0.02, "prefix": "</s>"}, odd
    )


def _falcon(**odd: Any) -> Config:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, **TOKENS}
    kind = {"alibi": False, "bias": False, "multi_query": True, "parallel_attn": True, "layer_norm_epsilon": 1e-05}
    more = {"attention_dropout": 0.0, "hidden_dropout": 0.0, "apply_residual_connection_post_layernorm": False}
    where = {"auto_map": {"AutoConfig": "configuration_falcon.FalconConfig"}}
    return _named("FalconForCausalLM", "falcon", sizes, kind, more, where, {"new_decoder_architecture": False}, odd)


def _bloom(**odd: Any) -> Config:
    sizes = {"hidden_size": 32, "n_layer": 2, "n_head": 4, **TOKENS, "unk_token_id": 0, "pad_token_id": 3}
    kind = {"layer_norm_epsilon": 1e-05, "hidden_dropout": 0.0, "attention_dropout": 0.0, "pretraining_tp": 1}
    train = {"apply_residual_connection_post_layernorm": False, "attention_softmax_in_fp32": True}
    train |= {"bias_dropout_fusion": True, "masked_softmax_fusion": True, "skip_bias_add": True, "offset_alibi": 100}
    more = {"n_inner": None, "seq_length": 64, "skip_bias_add_qkv": False, "slow_but_exact": False}
    return _named("BloomForCausalLM", "bloom", sizes, kind, train, more, odd)


def _phi(**odd: Any) -> Config:
    kind = {"hidden_act": "gelu_new", "layer_norm_eps": 1e-05, "partial_rotary_factor": 0.5, "qk_layernorm": False}
    return _named("PhiForCausalLM", "phi", SIZES, ROTARY, kind, {"embd_pdrop": 0.0, "resid_pdrop": 0.0}, odd)


def _phi3(**odd: Any) -> Config:
    kind = {"hidden_act": "silu", "rms_norm_eps": 1e-05, "embd_pdrop": 0.0, "resid_pdrop": 0.0, "pad_token_id": 0}
    where = {"auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"}, "original_max_position_embeddings": 16}
    return _named("Phi3ForCausalLM", "phi3", GROUPED, ROTARY, kind, where, {"sliding_window": 2047}, odd)


def _gemma(architecture: str, model_type: str, **odd: Any) -> Config:
    kind = {"head_dim": 16, "hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-06, "pad_token_id": 0}
    return _named(architecture, model_type, GROUPED, ROTARY, kind, {"attention_bias": False}, odd)


GENERATES = {"text-generation": {"do_sample": True, "max_length": 50}}
OLD = {"n_special": 0, "predict_special_tokens": True}
LONG = {"type": "longrope", "short_factor": [1.0] * 4, "long_factor": [1.5] * 4}
LLAMA3 = {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "rope_type": "llama3"}
LLAMA3 |= {"original_max_position_embeddings": 16}
MIXED = ["sliding_attention", "full_attention"]

PUBLISHED: dict[str, Config] = {
    "gpt2": _gpt2(task_specific_params=GENERATES),
    "gpt2-medium": _gpt2(**OLD, task_specific_params=GENERATES),
    "gpt2-xl": _gpt2(**OLD, output_past=True, task_specific_params=GENERATES),
    "distilgpt2": _gpt2(_num_labels=1, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0}),
    "DialoGPT-medium": _gpt2(**OLD, task_specific_params={"conversational": {"max_length": 1000}}),
    "biogpt-like-dump-of-gpt2": _gpt2(**DUMP),
    "gpt2-of-2019": {name: x for name, x in _gpt2(**OLD, finetuning_task=None).items() if name != "model_type"},
    "codeparrot": _gpt2(scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True, scale_attn_weights=True),
    "stanford-crfm": _gpt2(
        scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True, gradient_checkpointing=False
    ),
    "headless-gpt2": _gpt2(architectures=["GPT2Model"]),
    "gpt2-saved-from-keras": _gpt2(architectures=["TFGPT2LMHeadModel"]),
    "gpt-neo-125m": _named(
        "GPTNeoForCausalLM",
        "gpt_neo",
        {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "intermediate_size": None, **TOKENS, **SEQUENCES},
        {"attention_types": [[["global", "local"], 1]], "attention_layers": ["global", "local"], "window_size": 4},
        {"activation_function": "gelu_new", "attention_dropout": 0, "embed_dropout": 0, "resid_dropout": 0},
        {"max_position_embeddings": 64, "gradient_checkpointing": False, "layer_norm_epsilon": 1e-05},
    ),
    "gpt-j-6b": _named(
        "GPTJForCausalLM",
        "gptj",
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_inner": None, "rotary_dim": 4, **TOKENS},
        {"rotary": True, "scale_attn_weights": True, "gradient_checkpointing": False, "tie_word_embeddings": False},
        {"task_specific_params": GENERATES, "tokenizer_class": "GPT2Tokenizer", **SEQUENCES},
    ),
    "gpt-neox-20b": _neox(attention_probs_dropout_prob=0, hidden_dropout_prob=0, hidden_act="gelu_fast"),
    "pythia-160m": _neox(),
    "pythia-of-2024": _neox(attention_bias=True, classifier_dropout=0.1, hidden_dropout=0.0, rope_scaling=None),
    "dolly-v2": _neox(custom_pipelines={"text-generation": {"pt": "AutoModelForCausalLM"}}),
    "dump-of-gpt-neox": _neox(**DUMP | {"tie_word_embeddings": False}),
    "opt-125m": _opt(_remove_final_layer_norm=False, enable_bias=True, layer_norm_elementwise_affine=True),
    "opt-of-2022": _opt(output_projection=True),
    "galactica": _opt(
        activation_function="gelu", enable_bias=False, layer_norm_elementwise_affine=False, scale_embeddings=False
    ),
    "bloom-560m": _bloom(),
    "headless-bloom": _bloom(architectures=["BloomModel"], n_embed=32, num_attention_heads=4),
    "falcon-7b": _falcon(),
    "falcon-40b": _falcon(new_decoder_architecture=True, num_kv_heads=2),
    "falcon-rw-1b": _falcon(alibi=True, bias=True, multi_query=False, parallel_attn=False),
    "falcon-11B": _falcon(
        new_decoder_architecture=True,
        num_kv_heads=2,
        num_ln_in_parallel_attn=1,
        ff_factor=4,
        rope_theta=500042.0,
        activation="gelu",
        ffn_hidden_size=128,
        max_position_embeddings=64,
        rope_scaling=None,
    ),
    "phi-1": _phi(_name_or_path="microsoft/phi-2", attention_bias=False, rotary_dim=4),
    "phi-1_5": _phi(attention_dropout=0.0, num_key_value_heads=None, resid_pdrop=0.1),
    "phi-2": _phi(
        partial_rotary_factor=0.5, num_key_value_heads=4, auto_map={"AutoConfig": "configuration_phi.PhiConfig"}
    ),
    "Phi-3-mini-4k": _phi3(attention_bias=False),
    "Phi-3-mini-128k": _phi3(rope_scaling=LONG, attention_bias=False),
    "Phi-3.5-mini": _phi3(rope_scaling=LONG, attention_bias=False, sliding_window=262144),
    "phi-4": _phi3(sliding_window=None, attention_bias=False),
    "Phi-4-mini": _phi3(
        partial_rotary_factor=0.75,
        rope_scaling=LONG | {"short_factor": [1.0] * 3, "long_factor": [1.5] * 3},
        full_attn_mod=1,
        interpolate_factor=1,
        lm_head_bias=False,
        mlp_bias=False,
        attention_bias=False,
    ),
    "llama-7b": _llama(
        architectures=["LLaMAForCausalLM"], num_key_value_heads=None, max_sequence_length=64, pad_token_id=-1
    ),
    "llama-7b-mended": _llama(unk_token_id=0, pad_token_id=0, max_sequence_length=64, pretraining_tp=1),
    "dump-of-llama": _llama(**DUMP | {"tie_word_embeddings": False}, onnx_dataset=None, attn_config={}),
    "Llama-2-7b": _llama(pretraining_tp=1, rope_scaling=None),
    "Llama-3.1-8B": _llama(rope_scaling=LLAMA3, rope_theta=500000.0, mlp_bias=False, eos_token_id=[2, 3, 4]),
    "Llama-3.2-1B": _llama(rope_scaling=LLAMA3 | {"factor": 32.0}, head_dim=8, tie_word_embeddings=True),
    "SmolLM2-135M": _llama(rope_interleaved=False, is_llama_config=True, **{"transformers.js_config": {"dtype": "q4"}}),
    "TinyLlama": _llama(attention_bias=False, rope_theta=10000.0, pretraining_tp=1),
    "Falcon3-7B": _llama(activation="swiglu", head_dim=16, rope_theta=1000042, attention_bias=False),
    "Yi-6B": _llama(rope_theta=5000000.0, pad_token_id=0, auto_map={"AutoConfig": "configuration_yi.YiConfig"}),
    "deepseek-llm-7b": _llama(attn_implementation=None, aux_loss_alpha=0.001, seq_aux=True),
    "open_llama": _llama(
        use_memory_efficient_attention=True, hidden_dropout_prob=0.1, shared_input_output_embedding=False
    ),
    "vicuna-7b": _llama(
        max_sequence_length=64, rope_scaling={"factor": 4.0, "type": "linear"}, _flash_attn_2_enabled=False
    ),
    "unsloth-tuned": _llama(unsloth_version="2024.9", unsloth_fixed=True, _attn_implementation="sdpa"),
    "headless-llama": _llama(architectures=["LlamaModel"]),
    "without-architectures": _llama(architectures=None),
    "Mistral-7B": _like_llama("MistralForCausalLM", "mistral", sliding_window=4096),
    "Mistral-7B-v0.3": _like_llama("MistralForCausalLM", "mistral", sliding_window=None, head_dim=8),
    "dump-of-mistral": _like_llama("MistralForCausalLM", "mistral", **DUMP | {"tie_word_embeddings": False}),
    "Mixtral-8x7B": _like_llama(
        "MixtralForCausalLM",
        "mixtral",
        num_local_experts=4,
        num_experts_per_tok=2,
        output_router_logits=False,
        router_aux_loss_coef=0.02,
        sliding_window=None,
    ),
    "Qwen1.5-0.5B": _like_llama(
        "Qwen2ForCausalLM", "qwen2", max_window_layers=21, sliding_window=32768, use_sliding_window=False
    ),
    "Qwen2.5-0.5B": _like_llama(
        "Qwen2ForCausalLM", "qwen2", max_window_layers=24, use_mrope=False, sliding_window=32768
    ),
    "Qwen2-Math": _like_llama(
        "Qwen2ForCausalLM", "qwen2", seq_length=64, onnx_dataset=None, use_cache_quantization=False
    ),
    "Qwen3-0.6B": _like_llama("Qwen3ForCausalLM", "qwen3", head_dim=16, attention_bias=False, sliding_window=None),
    "Qwen1.5-MoE": _like_llama(
        "Qwen2MoeForCausalLM",
        "qwen2_moe",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=24,
        shared_expert_intermediate_size=24,
        decoder_sparse_step=1,
        norm_topk_prob=False,
        output_router_logits=False,
    ),
    "Qwen3-30B-A3B": _like_llama(
        "Qwen3MoeForCausalLM",
        "qwen3_moe",
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=24,
        decoder_sparse_step=1,
        mlp_only_layers=[],
        norm_topk_prob=True,
        router_aux_loss_coef=0.001,
        head_dim=16,
    ),
    "gemma-2b": _gemma("GemmaForCausalLM", "gemma", hidden_activation=None, hidden_act="gelu"),
    "gemma-2-2b": _gemma(
        "Gemma2ForCausalLM",
        "gemma2",
        attn_logit_softcapping=50.0,
        final_logit_softcapping=30.0,
        sliding_window=4,
        cache_implementation="hybrid",
        hidden_activation="gelu_pytorch_tanh",
        query_pre_attn_scalar=16,
    ),
    "gemma-3-1b": _gemma(
        "Gemma3ForCausalLM",
        "gemma3_text",
        attn_logit_softcapping=None,
        final_logit_softcapping=None,
        sliding_window=4,
        cache_implementation="hybrid",
        hidden_activation="gelu_pytorch_tanh",
        query_pre_attn_scalar=16,
        rope_local_base_freq=10000,
        sliding_window_pattern=6,
    ),
    "gemma-3-270m": _gemma(
        "Gemma3ForCausalLM",
        "gemma3_text",
        _sliding_window_pattern=6,
        layer_types=MIXED,
        sliding_window=4,
        use_bidirectional_attention=False,
        rope_local_base_freq=10000.0,
        hidden_activation="gelu_pytorch_tanh",
    ),
    "c4ai-command-r": _like_llama(
        "CohereForCausalLM", "cohere", logit_scale=0.0625, model_max_length=64, use_qk_norm=False, layer_norm_eps=1e-05
    ),
    "stablelm-2-1_6b": _like_llama(
        "StableLmForCausalLM",
        "stablelm",
        layer_norm_eps=1e-05,
        use_qkv_bias=True,
        partial_rotary_factor=0.25,
        norm_eps=1e-05,
        rope_pct=0.25,
        rotary_scaling_factor=1.0,
        use_parallel_residual=False,
        num_heads=4,
    ),
    "OLMo-1B-hf": _like_llama("OlmoForCausalLM", "olmo", clip_qkv=None, attention_bias=False, pretraining_tp=1),
    "OLMo-2-1B": _like_llama("Olmo2ForCausalLM", "olmo2", attention_bias=False, pad_token_id=0),
    "Olmo-3-7B": _like_llama("Olmo3ForCausalLM", "olmo3", layer_types=MIXED, sliding_window=4, attention_bias=False),
    "OLMoE-1B-7B": _like_llama(
        "OlmoeForCausalLM",
        "olmoe",
        clip_qkv=None,
        num_experts=4,
        num_experts_per_tok=2,
        norm_topk_prob=False,
        output_router_logits=False,
        router_aux_loss_coef=0.01,
        attention_bias=False,
        pad_token_id=0,
    ),
    "granite-3.3-2b": _like_llama(
        "GraniteForCausalLM",
        "granite",
        attention_multiplier=0.25,
        embedding_multiplier=12.0,
        logits_scaling=8.0,
        residual_multiplier=0.22,
        mlp_bias=False,
    ),
    "EXAONE-4.0-1.2B": _like_llama(
        "Exaone4ForCausalLM",
        "exaone4",
        layer_types=MIXED,
        sliding_window=4,
        sliding_window_pattern="LG",
        head_dim=8,
        pad_token_id=0,
    ),
    "SmolLM3-3B": _like_llama(
        "SmolLM3ForCausalLM",
        "smollm3",
        no_rope_layers=[1, 0],
        no_rope_layer_interval=2,
        layer_types=["full_attention"] * 2,
        max_window_layers=28,
        sliding_window=None,
        use_sliding_window=False,
        mlp_bias=False,
        pad_token_id=0,
    ),
    "GLM-4-9B": _like_llama(
        "Glm4ForCausalLM",
        "glm4",
        partial_rotary_factor=0.5,
        head_dim=8,
        attention_bias=True,
        pad_token_id=0,
        eos_token_id=[2, 3],
    ),
    "gpt-oss-20b": _like_llama(
        "GptOssForCausalLM",
        "gpt_oss",
        num_local_experts=4,
        num_experts_per_tok=2,
        experts_per_token=2,
        head_dim=8,
        initial_context_length=16,
        layer_types=MIXED,
        sliding_window=4,
        swiglu_limit=7.0,
        output_router_logits=False,
        router_aux_loss_coef=0.9,
        pad_token_id=0,
        attention_bias=True,
    ),
}
"""By the model's name, or by what is odd about its file."""
