"""From a GGUF file to a module with its weights, unpacked, and its tokenizer."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgewise.models.pretrained.architecture import class_of
from edgewise.models.pretrained.fields import require_depth
from edgewise.models.pretrained.gguf.header import read_header
from edgewise.models.pretrained.weights import read_module
from edgewise.models.recognise import family_of


def load_gguf(
    name: str, path: Path, *, dtype: torch.dtype, attention: str | None = None, ignore_config: Collection[str] = ()
) -> tuple[nn.Module, Any | None]:
    """The module, in evaluation mode on the CPU, and the tokenizer, where the file has one.

    Args:
        name: what the user called the model.
        path: the file.
        dtype: floating-point type of the weights.
        attention: how attention is computed; None leaves it to ``transformers``.
        ignore_config: keys of the file and config attributes that the user vouches for.

    Raises:
        ModelError: a file that is not a whole model, or packages that are missing.
        UnsupportedModelError: an architecture, key or tensor that is not understood.
    """
    header = read_header(path)
    require_depth(name, f"{header.architecture}.block_count", header.own.get("block_count"))
    # The packages that these need are known to be there only now.
    from edgewise.models.pretrained.gguf.reader import reading_quickly
    from edgewise.models.pretrained.gguf.settings import read_settings, require_same
    from edgewise.models.pretrained.gguf.tokenizer import read_tokenizer
    from edgewise.models.pretrained.gguf.weights import require_all_read

    config = read_settings(name, header)
    family_of(class_of(name, str(path.parent), config, trust_remote_code=False), config, ignore_config)
    require_same(header, config, ignore_config)
    folder = str(path.parent)
    with reading_quickly():
        module = read_module(name, folder, config, dtype=dtype, attention=attention, gguf_file=path.name)
    require_all_read(header, module)
    return module, read_tokenizer(header)
