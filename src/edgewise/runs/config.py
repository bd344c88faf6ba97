"""What a run is asked to do: one frozen value in `run.json` that decides whether two runs are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from edgewise.errors import FormatError, RunError, did_you_mean
from edgewise.runs.selection import Selection

Level: TypeAlias = Literal["edge", "node"]
LEVELS: tuple[Level, ...] = ("edge", "node")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's result, apart from the contents of the files it names.

    Args:
        model: bundled name, folder, hub name, or weights file in TransformerLens's format.
        config: path of the config of a weights file or folder in that format, where it lies elsewhere.
        task: name of a task; either this or `data`.
        data: path of a CSV, JSONL or Parquet file of prompts; either this or `task`.
        options: the task's own options, JSON values by name.
        n: number of prompts; None means 100 of a task, all of a file.
        seed: seed of the task's generator.
        split: which of the task's two disjoint sets of prompts, ``"discovery"`` or ``"held-out"``.
        method: how edges are scored.
        level: ``"edge"`` or ``"node"``.
        metric: name of the metric; None means the one that belongs to the prompts.
        settings: the method's own settings, JSON values by name.
        selection: which edges (or nodes) make the circuit, where the method does not find one itself.
        dtype: floating-point type of the model; float64 also stores scores in float64.
        device: where the model runs.
        kv_heads: ``"native"``, or ``"query"`` for a k and a v of every query head where several share one.
        attention: how ``transformers`` computes attention; None leaves it to the class.
        batch_size: prompts in a micro-batch; None leaves it to the memory budget.
        bos: whether prompts begin with the BOS token; None means as the tokenizer does, and never for ids.
        per_prompt: also store the score of every prompt.
        bootstrap: also store the scores of so many resamples of the prompts, drawn with `seed`; 0 for none.
        exact: measure the exact effect of so many edges (or nodes) whose estimates are large or disagree; 0 for none.
        drop_invalid: leave out rows of a file that cannot be used, instead of refusing the file.
        ignore_config: config attributes of the model that the user vouches for.
        trust_remote_code: run code that the model's hub repository carries.

    Raises:
        RunError: neither or both of task and data, options without a task, a count below one, no such level.
    """

    model: str
    config: str | None = None
    task: str | None = None
    data: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    n: int | None = None
    seed: int = 0
    split: str = "discovery"
    method: str = "eap-secant"
    level: Level = "edge"
    metric: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    selection: Selection = field(default_factory=Selection)
    dtype: str = "float32"
    device: str = "cpu"
    kv_heads: str = "native"
    attention: str | None = None
    batch_size: int | None = None
    bos: bool | None = None
    per_prompt: bool = False
    bootstrap: int = 0
    exact: int = 0
    drop_invalid: bool = False
    ignore_config: tuple[str, ...] = ()
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Check what can be checked without a model, and freeze the collections."""
        if (self.task is None) == (self.data is None):
            given = "both a task and a data file" if self.task else "neither a task nor a data file"
            raise RunError(f"{given} given; give exactly one of --task and --data")
        if self.options and self.task is None:
            raise RunError(f"options {sorted(self.options)} belong to a task, not to --data; leave --option out")
        if self.level not in LEVELS:
            near = did_you_mean(self.level, LEVELS)
            raise RunError(f"unknown level '{self.level}'{near or ';'} use one of {', '.join(LEVELS)}")
        for name in ("n", "batch_size"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise RunError(f"{name} is {count}; give at least 1")
        if self.bootstrap and self.selection.by == "mean-abs":
            raise RunError("resamples keep means of the signed score, not of its size; leave --by mean-abs out")
        if self.bootstrap < 0:
            raise RunError(f"bootstrap is {self.bootstrap}; give a number of resamples, or 0 for none")
        if self.exact < 0:
            raise RunError(f"exact is {self.exact}; give a number of {self.level}s to measure, or 0 for none")
        for name, what in (("options", "task options"), ("settings", "the method's settings")):
            object.__setattr__(self, name, MappingProxyType(_json_values(what, getattr(self, name))))
        object.__setattr__(self, "ignore_config", tuple(self.ignore_config))

    def to_json(self) -> dict[str, Any]:
        """Return the config as a dict of JSON values."""
        plain = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return plain | {
            "options": dict(self.options),
            "settings": dict(self.settings),
            "selection": self.selection.to_json(),
            "ignore_config": list(self.ignore_config),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunConfig:
        """Read back what `to_json` gave.

        Raises:
            FormatError: a field that is unknown or missing.
        """
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown:
            raise FormatError(f"config: field '{unknown[0]}' is unknown; was it written by a newer edgewise?")
        try:
            return cls(**{**values, "selection": Selection.from_json(values.get("selection", {}))})
        except TypeError as error:
            raise FormatError(f"config: {error}") from error

    def differences(self, other: RunConfig) -> tuple[str, ...]:
        """Return one phrase for each field in which `other` differs, e.g. ``"seed is 0 there, 1 here"``.

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
    values = config.to_json()
    nested = {name: values.pop(name) for name in ("settings", "selection")}
    settings = {f"setting {name}": value for name, value in nested["settings"].items()}
    return values | settings | {f"selection {name}": value for name, value in nested["selection"].items()}


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)


def _json_values(what: str, values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = json.loads(json.dumps(dict(values), sort_keys=True))
    except (TypeError, ValueError) as error:
        raise RunError(f"{what} must be JSON values: {error}") from error
    return loaded
