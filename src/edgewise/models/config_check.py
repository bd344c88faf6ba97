"""What a family's file says it understands of a model's config; anything else that matters is refused by name.

A config attribute that changes the forward pass in a way the wiring does not know would make every score silently
wrong. So each family lists the attributes it was written for. Of the others, one that has its class's own default is
what the family was written with, and one that the class's code never reads changes nothing; a model with any other is
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from transformers import PretrainedConfig

from edgewise.errors import UnsupportedModelError
from edgewise.models.config_reads import reads_of

# Attributes that the code of any class may read and that do not change what a causal language model computes:
# file-keeping, where and how it runs, its start before training, special tokens, outputs beside the logits. Positions
# are made behind the projections of queries and keys, so they are the model's own.
HARMLESS = frozenset(
    """_name_or_path _commit_hash model_type transformers_version transformers_weights architectures dtype vocab_size
    tie_word_embeddings _attn_implementation_internal _experts_implementation_internal _output_attentions
    _post_init_done _is_quantized quantization_config gradient_checkpointing use_cache output_attentions
    output_hidden_states loss_type initializer_range initializer_factor init_std bos_token_id eos_token_id
    pad_token_id sep_token_id base_model_tp_plan base_model_pp_plan rope_parameters partial_rotary_factor
    original_max_position_embeddings max_position_embeddings ignore_keys_at_rope_validation""".split()
)

# Attributes that change the computation, or say that the weights were made for another one, whatever the class: the
# values that do not, and what the others mean.
ALWAYS: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "is_encoder_decoder": ((False, None), "edgewise reads decoder-only models; load the decoder alone"),
    "add_cross_attention": ((False, None), "attention to another model's output is not understood"),
    "is_causal": ((True, None), "only causal attention is understood"),
    "use_bidirectional_attention": ((False, None), "only causal attention is understood"),
    "pruned_heads": (({}, None), "layers with fewer heads are not understood"),
    "per_layer_config": (({}, None), "layers of several shapes are not understood"),
    "fusion_config": (({}, None), "fused modules are not understood"),
    "return_dict": ((True, None), "outputs without names are not understood; set it to true"),
    "quantization": ((None,), "weights packed for MLX are not understood; load the model that they were made from"),
}


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

    def check(self, config: PretrainedConfig, kind: type, ignore: Collection[str] = ()) -> None:
        """Refuse a config with attributes that are not understood.

        Args:
            config: the model's config.
            kind: the model's class.
            ignore: names the user vouches for.

        Raises:
            UnsupportedModelError: naming the attributes, their values, and what to do.
        """
        name, given = type(config).__name__, _given(config)
        known = [x for x in given if x not in ignore]
        if wrong := [reason for x in known if (reason := self._wrong(x, given[x]))]:
            raise UnsupportedModelError(f"{name}.{'; '.join(wrong)}")
        defaults = _defaults(type(config))
        if unknown := [x for x in known if not self._serves(x, given[x], defaults, kind)]:
            said = ", ".join(f"{x} (= {given[x]!r:.60})" for x in unknown)
            several = len(unknown) > 1
            raise UnsupportedModelError(
                f"{name}.{said} {'are' if several else 'is'} not understood, and could change what the model computes;"
                f" if {'they do' if several else 'it does'} not, vouch for {'them' if several else 'it'}:"
                f" {' '.join(f'--ignore-config {x}' for x in unknown)}, or ignore_config={unknown!r}"
            )
        reason = self.refuse(config)
        if reason is not None:
            raise UnsupportedModelError(f"{name}: {reason}")

    def _wrong(self, attribute: str, value: Any) -> str | None:
        """What is wrong with a value that is known to change the computation, or None."""
        if attribute in self.required and value != self.required[attribute]:
            only = f"only {self.required[attribute]!r} is understood"
            return f"{attribute} is {value!r:.60}, but {only}; use a model without it"
        if attribute in ALWAYS and attribute not in (*self.attributes, *self.required):
            fine, meaning = ALWAYS[attribute]
            return None if value in fine else f"{attribute} is {value!r:.60}: {meaning}"
        return None

    def _serves(self, attribute: str, value: Any, defaults: Mapping[str, Any], kind: type) -> bool:
        """Whether the wiring holds for any value, or for this one, or the attribute changes nothing."""
        if attribute in HARMLESS or attribute in ALWAYS or attribute in self.attributes or attribute in self.required:
            return True
        if attribute in defaults and value == defaults[attribute]:
            return True
        if attribute == "layer_types" and set(value or ()) <= {"full_attention"}:
            return True
        return reads_of(kind).changes_nothing(attribute, value)


def _given(config: PretrainedConfig) -> dict[str, Any]:
    """Every attribute by its name, in order."""
    own = {name: value for name, value in vars(config).items() if name != "_heterogeneity_spec"}
    if config.is_heterogeneous:
        own["per_layer_config"] = config._heterogeneity_spec.per_layer_overrides
    return dict(sorted(own.items()))


def _defaults(kind: type[PretrainedConfig]) -> dict[str, Any]:
    """The values that a config class gives its attributes."""
    found = {one.name: one.default for one in fields(kind)}
    made = {one.name: one.default_factory() for one in fields(kind) if one.default_factory is not MISSING}
    return found | made
