"""A weights file -> its named tensors. Nothing in the file is ever run as code."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from edgewise.errors import ModelError

PICKLED = (".pth", ".pt")
SUFFIXES = (".safetensors", *PICKLED)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors``, ``.pth`` or ``.pt`` file, on the CPU.

    Raises:
        ModelError: it cannot be read, holds code, or holds something else than tensors by name.
    """
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _unpickled(path)
    except pickle.UnpicklingError:
        raise ModelError(
            f"weights {str(path)!r} hold more than tensors, and that could run code; save the model's state_dict()"
            " alone, or convert it to safetensors"
        ) from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, AttributeError, SafetensorError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"weights {str(path)!r} cannot be read ({reason:.120}); get the file again") from None
    if not isinstance(content, dict) or not content:
        raise ModelError(f"weights {str(path)!r} hold no dict of tensors; save the model's state_dict()")
    for name, tensor in content.items():
        if not isinstance(tensor, Tensor):
            raise ModelError(
                f"weights {str(path)!r}: entry {name!r} is a {type(tensor).__name__}, not a tensor; save the model's"
                " state_dict() alone"
            )
    return {str(name): tensor.detach() for name, tensor in content.items()}


def _unpickled(path: Path) -> object:
    return torch.load(path, map_location="cpu", weights_only=True)
