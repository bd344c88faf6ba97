"""What a GGUF file says of itself, read and checked before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgewise.errors import ModelError, in_words

MAGIC = b"GGUF"
_POINTER = b"version https://git-lfs"
_NEEDED = ("gguf", "accelerate")


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Args:
        path: the file.
        fields: its keys and values; of long arrays and arrays of strings the length.
        tensors: its tensors by name, as the ``gguf`` package gives them.
    """

    path: Path
    fields: Mapping[str, Any]
    tensors: Mapping[str, Any]

    @cached_property
    def architecture(self) -> str:
        """What llama.cpp calls the model's class."""
        return str(self.fields["general.architecture"])

    @property
    def vocabulary(self) -> int | None:
        """Rows of its embedding, where it has one."""
        embedding = self.tensors.get("token_embd.weight")
        return None if embedding is None else int(embedding.shape[-1])

    @property
    def has_tokenizer(self) -> bool:
        """Whether the tokens are in the file."""
        return "tokenizer.ggml.tokens" in self.fields

    @property
    def own(self) -> dict[str, Any]:
        """The values under the architecture's name, without that name."""
        start = f"{self.architecture}."
        return {key.removeprefix(start): value for key, value in self.fields.items() if key.startswith(start)}


def is_gguf(path: Path) -> bool:
    """Whether a file is meant as GGUF, by its name or its first bytes."""
    if path.suffix.lower() == ".gguf":
        return True
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def read_header(path: Path) -> Header:
    """The header of a file.

    Raises:
        ModelError: packages that are missing, a file that is no whole GGUF file of a model, or one part of several.
    """
    _require_packages(path)
    _require_magic(path)
    fields, tensors = _read(path)
    kind = fields.get("general.type", "model")
    if kind != "model":
        raise ModelError(f"GGUF file {str(path)!r} holds no model but of type {kind!r}; give the model's own file")
    if "general.architecture" not in fields:
        raise ModelError(f"GGUF file {str(path)!r} does not say its architecture; convert the model again")
    parts = int(fields.get("split.count", 1))
    if parts > 1:
        raise ModelError(
            f"GGUF file {str(path)!r} is one of {parts} parts; join them first: llama-gguf-split --merge FIRST_PART"
            " WHOLE.gguf"
        )
    return Header(path, fields, tensors)


def _require_packages(path: Path) -> None:
    missing = [package for package in _NEEDED if find_spec(package) is None]
    if missing:
        raise ModelError(
            f"GGUF file {str(path)!r}: reading it needs {' and '.join(missing)}; install with: pip install"
            " 'edgewise[gguf]'"
        )


def _require_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_POINTER))
    except OSError as error:
        raise ModelError(f"GGUF file {str(path)!r} cannot be read ({error.strerror}); check the path") from error
    if start.startswith(_POINTER):
        raise ModelError(f"GGUF file {str(path)!r} is a git-lfs pointer, not the file; fetch it: git lfs pull")
    if start[:4] != MAGIC:
        raise ModelError(f"{str(path)!r} is no GGUF file: it does not start with GGUF; download it again")
    version = start[4:8]
    if len(version) == 4 and version[2:] != b"\0\0":
        raise ModelError(f"GGUF file {str(path)!r} is big-endian, and only little-endian is read; convert it again")


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from edgewise.models.pretrained.gguf.reader import HeaderReader

    try:
        reader = HeaderReader(path)
        fields = {name: _value(field) for name, field in reader.fields.items()}
    except Exception as error:  # over bytes that are not what their place says the package raises errors of every kind
        raise ModelError(
            f"GGUF file {str(path)!r} cannot be read to its end; it is cut short or damaged, download it again:"
            f" {in_words(error, 120)}"
        ) from error
    return fields, {tensor.name: tensor for tensor in reader.tensors}


def _value(field: Any) -> Any:
    """A field's value; an array that was passed over has its length."""
    return field.contents() if field.data else int(field.parts[-1][0])
