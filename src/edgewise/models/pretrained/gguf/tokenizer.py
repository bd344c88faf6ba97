"""The tokenizer in a GGUF file."""

from __future__ import annotations

from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

from transformers import AutoTokenizer

from edgewise.models.pretrained.gguf.header import Header
from edgewise.models.pretrained.gguf.reader import reading_quickly

# Where transformers has this, its tokenizers read the vocabulary without the reader of the gguf package.
_OWN_READER = "transformers.integrations.gguf"


def read_tokenizer(header: Header) -> Any | None:
    """The tokenizer, or None where the file has none that ``transformers`` knows: data may be token ids."""
    if not header.has_tokenizer:
        return None
    try:
        with reading_quickly() if find_spec(_OWN_READER) else nullcontext():
            return AutoTokenizer.from_pretrained(str(header.path.parent), gguf_file=header.path.name)
    except (OSError, ValueError, KeyError):
        return None
