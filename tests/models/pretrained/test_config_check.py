"""Which attributes of a config matter: what a class reads, found in its source, against what changes its logits."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import torch
import transformers
from transformers import PreTrainedConfig, PreTrainedModel

from edgewise.models.config_reads import reads_of
from edgewise.models.families import FAMILIES
from tiny_families import config_of

pytestmark = pytest.mark.slow

IDS = torch.tensor([[5, 3, 9, 3, 7, 1, 4]])
SOME = [
    "GPT2LMHeadModel",
    "GPTNeoForCausalLM",
    "Qwen2MoeForCausalLM",
    "Gemma2ForCausalLM",
    "FalconForCausalLM",
    "OPTForCausalLM",
]
"""A class of each kind of block, experts included."""


def logits(kind: type[PreTrainedModel], config: PreTrainedConfig) -> torch.Tensor:
    torch.manual_seed(0)
    with torch.no_grad():
        return kind(copy.deepcopy(config)).eval()(IDS, use_cache=True).logits


def others(value: Any) -> Iterator[Any]:
    """Values of the same type as another, and not equal to it."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str):
        yield "relu" if value != "relu" else "gelu"
    elif value is None:
        yield from (3, True)
    elif isinstance(value, dict | list):
        yield type(value)()


# Strays of published files, none of which any class declares.
STRAYS: dict[str, Any] = {
    "n_special": 1,
    "ff_factor": 8,
    "max_sequence_length": 3,
    "unk_token_id": 1,
    "output_past": True,
    "use_bfloat16": True,
    "tf_legacy_loss": True,
    "custom_pipelines": {"x": 1},
    "_flash_attn_2_enabled": True,
    "pretraining_parallelism": 4,
}


@pytest.mark.parametrize("architecture", SOME)
def test_what_the_rule_calls_harmless_changes_no_logit(architecture: str) -> None:
    kind = getattr(transformers, architecture)
    base, reads = config_of(architecture), reads_of(kind)
    expected, tried = logits(kind, base), 0
    declared = {one.name: getattr(base, one.name) for one in fields(kind.config_class)}
    for name, value in {**declared, **dict.fromkeys(STRAYS)}.items():
        for other in (STRAYS[name],) if name in STRAYS else others(value):
            if reads.changes_nothing(name, other):
                changed = copy.deepcopy(base)
                vars(changed)[name] = other
                assert torch.equal(logits(kind, changed), expected), name
                tried += 1
    assert tried >= len(STRAYS)


@pytest.mark.parametrize("architecture", SOME)
def test_what_changes_the_logits_is_never_called_harmless(architecture: str) -> None:
    kind = getattr(transformers, architecture)
    base, reads = config_of(architecture), reads_of(kind)
    expected, changing = logits(kind, base), 0
    for name, value in vars(base).items():
        for other in others(value):
            changed = copy.deepcopy(base)
            vars(changed)[name] = other
            try:
                found = logits(kind, changed)
            except Exception:
                found = None  # what no model can be built with matters too
            if found is None or not torch.equal(found, expected):
                assert not reads.changes_nothing(name, other), (name, other)
                changing += 1
    assert changing > 5


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_attribute_that_is_read_while_the_model_is_made_and_run_is_found(architecture: str) -> None:
    """By another route than the source: a config that writes down what it is asked for."""
    kind, config, asked = getattr(transformers, architecture), config_of(architecture), set()
    plain = type(config)

    class Listening(plain):  # type: ignore[valid-type, misc]
        def __getattribute__(self, name: str) -> Any:
            asked.add(name)
            return super().__getattribute__(name)

    config.__class__ = Listening
    with torch.no_grad():
        kind(config).eval()(IDS)
    seen = {one.name for one in fields(plain)} & {plain.attribute_map.get(name, name) for name in asked}
    assert len(seen) > 10
    assert not {name for name in seen if reads_of(kind).changes_nothing(name, object())}
