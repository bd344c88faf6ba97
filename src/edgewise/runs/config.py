"""What a run is asked to do: one frozen value in `run.json` that decides whether two runs are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgewise.errors import SettingError
from edgewise.runs.store.codec import to_json
from edgewise.settings import changed, described
from edgewise.settings.conditions import BatchSettings
from edgewise.settings.device import taken, type_taken
from edgewise.settings.evaluation import MeasureSettings
from edgewise.settings.model import ModelSettings
from edgewise.settings.prompts import PromptSettings, json_values
from edgewise.settings.scoring import ScoreSettings
from edgewise.settings.selection import Selection

# A field that is a value with settings of its own.
_NESTED = {"nested": True}
# The share of a data file that is held out where a circuit's size is to be measured and nobody says how much.
HELD_BACK = 0.5


@dataclass(frozen=True, repr=False)
class RunConfig(MeasureSettings, BatchSettings, ScoreSettings, PromptSettings, ModelSettings):
    """Everything that decides a run's result, apart from the contents of the files it names, and what is done with it.

    Its fields are those of the groups it is made of (`edgewise.settings`), ``"auto"`` of device and dtype with what it
    stands for here in its place, and:

    Args:
        settings: the method's own settings, JSON values by name.
        selection: which edges (or nodes) make the circuit, where the method does not find one itself.

    Raises:
        SettingError: a value that a setting cannot have, or settings that do not go together.
    """

    settings: Mapping[str, Any] = field(default_factory=dict, hash=False, metadata=_NESTED)
    selection: Selection = field(default_factory=Selection, metadata=_NESTED)

    def __post_init__(self) -> None:
        """Check what can be checked without a model, and freeze the collections."""
        super().__post_init__()
        object.__setattr__(self, "device", taken(self.device))
        object.__setattr__(self, "dtype", type_taken(self.dtype, self.device))
        if self.bootstrap and self.selection.by == "mean-abs":
            raise SettingError("resamples keep means of the signed score, not of its size; leave --by mean-abs out")
        if self.data is not None and self.hold_out is None and self.selection.measured:
            object.__setattr__(self, "hold_out", HELD_BACK)
        object.__setattr__(self, "settings", json_values("the method's settings", self.settings))

    def __repr__(self) -> str:
        """Show what is not as by default."""
        return changed(self)

    @property
    def divided(self) -> str | None:
        """Which part of the prompts is used; None for all rows of a data file."""
        return self.split if self.task is not None or self.hold_out is not None else None

    @property
    def deciding(self) -> RunConfig:
        """The same result asked for in the plainest way: what does not decide it is as by default."""
        idle = {one.name: one.default for one in described(RunConfig) if not one.setting.changes_result}
        return replace(self, **idle)

    @property
    def scored(self) -> RunConfig:
        """The same scores asked for in the plainest way: what decides only which edges are kept is as by default."""
        return replace(self.deciding, selection=Selection())

    def differences(self, other: RunConfig) -> tuple[str, ...]:
        """Return one phrase for each deciding field in which `other` differs, e.g. ``"seed is 0 there, 1 here"``.

        Args:
            other: the config of now ("here"); `self` is the one that was found ("there").
        """
        there, here = _flat(self), _flat(other)
        return tuple(
            f"{name} is {_shown(there.get(name))} there, {_shown(here.get(name))} here"
            for name in here | there
            if there.get(name) != here.get(name)
        )


def _flat(config: RunConfig) -> dict[str, Any]:
    values: dict[str, Any] = to_json(config.deciding)
    nested = {name: values.pop(name) for name in ("settings", "selection")}
    settings = {f"setting {name}": value for name, value in nested["settings"].items()}
    return values | settings | {f"selection {name}": value for name, value in nested["selection"].items()}


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)
