"""What a run will do, told before it does it: pieces of work, by what they do with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from edgewise.engine.run.passes import Passes


@dataclass(frozen=True)
class Estimate:
    """A method of attribution on some prompts.

    Args:
        method: its name.
        prompts: how many.
        settings: its own.
    """

    method: str
    prompts: int
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Patches:
    """The clean and the corrupted run of all prompts, and patched runs.

    Args:
        runs: patched ones of every prompt.
        passes: forward passes that they take.
        at_most: whether it may be less.
        keeps: whether something of every prompt stays in memory to the end.
    """

    runs: float
    passes: float
    at_most: bool = False
    keeps: bool = False


@dataclass(frozen=True)
class Runs:
    """Whole runs there and back, plain or with masks on the model.

    Args:
        passes: what every prompt takes.
        activations: how many times the memory of one differentiable run it takes.
        dearer: how many times a plain pass one takes.
    """

    passes: Passes
    activations: float = 1.0
    dearer: float = 1.0


Work: TypeAlias = Estimate | Patches | Runs
# What a pass with masks takes, in plain ones: `benchmarks/patch.py`, half of the edges patched.
WITH_MASKS = 1.8
