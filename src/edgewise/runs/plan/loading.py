"""Memory that is taken while a model is read."""

from __future__ import annotations

from pathlib import Path

from edgewise.models import Model

# Copies of a tensor that is unpacked, beside the one that stays; measured on two files.
UNPACKING = 1.4


def bytes_of_loading(model: Model, packed: Path | None, used: int) -> int:
    """Bytes at the peak of loading: weights that are mapped from a file are there once, packed ones are unpacked.

    Args:
        model: without its weights.
        packed: the file that they are unpacked from; None where they are stored as they are used.
        used: bytes that the process has before.
    """
    sizes = {id(p): p.numel() * p.element_size() for p in model.module.parameters()}.values()
    if packed is None:
        return used + sum(sizes)
    return int(used + sum(sizes) + packed.stat().st_size + UNPACKING * max(sizes))
