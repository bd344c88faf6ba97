"""The tokenizer stored with a checkpoint in Hugging Face's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer


def read_tokenizer(source: str, trust_remote_code: bool) -> Any | None:
    """The tokenizer stored with the model, or None: data may be token ids."""
    if Path(source).is_dir() and not any(
        (Path(source) / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
    ):
        return None
    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError):
        return None
