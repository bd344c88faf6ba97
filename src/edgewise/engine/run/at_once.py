"""How many tokens are worth handling at a time, by kind of device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from edgewise.graph import Graph

_MOST = {"cpu": 512}
_MOST_ELSEWHERE = 16_384
# What is made for every head of a layer then stays in the cache.
_GRADIENTS = {"cpu": 128}
_GRADIENTS_ELSEWHERE = 4096
# Layers whose attention has fewer destinations are narrow, and so many destinations together are enough.
NARROW = 24
ENOUGH = 48
_planned: ContextVar[str | None] = ContextVar("planned", default=None)


def most_tokens(device: torch.device) -> int:
    """More tokens at a time than these make nothing faster on a device."""
    return _MOST.get(_kind(device), _MOST_ELSEWHERE)


def gradient_tokens(device: torch.device) -> int:
    """Prompt tokens whose gradients by head are made at a time."""
    return _GRADIENTS.get(_kind(device), _GRADIENTS_ELSEWHERE)


def held(graph: Graph) -> int:
    """The most destinations whose gradients wait for others; 0 for a model whose layers are not narrow."""
    at = graph.attention(0)
    width = int(at.stop) - int(at.start)
    return ENOUGH - 1 + width if width < NARROW else 0


@contextmanager
def planned_for(kind: str) -> Iterator[None]:
    """While in force, work is divided as on another kind of device: for plans, which are made without it."""
    token = _planned.set(kind)
    try:
        yield
    finally:
        _planned.reset(token)


def _kind(device: torch.device) -> str:
    return _planned.get() or device.type
