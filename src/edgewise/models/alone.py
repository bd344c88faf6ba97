"""One call at a time on one model: hooks and frozen parameters of one call would be in the way of another's.

A second call from another thread waits, at longest until the first has made one more state. Models of their own are
free of each other.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from torch import nn

from edgewise.models.model import Model

Begin = TypeVar("Begin", bound=Callable[..., Iterator[Any]])

_registering = threading.Lock()
_locks: WeakKeyDictionary[nn.Module, AbstractContextManager[Any]] = WeakKeyDictionary()


def alone(module: nn.Module) -> AbstractContextManager[Any]:
    """What a thread holds while it runs this module; it may take it again meanwhile."""
    with _registering:
        return _locks.setdefault(module, threading.RLock())


def one_at_a_time(begin: Begin) -> Begin:
    """Let a generator of states have the model to itself while it makes a state; between two, others may run it."""

    @functools.wraps(begin)
    def states(model: Model, *args: Any, **kwargs: Any) -> Iterator[Any]:
        made, lock = begin(model, *args, **kwargs), alone(model.module)
        while True:
            with lock:
                try:
                    state = next(made)
                except StopIteration:
                    return
            yield state

    return cast("Begin", states)
