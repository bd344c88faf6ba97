"""``gguf``'s reader without the vocabulary, and ``transformers``' reading of a file with it.

A vocabulary has hundreds of thousands of entries, which the package turns into arrays one by one and ``transformers``
reads at each of its steps: a minute for a model of 135 million weights, and none of it is used but by the tokenizer,
which reads the file its own way.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import gguf
import numpy as np
from gguf import GGUFReader, GGUFValueType
from transformers import modeling_gguf_pytorch_utils as conversion
from transformers.utils import logging

# Longer arrays are the vocabulary's scores and types; shorter ones may be of the model, one value a layer.
LONG = 1024
_ARRAY_HEAD = struct.Struct("<IQ")
_LENGTH = struct.Struct("<Q")


class HeaderReader(GGUFReader):  # type: ignore[misc]
    """Fields and tensors of a file; of arrays of strings and of long arrays only the type and the length."""

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        if raw_type != GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        item, count = _ARRAY_HEAD.unpack_from(self.data, orig_offs)
        if item != GGUFValueType.STRING and count <= LONG:
            return super()._get_field_parts(orig_offs, raw_type)
        size = self._size(orig_offs + _ARRAY_HEAD.size, GGUFValueType(item), count) + _ARRAY_HEAD.size
        if orig_offs + size > len(self.data):
            raise IndexError("an array ends behind the end of the file")
        parts = [np.array([item], np.uint32), np.array([count], np.uint64)]
        return size, parts, [], [GGUFValueType.ARRAY, GGUFValueType(item)]

    def _size(self, start: int, item: Any, count: int) -> int:
        if item != GGUFValueType.STRING:
            return int(count * np.dtype(self.gguf_scalar_to_np[item]).itemsize)
        offset = start
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(self.data, offset)
            offset += _LENGTH.size + length
        return offset - start


@contextmanager
def reading_quickly() -> Iterator[None]:
    """``transformers`` reads headers as here, makes a table of names once, not for every module, and says nothing."""
    replacements = (
        (gguf, "GGUFReader", HeaderReader),
        (gguf, "get_tensor_name_map", cache(gguf.get_tensor_name_map)),
        (conversion, "tqdm", lambda items, **_: items),
    )
    with ExitStack() as undo:
        for module, name, value in replacements:
            undo.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        undo.callback(logging.set_verbosity, logging.get_verbosity())
        logging.set_verbosity_error()  # it warns of an empty vocabulary
        yield
