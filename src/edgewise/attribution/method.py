"""What an attribution method is: a name and how it scores one micro-batch. The batch loop is everybody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from edgewise.engine.attribute import BatchScores, LogitGradient
from edgewise.engine.batches import Batch
from edgewise.engine.buffers import Buffers
from edgewise.errors import DataError, did_you_mean
from edgewise.models import Model

Setting: TypeAlias = int | float | str | bool
Score = Callable[[Model, Batch, LogitGradient, Buffers], BatchScores]


@dataclass(frozen=True)
class Method:
    """One attribution method.

    Args:
        name: what users type.
        summary: one line for listings, with its source.
        score: per-prompt edge scores of one micro-batch; the buffers are the pass's own, used again by the next one.
            It takes the settings by name.
        settings: what a user can set, with the defaults.
        check: raises DataError for values that do not go together.
    """

    name: str
    summary: str
    score: Callable[..., BatchScores]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    check: Callable[..., object] = lambda **_: None

    def set(self, given: Mapping[str, Setting] | None = None) -> Score:
        """The method with settings, the defaults where none is given.

        Raises:
            DataError: a name that the method does not have, or a value of another kind.
        """
        given = given or {}
        for name, value in given.items():
            if name not in self.settings:
                known = ", ".join(self.settings) or "none"
                raise DataError(
                    f"method {self.name!r} has no setting {name!r}{did_you_mean(name, self.settings)}; it has {known}"
                )
            kind = type(self.settings[name])
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise DataError(f"method {self.name!r}: setting {name!r} is {value!r}; give a value of {kind.__name__}")
        settings = {**self.settings, **given}
        self.check(**settings)
        return partial(self.score, **settings)
