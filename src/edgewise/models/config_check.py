"""What a family's file says it understands of a model's config; everything else is refused by name.

A config attribute that changes the forward pass in a way the wiring does not know would make every score silently
wrong. So each family lists the attributes it was written for, and a model with any other is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from transformers import PretrainedConfig

from edgewise.errors import UnsupportedModelError

# Attributes that every transformers config may carry and that do not change a causal language model's forward pass:
# file-keeping, generation and training settings, other heads' settings.
HARMLESS = frozenset(
    """model_type transformers_version architectures dtype torch_dtype name_or_path auto_map task_specific_params
    vocab_size tie_word_embeddings use_cache output_attentions output_hidden_states return_dict chunk_size_feed_forward
    initializer_range bos_token_id eos_token_id pad_token_id sep_token_id decoder_start_token_id id2label label2id
    num_labels problem_type finetuning_task tokenizer_class prefix is_decoder is_encoder_decoder
    cross_attention_hidden_size attn_implementation transformers.js_config transformers_weights
    gradient_checkpointing unsloth_version
    unsloth_fixed base_model_tp_plan base_model_pp_plan rope_theta rope_scaling partial_rotary_factor
    torchscript quantization_config experts_implementation ignore_keys_at_rope_validation""".split()
)


@dataclass(frozen=True)
class Understood:
    """The config attributes a family was written for.

    Args:
        attributes: names whose every value the wiring serves.
        required: names that must have one value, where the config has them; another value is refused.
        refuse: what a config as a whole is refused for, or None.
    """

    attributes: frozenset[str]
    required: Mapping[str, Any] = field(default_factory=dict)
    refuse: Callable[[PretrainedConfig], str | None] = lambda config: None

    def check(self, config: PretrainedConfig, ignore: Collection[str] = ()) -> None:
        """Refuse a config attribute that is not understood.

        Args:
            config: the model's config.
            ignore: names the user vouches for.

        Raises:
            UnsupportedModelError: naming the attribute, its value, and what to do.
        """
        name = type(config).__name__
        if config.is_encoder_decoder:
            raise UnsupportedModelError(
                f"{name}.is_encoder_decoder is True: edgewise reads decoder-only models; load the decoder alone"
            )
        for attribute, value in sorted(vars(config).items()):
            if attribute in ignore:
                continue
            if attribute in self.required:
                if value != self.required[attribute]:
                    raise UnsupportedModelError(
                        f"{name}.{attribute} is {value!r}, but only {self.required[attribute]!r} is understood;"
                        " use a model without it"
                    )
            elif not (attribute.startswith("_") or attribute in HARMLESS or attribute in self.attributes):
                raise UnsupportedModelError(
                    f"{name}.{attribute} (= {value!r:.60}) is not understood, and could change what the model computes;"
                    f" if it does not, name it: ignore_config=[{attribute!r}] or --ignore-config {attribute}"
                )
        reason = self.refuse(config)
        if reason is not None:
            raise UnsupportedModelError(f"{name}: {reason}")
