"""The tokenizers that the task generators are tested with."""

from __future__ import annotations

from importlib.resources import files

import pytest
from transformers import AutoTokenizer

from edgewise.models import compiled
from edgewise.models.planted.language import build_tokenizer


@pytest.fixture(scope="session")
def gpt2_tokenizer(shared):
    return AutoTokenizer.from_pretrained(shared / "gpt2-tokenizer")


@pytest.fixture(scope="session")
def demo_tokenizer():
    return AutoTokenizer.from_pretrained(str(files("edgewise.models") / "demo"))


@pytest.fixture(scope="session")
def planted_tokenizer():
    return build_tokenizer()


@pytest.fixture(scope="session")
def planted_bos_tokenizer():
    """The planted models' tokenizer with a BOS token, which it puts nowhere by itself."""
    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    return tokenizer


@pytest.fixture(scope="session")
def compiled_tokenizer():
    return compiled.build_tokenizer("induction")


@pytest.fixture(scope="session")
def compiled_bos_tokenizer():
    tokenizer = compiled.build_tokenizer("induction")
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    return tokenizer


@pytest.fixture(params=["demo", "gpt2"])
def any_tokenizer(request):
    """The demo model's own tokenizer and GPT-2's, one after the other."""
    return request.getfixturevalue(f"{request.param}_tokenizer")
