"""The tokenizer in a GGUF file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from transformers import AutoTokenizer

from edgewise.errors import EdgewiseWarning
from edgewise.models.pretrained.gguf.header import Header
from edgewise.models.pretrained.gguf.merges import merges_of
from edgewise.models.pretrained.gguf.reader import reading_quickly
from edgewise.models.pretrained.library import broken, clipped, without_collection

# Where transformers has this, its tokenizers read the vocabulary without the reader of the gguf package.
_OWN_READER = "transformers.integrations.gguf"


def read_tokenizer(header: Header) -> Any | None:
    """The tokenizer, or None where the file has none that ``transformers`` knows: data may be token ids."""
    if not header.has_tokenizer:
        return None
    try:
        with reading_quickly() if find_spec(_OWN_READER) else nullcontext(), _quickly(), without_collection():
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
def _quickly() -> Iterator[None]:
    """The library's reader sees the file as a plain array, and merges are made without being sorted.

    The array is the same memory; only that none of its hundred thousand slices is a memory map of its own.
    """
    with ExitStack() as undo:
        for module, name, quicker in _QUICKER if find_spec(_OWN_READER) else ():
            place = import_module(f"{_OWN_READER}.{module}") if find_spec(f"{_OWN_READER}.{module}") else None
            theirs = getattr(place, name, None)
            if theirs is not None:
                undo.callback(setattr, place, name, theirs)
                setattr(place, name, quicker(theirs))
        yield


# Where transformers has these, by the module of its reader: what takes the place of a function, made from it.
_QUICKER: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("reader", "_mapped", lambda mapped: lambda path: np.asarray(mapped(path))),
    ("gguf_tokenizer_mapping", "generate_merges", lambda theirs: merges_of),
)
