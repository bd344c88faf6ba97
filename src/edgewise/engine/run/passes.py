"""What a method costs, whatever the machine: in passes of the whole model over all prompts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Passes:
    """How often every prompt goes through the model; a corrupted prompt counts as one of its own.

    Args:
        forward: forward passes; parts of one count by their share.
        backward: backward passes.
        at_most: whether parts of a pass were counted as a whole.
    """

    forward: float
    backward: float = 0.0
    at_most: bool = False
