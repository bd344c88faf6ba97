"""How many tokens are worth handling at a time, by kind of device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_MOST = {"cpu": 512}
_MOST_ELSEWHERE = 16_384
# What is made for every head of a layer then stays in the cache.
_GRADIENTS = {"cpu": 128}
_GRADIENTS_ELSEWHERE = 4096
_planned: ContextVar[str | None] = ContextVar("planned", default=None)


def most_tokens(device: torch.device) -> int:
    """More tokens at a time than these make nothing faster on a device."""
    return _MOST.get(_kind(device), _MOST_ELSEWHERE)


def gradient_tokens(device: torch.device) -> int:
    """Prompt tokens whose gradients by head are made at a time."""
    return _GRADIENTS.get(_kind(device), _GRADIENTS_ELSEWHERE)


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
