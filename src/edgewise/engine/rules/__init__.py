"""Other derivatives than the true ones, for the operations of a model that runs as it is.

A `Ruled` mode sees every torch operation of a forward pass, whichever family's code calls it, and replaces the
derivative of those that are not linear. Nothing is put on the model for it.
"""

from __future__ import annotations

from edgewise.engine.rules.mode import Ruled
from edgewise.engine.rules.rule import Rules

__all__ = ["Ruled", "Rules"]
