"""The tokenizer in a GGUF file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from transformers import AutoTokenizer

from edgewise.errors import EdgewiseWarning
from edgewise.models.pretrained.gguf.header import Header
from edgewise.models.pretrained.gguf.reader import reading_quickly
from edgewise.models.pretrained.library import broken, clipped

# Where transformers has this, its tokenizers read the vocabulary without the reader of the gguf package.
_OWN_READER = "transformers.integrations.gguf"


def read_tokenizer(header: Header) -> Any | None:
    """The tokenizer, or None where the file has none that ``transformers`` knows: data may be token ids."""
    if not header.has_tokenizer:
        return None
    try:
        with reading_quickly() if find_spec(_OWN_READER) else nullcontext(), _plain_bytes():
            return AutoTokenizer.from_pretrained(str(header.path.parent), gguf_file=header.path.name)
    except BaseException as error:
        if not broken(error):
            raise
        warnings.warn(
            f"GGUF file {str(header.path)!r}: its tokenizer cannot be read, so prompts must be token ids:"
            f" {clipped(error)}",
            EdgewiseWarning,
            stacklevel=2,
        )
        return None


@contextmanager
def _plain_bytes() -> Iterator[None]:
    """The library's reader sees the file as a plain array: each of its hundred thousand slices is made at once.

    It is the same memory; only that no slice is a memory map of its own.
    """
    reader = import_module(f"{_OWN_READER}.reader") if find_spec(_OWN_READER) else None
    mapped = getattr(reader, "_mapped", None)
    if mapped is None:
        yield
        return
    reader._mapped = lambda path: np.asarray(mapped(path))  # type: ignore[union-attr]
    try:
        yield
    finally:
        reader._mapped = mapped  # type: ignore[union-attr]
