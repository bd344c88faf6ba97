"""Whole numbers that a template works out: ``"max(4, length // 2)"``, of numbers, options and slots that are numbers.

Sums, differences, products, whole quotients, `min` and `max`; nothing else of Python is read.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from edgewise.errors import DataError

_SIGNS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
}
_FUNCTIONS: Mapping[str, Callable[..., int]] = {"max": max, "min": min}


@dataclass(frozen=True)
class Count:
    """A number that may depend on others.

    Args:
        text: as it was written.
    """

    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """What it depends on."""
        return _names(self.text)

    def value(self, known: Mapping[str, int]) -> int:
        """The number, with those that it depends on; raises DataError for a division by zero."""
        try:
            return _value(_parsed(self.text), known)
        except ZeroDivisionError:
            raise DataError(f"{self.text!r} divides by zero; give another number") from None


def read_count(said: object, where: str) -> Count:
    """A whole number, or the text that works one out.

    Raises:
        DataError: anything else.
    """
    if isinstance(said, int) and not isinstance(said, bool):
        return Count(str(said))
    try:
        _value(_parsed(str(said)), _Anything())
    except ZeroDivisionError:
        return Count(str(said))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        pass
    else:
        return Count(str(said))
    raise DataError(f"{where}: {str(said)[:60]!r} is no whole number; write one, or such as 'max(4, length // 2)'")


class _Anything(dict[str, int]):
    def __missing__(self, name: str) -> int:
        return 1


@lru_cache(maxsize=256)
def _names(text: str) -> tuple[str, ...]:
    found = (node.id for node in ast.walk(_parsed(text)) if isinstance(node, ast.Name))
    return tuple(dict.fromkeys(name for name in found if name not in _FUNCTIONS))


@lru_cache(maxsize=256)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _value(node: ast.expr, known: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError(node)
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, known)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SIGNS:
            return _SIGNS[type(sign)](_value(left, known), _value(right, known))
        case ast.Call(func=ast.Name(id=name), args=[_, _, *_] as given, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(one, known) for one in given))
        case _:
            raise ValueError(node)
