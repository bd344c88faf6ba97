"""Read-only numpy arrays: the values that graphs, scores and circuits are made of."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["BoolArray", "FloatArray", "IntArray", "read_only"]

BoolArray: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.floating[Any]]]
IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.integer[Any]]]


def read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the same array after forbidding writes to it (it must be ours alone)."""
    array.setflags(write=False)
    return array
