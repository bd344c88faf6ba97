"""Pickles of plain values, read without running anything in them.

InterpBench keeps a model's config, a dict or TransformerLens's ``HookedTransformerConfig``, and the edges of its
circuit as pickles. A pickle names what is to be called to build its values; here those names stand for a few functions
of our own that hold on to what they are given, and any other name is refused before it is looked up.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgewise.errors import ModelError

SUFFIXES = (".pkl", ".pickle")
# More than any config or list of edges has.
_MOST_BYTES = 64 << 20
_DTYPES = ("float16", "bfloat16", "float32", "float64")
# numpy's letters of the numbers that a config has, and how `struct` reads them.
_NUMBERS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "b1": "?"}


class _Held:
    """An object whose fields are kept."""

    def __init__(self, *_: Any) -> None:
        self.fields: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.fields = dict(state) if isinstance(state, dict) else {}


class _NumberKind:
    """A dtype of numpy's."""

    def __init__(self, name: Any, *_: Any) -> None:
        self.letters = str(name)

    def __setstate__(self, _: Any) -> None:
        """Byte order and the like: little-endian is what files here have."""


def _number(kind: Any, content: Any) -> Any:
    letter = _NUMBERS.get(kind.letters if isinstance(kind, _NumberKind) else "")
    if letter is None or not isinstance(content, bytes) or len(content) != struct.calcsize(f"<{letter}"):
        raise pickle.UnpicklingError("a number of numpy's that is none")
    return struct.unpack(f"<{letter}", content)[0]


def _text(*parts: Any) -> str:
    return ":".join(map(str, parts))


def _known(module: str, name: str) -> Callable[..., Any] | str | None:
    """What a name in a pickle stands for; None for one that is refused."""
    if module.split(".")[0] == "transformer_lens" and name.endswith("TransformerConfig"):
        return _Held
    if module == "torch":
        return f"torch.{name}" if name in _DTYPES else _text if name == "device" else None
    if module in ("numpy", "numpy.dtypes") and name == "dtype":
        return _NumberKind
    if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "scalar":
        return _number
    if (module, name) in (("collections", "OrderedDict"), ("builtins", "dict")):
        return dict
    return {("builtins", "set"): set, ("builtins", "frozenset"): frozenset}.get((module, name))


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _known(module, name)
        if found is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return found

    def persistent_load(self, _: Any) -> Any:
        raise pickle.UnpicklingError("it refers to another file")


def read_pickle(path: Path) -> Any:
    """The plain value in a pickle: dicts, lists, numbers and text; of a config the dict of its fields.

    Raises:
        ModelError: it cannot be read, or asks for more than plain values.
    """
    where = f"file {str(path)!r}"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{where} is larger than any config or circuit; give another")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{where} cannot be read ({error.strerror}); check the path") from None
    return plain_value(content, where)


def plain_value(content: bytes, where: str) -> Any:
    """The same of a pickle's bytes; `where` names it in messages."""
    try:
        value = _Reader(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{where} holds more than plain values ({error!s:.80}), and that could run code; where you trust whom it is"
            " from, load it once and write it out as JSON"
        ) from None
    except Exception as error:  # over damaged bytes the library raises errors of every kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{where} is cut off or damaged ({reason:.80}); get it again") from None
    return value.fields if isinstance(value, _Held) else value
