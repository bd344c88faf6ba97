"""Checks of the shapes that annotations name, without the cost of checking everything else."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, get_args

import jaxtyping

CALLS: Counter[Callable[..., Any]] = Counter()
"""How often each function that names a shape was called; every test starts at none."""


def check_shapes(packages: tuple[str, ...]) -> None:
    """Check, in every module of some packages that is imported from now on, what names a shape.

    The hook would wrap every function and check every call, which takes longer than the functions themselves.
    """
    whole = jaxtyping.jaxtyped

    def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
        def decorated(thing: Any) -> Any:
            if not names_a_shape(thing):
                return thing
            if not isinstance(thing, type):
                return now_and_then(thing, whole(thing, typechecker=typechecker))
            plain = thing.__init__  # type: ignore[misc]
            checked = whole(thing, typechecker=typechecker)
            checked.__init__ = now_and_then(plain, checked.__init__)
            return checked

        return decorated

    jaxtyping.install_import_hook(packages, "beartype.beartype")
    jaxtyping.jaxtyped = jaxtyped  # what the hook writes above every function and class


def names_a_shape(thing: Any) -> bool:
    """Whether an annotation of a function, or of a field of a dataclass, is one of jaxtyping's or holds one."""
    if isinstance(thing, type):
        fields = dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ()
        annotations, known = [field.type for field in fields], vars(sys.modules[thing.__module__])
    else:
        annotations, known = list(thing.__annotations__.values()), thing.__globals__
    words = {word for annotation in annotations for word in re.findall(r"\w+", str(annotation))}
    return any(_is_of_jaxtyping(known[word]) for word in words if word in known)


def now_and_then(plain: Callable[..., Any], checked: Callable[..., Any]) -> Callable[..., Any]:
    """Checked in the first, second, fourth, eighth, ... call of a test."""

    @wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        CALLS[plain] = n = CALLS[plain] + 1
        return (plain if n & (n - 1) else checked)(*args, **kwargs)

    return call


def _is_of_jaxtyping(value: Any) -> bool:
    return getattr(value, "__module__", None) == "jaxtyping" or any(map(_is_of_jaxtyping, get_args(value)))
