"""Names for things that are imported only when they are used.

A registry maps a name to ``"module:attribute"``. Listing names imports nothing, so the command line
can complete and suggest them without loading torch. Packages of other people add rows by entry points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from operator import attrgetter
from typing import Any

from edgewise.errors import EdgewiseError, UnknownNameError, did_you_mean

__all__ = ["Registry"]


class Registry:
    """A lazy, ordered table of names of one kind, such as "metric" or "task"."""

    def __init__(self, kind: str, entries: Mapping[str, str | tuple[str, str]], plugins: str | None = None) -> None:
        """Build the table.

        Args:
            kind: singular noun for messages, e.g. ``"metric"``.
            entries: name -> ``"package.module:attribute"``; or that, and where the class of its settings is.
            plugins: the group of entry points whose rows join when a name is first asked for.

        Raises:
            EdgewiseError: a target that is not of that form.
        """
        self.kind, self._plugins = kind, plugins
        self._own: dict[str, str] = {}
        self._settings: dict[str, str] = {}
        self._joined: set[str] = set()
        for name, target in entries.items():
            self.register(name, *((target,) if isinstance(target, str) else target))

    @property
    def _targets(self) -> dict[str, str]:
        """Every row, those of plug-ins joined."""
        group, self._plugins = self._plugins, None
        for row in sorted(entry_points(group=group), key=lambda row: row.name) if group else ():
            self.register(row.name, row.value)
            self._joined.add(row.name)
        return self._own

    def names(self) -> tuple[str, ...]:
        """Return every name, in the order of registration; those of plug-ins come last."""
        return tuple(self._targets)

    def __contains__(self, name: object) -> bool:
        """Whether the name is registered."""
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in the order of registration."""
        return iter(self.names())

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._targets)

    def register(self, name: str, target: str, settings: str | None = None) -> None:
        """Add one name.

        Args:
            name: what users type.
            target: ``"package.module:attribute"``; it is not imported yet.
            settings: likewise of the class of its settings, where that can be had without importing the target.

        Raises:
            EdgewiseError: the name is taken, or a target is not of that form.
        """
        if name in self._own:
            raise EdgewiseError(
                f"{self.kind} '{name}' is already registered as '{self._own[name]}'; choose another name"
            )
        for one in (target, *(() if settings is None else (settings,))):
            module, colon, attribute = one.partition(":")
            if not (module and colon and attribute):
                raise EdgewiseError(f"{self.kind} '{name}': target '{one}' is not 'module:attribute'")
        self._own[name] = target
        if settings is not None:
            self._settings[name] = settings

    def settings(self, name: str) -> Any | None:
        """The class of a name's settings; None where it has none. Only a plug-in is imported for that.

        Raises:
            UnknownNameError: no such name.
            EdgewiseError: a target's module has no such attribute.
        """
        if name in self and name in self._settings:
            return self._import(name, self._settings[name])
        return getattr(self.load(name), "settings", None) if name in self._joined or name not in self else None

    def load(self, name: str) -> Any:
        """Import and return what the name stands for.

        Raises:
            UnknownNameError: no such name; the message suggests a near one and lists all.
            EdgewiseError: the target's module has no such attribute.
        """
        if name not in self._targets:
            near = did_you_mean(name, self._targets)
            listed = f"Known {_plural(self.kind)}: {', '.join(self._targets) or 'none'}."
            raise UnknownNameError(f"unknown {self.kind} '{name}'{near or '.'} {listed}")
        return self._import(name, self._targets[name])

    def _import(self, name: str, target: str) -> Any:
        module, _, attribute = target.partition(":")
        try:
            return attrgetter(attribute)(import_module(module))
        except AttributeError as error:
            # An AttributeError from inside the module's own code is a defect there, not a bad target.
            if error.name != attribute.rpartition(".")[2]:
                raise
            raise EdgewiseError(f"{self.kind} '{name}': module '{module}' has no '{attribute}'") from error

    def describe(self, name: str) -> str:
        """Return one line on what the name stands for: its `summary`, else its docstring's first line.

        Raises:
            UnknownNameError: no such name.
        """
        loaded = self.load(name)
        summary = getattr(loaded, "summary", None)
        text = summary if isinstance(summary, str) else (getattr(loaded, "__doc__", None) or "")
        lines = text.strip().splitlines()
        return lines[0].strip() if lines else ""


def _plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
