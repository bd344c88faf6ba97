"""One file a kind of block, one row a class of ``transformers``. A new file, and a new row, is found by itself."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from edgewise.models.family import Family

# The files here, and the modules of other packages that give rows by an entry point.
_FILES = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
_FILES += [one.load() for one in sorted(entry_points(group="edgewise.families"), key=lambda one: one.name)]


def _families() -> Mapping[str, Family]:
    """Every row of every file here, by its class's name."""
    found: dict[str, Family] = {}
    for file in _FILES:
        for family in file.ROWS:
            if family.architecture in found:
                raise ValueError(f"{family.architecture} has two rows in {__name__}")
            found[family.architecture] = family
    return found


FAMILIES = _families()
# Classes near to one of these that do not fit, and why.
REFUSED: Mapping[str, str] = {name: why for file in _FILES for name, why in getattr(file, "REFUSED", {}).items()}
