"""What ``transformers`` reports of a loading, judged: nothing may be made up, and nothing of the stream left out.

A weight that the file lacks would be random, and one that the model has no place for would be left out: either way it
is another model. Neither is refused where it changes nothing: buffers that the class makes by itself, and heads of
other tasks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Names of buffers that older versions of transformers stored: rotary tables, causal masks, position numbers.
BUFFERS = re.compile(
    r"(^|\.)(rotary_emb|rotary|rope)\.(inv_freq|original_inv_freq|cos_cached|sin_cached)$"
    r"|(^|\.)(attn|attention|self_attn|self_attention)\.(bias|masked_bias|causal_mask|rotary_emb\.inv_freq)$"
    r"|(^|\.)(position_ids|causal_mask|attention_mask|embed_positions\._float_tensor|alibi)$"
)
LAYER = re.compile(r"(?<=\.)\d+(?=\.|$)|^\d+(?=\.)")


@dataclass(frozen=True)
class Report:
    """What was wrong with a loading, by names of tensors.

    Args:
        missing: parameters of the model that the file lacks.
        unexpected: tensors of the file that the model has no place for.
        mismatched: by parameter, its shape in the file and in the model.
        errors: what else was said.
    """

    missing: frozenset[str] = frozenset()
    unexpected: frozenset[str] = frozenset()
    mismatched: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()

    @classmethod
    def of(cls, info: Mapping[str, Any], expected: Collection[str], base: str) -> Report:
        """From the loading info of ``from_pretrained``; what changes nothing is left out.

        Args:
            info: the loading info.
            expected: names of all parameters and buffers of the model.
            base: the name of the part that is the model without its head.
        """
        shapes = {str(name): (tuple(found), tuple(wanted)) for name, found, wanted in info["mismatched_keys"]}
        return cls(
            frozenset(info["missing_keys"]),
            frozenset(needing_a_home(info["unexpected_keys"], expected, base)),
            {name: shapes[name] for name in sorted(shapes)},
            tuple(" ".join(str(one).split()) for one in info.get("error_msgs", ())),
        )

    @property
    def passed(self) -> bool:
        """Whether the model is what the file holds."""
        return not (self.missing or self.unexpected or self.mismatched or self.errors)


def needing_a_home(unexpected: Iterable[str], expected: Collection[str], base: str) -> set[str]:
    """Those tensors of a file, among those that a model has no place for, that a model of this file would need.

    Args:
        unexpected: names that the model has no place for.
        expected: names of all parameters and buffers of the model.
        base: the name of the part that is the model without its head.
    """
    inside = {name.split(".")[0] for name in expected}
    inside |= {name.split(".")[1] for name in expected if name.startswith(f"{base}.")}
    kinds = {ending for name in expected for ending in _endings(name)}
    return {name for name in unexpected if not BUFFERS.search(name) and _is_of_the_stream(name, inside, kinds)}


def _is_of_the_stream(name: str, inside: Collection[str], kinds: Collection[str]) -> bool:
    """Whether a tensor lies within a part that the model has, or is called like one of them under another name."""
    adapter = "lora_" in name or ".base_layer." in name
    return adapter or name.split(".")[0] in inside or any(ending in kinds for ending in _endings(name))


def _endings(name: str) -> list[str]:
    """The ends of a name that say its place in a block, the layer's number left open."""
    parts = LAYER.sub("*", name).split(".")
    return [".".join(parts[start:]) for start, part in enumerate(parts) if part == "*" and start < len(parts) - 2]
