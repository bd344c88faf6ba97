"""How attention and experts are computed: what is asked for and is there, or ``transformers``' own choice."""

from __future__ import annotations

import warnings
from typing import Any

from transformers.utils import is_kernels_available, is_torch_flex_attn_available

from edgewise.errors import EdgewiseWarning, ModelError, did_you_mean

# What a file may choose: what runs everywhere, in every type, on every mask.
PLAIN_ATTENTION = ("eager", "sdpa")
PLAIN_EXPERTS = ("eager", "grouped_mm", "batched_mm")


def available(kind: Any) -> list[str]:
    """The names of the ways to compute attention that a class has here."""
    from transformers.modeling_flash_attention_utils import FLASH_ATTENTION_COMPATIBILITY_MATRIX
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    flash = {f"flash_attention_{version}": found for version, found in FLASH_ATTENTION_COMPATIBILITY_MATRIX.items()}
    there = {
        "sdpa": kind._supports_sdpa,
        "flex_attention": kind._supports_flex_attn and is_torch_flex_attn_available(),
        **{name: kind._supports_flash_attn and found["general_availability_check"]() for name, found in flash.items()},
        "paged|eager": False,
    }
    return ["eager", *sorted(name for name in ALL_ATTENTION_FUNCTIONS.valid_keys() if there.get(name, True))]


def require_available(name: str, kind: Any, attention: str) -> None:
    """Refuse a way to compute attention that is not here.

    Args:
        name: what the user called the model.
        kind: its class.
        attention: what the user asked for; with a slash, a kernel of the hub.

    Raises:
        ModelError: listing those that are here.
    """
    known = available(kind)
    if attention not in known and not ("/" in attention and is_kernels_available()):
        near = _needs(attention) or did_you_mean(attention, known)
        raise ModelError(
            f"model {name!r}: attention {attention!r} is not there for {kind.__name__} on this machine{near};"
            f" use one of {', '.join(known)}"
        )


def _needs(attention: str) -> str | None:
    """What is missing for a way that ``transformers`` knows."""
    from transformers.modeling_flash_attention_utils import FLASH_ATTENTION_COMPATIBILITY_MATRIX

    number = attention.removeprefix("flash_attention_")
    if number not in map(str, FLASH_ATTENTION_COMPATIBILITY_MATRIX):
        return None
    package = "flash_attn" if number == "2" else f"the package of FlashAttention {number}"
    return f": it needs {package} and a GPU that it supports"


def take_plain(name: str, kind: Any, config: Any) -> None:
    """Leave to ``transformers`` what a file chose for a machine that has more than this one, with a warning."""
    attention, experts = config._attn_implementation, config._experts_implementation
    plain = [one for one in PLAIN_ATTENTION if one in available(kind)]
    if attention is not None and attention not in plain:
        _warn(name, "attn_implementation", attention, "attention=... or --attention takes another")
        config._attn_implementation = None
    if experts is not None and experts not in PLAIN_EXPERTS:
        _warn(name, "experts_implementation", experts, "what the model computes is the same")
        config._experts_implementation = None


def _warn(name: str, field: str, value: Any, more: str) -> None:
    warnings.warn(
        f"model {name!r}: config.json asks for {field} {value!r:.60}; transformers' default is used instead ({more})",
        EdgewiseWarning,
        stacklevel=2,
    )
