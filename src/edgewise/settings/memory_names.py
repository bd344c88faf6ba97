"""Names of models in memory, ``memory:gpt2@3fa9c1d2e4b5``: what the model calls itself, and a digest of it."""

from __future__ import annotations

PREFIX = "memory:"


def is_of_memory(name: str) -> bool:
    """Whether a name is that of a model in memory, of this process or another."""
    return name.startswith(PREFIX)


def called(name: str) -> str:
    """What a model in memory calls itself; any other name as it is."""
    return name.removeprefix(PREFIX).rpartition("@")[0] if is_of_memory(name) else name
