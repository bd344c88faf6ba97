"""A weights file -> its named tensors, or their shapes alone. Nothing in the file is ever run as code."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from edgewise.errors import ModelError, in_words

PICKLED = (".pth", ".pt")
SUFFIXES = (".safetensors", *PICKLED)
# safetensors' names of the types that are not floating-point
OTHER = {"I8": torch.int8, "U8": torch.uint8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64}
OTHER |= {"U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64, "BOOL": torch.bool, "C64": torch.complex64}

# How files of torch.save begin, now and in old versions.
PICKLES = (b"PK", b"\x80")
# The first bytes of what is often saved under a weights file's name -> what it is, and what to do.
IMPOSTERS = {
    b"version https://git-lfs": "a pointer of git-lfs, not the weights; run `git lfs pull` in its folder",
    b"<": "a web page or an XML reply, not the weights; get the file again",
    b"{": "JSON, not the weights; get the file again",
}


def read_tensors(path: Path, *, shapes_only: bool = False) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file or of a pickled one, on the CPU.

    Args:
        path: the file.
        shapes_only: tensors without content, on the meta device; only names and shapes are read.

    Raises:
        ModelError: it cannot be read, holds code, or holds something else than tensors by name.
    """
    _refuse_imposter(path)
    try:
        content = _read(path, shapes_only)
    except pickle.UnpicklingError:
        raise ModelError(
            f"weights {str(path)!r} hold more than tensors, and that could run code; save the model's state_dict()"
            " alone, or convert them once where you trust whom they are from: m = torch.load(FILE, weights_only=False);"
            " safetensors.torch.save_model(m, 'model.safetensors')"
        ) from None
    except Exception as error:  # over damaged bytes the libraries raise errors of every kind
        raise ModelError(
            f"weights {str(path)!r} cannot be read, they are cut off or damaged ({in_words(error, 120)}); get"
            " the file again"
        ) from None
    if not isinstance(content, dict) or not content:
        raise ModelError(f"weights {str(path)!r} hold no dict of tensors; save the model's state_dict()")
    for name, tensor in content.items():
        if not isinstance(tensor, Tensor):
            raise ModelError(
                f"weights {str(path)!r}: entry {name!r} is a {type(tensor).__name__}, not a tensor; save the model's"
                " state_dict() alone"
            )
    return {str(name): tensor.detach() for name, tensor in content.items()}


def _refuse_imposter(path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"weights {str(path)!r} are not there; get the file again")
    with path.open("rb") as stream:
        start = stream.read(64).lstrip()
    if not start:
        raise ModelError(f"weights {str(path)!r} cannot be read: the file is empty; get the file again")
    # The header of a safetensors file is JSON too, behind eight bytes that give its length.
    kind = next((kind for mark, kind in IMPOSTERS.items() if start.startswith(mark)), None)
    safe = _is_safetensors(path)
    if kind is not None and not safe:
        raise ModelError(f"weights {str(path)!r} are {kind}")
    if safe != (path.suffix == ".safetensors") and (safe or start.startswith(PICKLES)):
        found, ending = ("safetensors", ".safetensors") if safe else ("a file of torch.save", ".bin or .pth")
        raise ModelError(f"weights {str(path)!r} are {found} under another name; rename the file to end in {ending}")


def _is_safetensors(path: Path) -> bool:
    try:
        with safe_open(path, framework="pt"):
            return True
    except Exception:
        return False


def _read(path: Path, shapes_only: bool) -> object:
    if path.suffix == ".safetensors":
        return _shapes(path) if shapes_only else load_file(path)
    if shapes_only:
        return torch.load(path, map_location="meta", weights_only=True, mmap=zipfile.is_zipfile(path))
    return torch.load(path, map_location="cpu", weights_only=True)


def _shapes(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
        return {
            name: torch.empty(part.get_shape(), dtype=OTHER.get(part.get_dtype(), torch.float32), device="meta")
            for name, part in parts.items()
        }
