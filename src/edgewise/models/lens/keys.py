"""The keys of a TransformerLens config that `dialects` does not read: which are harmless, and which must be off.

Sources: the fields of TransformerLens's ``HookedTransformerConfig``, the keys that its loader reads of the hub
repositories of small models (``convert_neel_model_config``), and the settings that those models' training wrote out.
Any key that is in no table here is refused by name.
"""

from __future__ import annotations

# Training, data and bookkeeping of the hub repositories of small models.
TRAINING = frozenset(
    """lr lr_hidden lr_vector lr_schedule betas weight_decay grad_norm_clip batch_size batch_size_per_device
    batches_per_step tokens_per_step max_tokens max_steps max_epochs warmup_tokens warmup_steps truncate_tokens
    train_loss_ewma_beta log_interval save_checkpoints debug debug_batch use_acc use_bfloat16_matmul version
    dataset_name initializer_scale_global initializer_scale_hidden initializer_scale_embed initializer_scale_unembed
    weight_init_scheme fixed_init store_init""".split()
)

# Hooks, initialisation, placement and origin: no effect on what the model computes. The parameters of rotary variants
# and of local attention mean something only beside the switches that must be off, below.
NEUTRAL = frozenset(
    """model_name original_architecture from_checkpoint checkpoint_index checkpoint_label_type checkpoint_value
    init_mode init_weights initializer_range seed device n_devices dtype n_params use_attn_result use_split_qkv_input
    use_hook_mlp_in use_attn_in use_hook_tokens ungroup_grouped_query_attention tokenizer_prepends_bos
    trust_remote_code decoder_start_token_id window_size attn_types layer_norm_folding
    NTK_by_parts_low_freq_factor NTK_by_parts_high_freq_factor NTK_by_parts_factor NTK_original_ctx_len yarn_factor
    yarn_attention_factor yarn_beta_fast yarn_beta_slow yarn_original_max_position_embeddings yarn_truncate
    yarn_global_attn_only train_seq_length norm_topk_prob""".split()
)

HARMLESS = TRAINING | NEUTRAL

# key -> what it would switch on; the forward pass here has none of these
MUST_BE_OFF = {
    "use_local_attn": "attention within a window",
    "post_embedding_ln": "a norm after the embedding",
    "num_experts": "a mixture of experts",
    "experts_per_token": "a mixture of experts",
    "use_normalization_before_and_after": "norms after the blocks",
    "attn_scores_soft_cap": "a soft cap on attention scores",
    "output_logits_soft_cap": "a soft cap on logits",
    "use_NTK_by_parts_rope": "NTK-by-parts rotary frequencies",
    "use_yarn_rope": "YaRN rotary frequencies",
    "rotary_base_local": "a second rotary base",
    "use_qk_norm": "norms of queries and keys",
    "load_in_4bit": "quantised weights",
    "quantization_method": "quantised weights",
    "clip_qkv": "a limit on queries, keys and values",
    "use_logn_attn": "queries scaled by the log of their position",
    "use_dynamic_ntk_rope": "rotary frequencies that depend on the length",
    "use_attention_sinks": "attention sinks",
    "relative_attention_max_distance": "a relative position bias",
    "relative_attention_num_buckets": "a relative position bias",
}

# A factor on rotary positions, and factors that the training code of the small models knew and TransformerLens does
# not: at 1 they change nothing.
MUST_BE_ONE = frozenset(("rotary_scaling_factor", "neuron_scale", "neuron_temp", "control"))
# those of them that an attention-only model has no use for
OF_NEURONS = frozenset(("neuron_scale", "neuron_temp"))

# original layouts that TransformerLens converts when it loads them
OTHER_LAYOUTS = {
    "neel-solu-old": "weights are stored transposed, under other names",
    "mingpt": "weights have minGPT's names and layout",
}
