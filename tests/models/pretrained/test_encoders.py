"""Encoders are refused as what they are, by their config alone."""

from __future__ import annotations

import pytest
from transformers import BartConfig, BertConfig, ModernBertConfig, PretrainedConfig, RobertaConfig, T5Config

from edgewise.errors import UnsupportedModelError
from edgewise.models.pretrained.architecture import require_language_model


def refusal(config: PretrainedConfig) -> str:
    with pytest.raises(UnsupportedModelError) as error:
        require_language_model("mine", config, trust_remote_code=False)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "saved"),
    [(BertConfig, "BertForMaskedLM"), (BertConfig, "BertModel"), (RobertaConfig, "RobertaForMaskedLM")],
)
def test_an_encoder_is_named_as_one(kind: type[PretrainedConfig], saved: str) -> None:
    said = refusal(kind(architectures=[saved]))
    assert said.startswith(f"model 'mine' ({saved}) is an encoder: its attention is bidirectional")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (ModernBertConfig(architectures=["ModernBertForMaskedLM"]), "ModernBertForMaskedLM"),
        (T5Config(architectures=["T5ForConditionalGeneration"]), "T5ForConditionalGeneration"),
        (BartConfig(architectures=["BartForConditionalGeneration"]), "BartForConditionalGeneration"),
        (BertConfig(architectures=["BertLMHeadModel"], is_decoder=True), "BertLMHeadModel"),
    ],
)
def test_what_is_not_an_encoder_alone_is_named_otherwise(config: PretrainedConfig, named: str) -> None:
    said = refusal(config)
    assert named in said
    assert "is an encoder" not in said
