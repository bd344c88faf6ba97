"""Tensors as the bytes of a safetensors file.

They are made in memory and written like any other content: the library would put a temporary file of its own beside
the target, which a killed process leaves behind, and wraps what the system says of a full disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from edgewise.runs.store.atomic import content

_LENGTH = 8


def tensors_content(tensors: Mapping[str, np.ndarray[Any, Any]], metadata: Mapping[str, str]) -> Callable[[Path], None]:
    """A writer of tensors and their metadata, these in alphabetic order, for the library's own order is random.

    Equal tensors give equal files. The header is JSON behind its length in 8 bytes; it keeps that length, since
    tensors are found by their distance from its end.
    """

    def write(path: Path) -> None:
        saved = memoryview(save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, dict(metadata)))
        end = _LENGTH + int.from_bytes(saved[:_LENGTH], "little")
        content(saved[:_LENGTH], _sorted(bytes(saved[_LENGTH:end])), saved[end:])(path)

    return write


def _sorted(text: bytes) -> bytes:
    header = json.loads(text)
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(len(text))
    return ordered if len(ordered) == len(text) else text
