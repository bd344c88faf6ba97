"""Tiny models and prompts as the files a user would have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

import tiny
from edgewise.runs.store.record import RunRecord
from tasks.small_tokenizers import word_tokenizer


def save_model(folder: Path, module: PreTrainedModel | None = None) -> Path:
    """A model folder without a tokenizer: GPT-2 of 3 layers and 4 heads, 262 edges, unless one is given."""
    (module or tiny.gpt2()).save_pretrained(folder)
    return folder


def save_text_model(folder: Path) -> Path:
    """The same model with a tokenizer of a dozen words."""
    word_tokenizer().save_pretrained(folder)
    return save_model(folder)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A JSONL file, one line a row."""
    path.write_text("".join(json.dumps(dict(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def id_rows(n: int = 7, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of token ids for the tiny models."""
    fields = ("clean", "corrupted", "answers", "wrong_answers", "positions")
    return [{field: list(getattr(pair, field)) for field in fields} for pair in tiny.prompts(n, seed=seed)]


def contents(folder: Path) -> dict[str, bytes]:
    """What a folder's visible files hold."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name[0] != "."}


def without_timing(record: RunRecord) -> RunRecord:
    """The record without what differs between two runs of one config."""
    return replace(record, timing={}, finished="")
