"""From a GGUF file to its config and tokenizer, and then to a module with its weights, unpacked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from edgewise.models.pretrained.architecture import class_of, require_language_model
from edgewise.models.pretrained.fields import require_depth
from edgewise.models.pretrained.gguf.header import Header, read_header
from edgewise.models.pretrained.weights import read_module
from edgewise.models.recognise import family_of


@dataclass(frozen=True, eq=False)
class GgufModel:
    """A file that was understood.

    Args:
        name: what the user called the model.
        header: the file's.
        config: what ``transformers`` makes of it.
        tokenizer: where the file has one.
        ignore_config: keys of the file and config attributes that the user vouches for.
    """

    name: str
    header: Header
    config: Any
    tokenizer: Any | None
    ignore_config: Collection[str] = ()

    def module(self, **chosen: Any) -> nn.Module:
        """The module, in evaluation mode.

        Args:
            **chosen: type, attention and devices, as of `read_module`.

        Raises:
            ModelError: a file that is not a whole model.
            UnsupportedModelError: a config attribute or a tensor that is not understood.
        """
        from edgewise.models.pretrained.gguf.reader import reading_quickly
        from edgewise.models.pretrained.gguf.weights import require_all_read

        path = self.header.path
        kind = class_of(self.name, str(path.parent), self.config, trust_remote_code=False)
        family_of(kind, self.config, self.ignore_config)
        with reading_quickly():
            module = read_module(self.name, str(path.parent), self.config, gguf_file=path.name, **chosen)
        require_all_read(self.header, module)
        return module


def open_gguf(name: str, path: Path, *, ignore_config: Collection[str] = ()) -> GgufModel:
    """Read all of a file but its weights.

    Args:
        name: what the user called the model.
        path: the file.
        ignore_config: keys of the file and config attributes that the user vouches for.

    Raises:
        ModelError: a file that is not a whole model, or packages that are missing.
        UnsupportedModelError: an architecture or key that is not understood.
    """
    header = read_header(path)
    require_depth(name, f"{header.architecture}.block_count", header.own.get("block_count"))
    # The packages that these need are known to be there only now.
    from edgewise.models.pretrained.gguf.settings import read_settings, require_same
    from edgewise.models.pretrained.gguf.tokenizer import read_tokenizer

    config = read_settings(name, header)
    require_language_model(name, config, trust_remote_code=False)
    require_same(header, config, ignore_config)
    return GgufModel(name, header, config, read_tokenizer(header), ignore_config)
