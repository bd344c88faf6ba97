"""Reading typed values from a JSON object, and knowing afterwards which keys were not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from edgewise.errors import ModelError

T = TypeVar("T")


class Fields:
    """The keys of a config, read one by one.

    Args:
        values: the JSON object.
        where: its name, for messages.
    """

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        """Nothing is read yet."""
        self.where = where
        self._values = values
        self._read: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the object has the key."""
        return key in self._values

    def skip(self, *keys: str) -> None:
        """Count keys as read whose values mean nothing here."""
        self._read.update(keys)

    def rest(self) -> Iterator[tuple[str, Any]]:
        """The keys that were not read, and their values."""
        return ((key, value) for key, value in self._values.items() if key not in self._read)

    def count(self, key: str, default: int | None = None, *, unset: int | None = None) -> int:
        """A whole number of at least 1; null, and `unset`, mean the default. Raises ModelError."""
        value = self._take(key)
        if value is None or value == unset:
            value = default
        if value is None:
            raise ModelError(f"{self.where}: {key} is missing; every config in TransformerLens's format has it")
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ModelError(f"{self.where}: {key} is {value!r}; it must be a whole number of at least 1")
        return value

    def number(self, key: str, default: float) -> float:
        """A number; null means the default. Raises ModelError."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ModelError(f"{self.where}: {key} is {value!r}; it must be a number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false; null means the default. Raises ModelError."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ModelError(f"{self.where}: {key} is {value!r}; it must be true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str | None:
        """A string, or None where it is null; the default where the key is left out. Raises ModelError."""
        value = self._take(key) if self.has(key) else default
        if value is not None and not isinstance(value, str):
            raise ModelError(f"{self.where}: {key} is {value!r}; it must be a string or null")
        return value

    def agreed(self, keys: Sequence[str], read: Callable[[str, T], T], default: T) -> T:
        """The value of keys that mean the same, as `read` reads each.

        Raises:
            ModelError: two of them say different things.
        """
        found = {key: read(key, default) for key in keys if self.has(key)}
        if len(set(found.values())) > 1:
            said = ", ".join(f"{key} is {value!r}" for key, value in found.items())
            raise ModelError(f"{self.where}: {said}, but they mean the same; leave the wrong one out")
        return next(iter(found.values()), default)

    def _take(self, key: str) -> Any:
        self._read.add(key)
        return self._values.get(key)
