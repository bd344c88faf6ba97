"""A run's config as the command that asks for the same run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from edgewise.runs.config import RunConfig
from edgewise.runs.selection import Selection

_VALUES = (
    *("model", "config", "task", "data", "n", "method", "metric", "level"),
    *("dtype", "device", "kv_heads", "attention", "batch_size"),
)
_SWITCHES = ("per_prompt", "drop_invalid", "trust_remote_code")


def command(config: RunConfig, out: str) -> tuple[str, ...]:
    """Return the words of the `edgewise discover` command that makes a run of this config.

    Args:
        config: what was asked for; what is as by default is left out.
        out: the folder to name.
    """
    return ("edgewise", "discover", *_given(config), "--out", out)


def command_line(config: RunConfig, out: str) -> str:
    """Return `command` as one would type it: quoted, an option with its value on each line."""
    text = ""
    for word in command(config, out):
        text += (" \\\n  " if word.startswith("--") else " " if text else "") + shlex.quote(word)
    return text


def _given(config: RunConfig) -> Iterator[str]:
    default = RunConfig(model="", task="")
    for name in _VALUES:
        value = getattr(config, name)
        if value is not None and value != getattr(default, name):
            yield from (_flag(name), str(value))
    yield from _if_other("seed", config.seed, default.seed)
    yield from _if_other("bootstrap", config.bootstrap, default.bootstrap)
    yield from _if_other("exact", config.exact, default.exact)
    yield from _if_other("split", config.split, default.split)
    for option, value in config.options.items():
        yield from ("--option", f"{option}={_option_value(value)}")
    for setting, value in config.settings.items():
        yield from _setting(setting, value)
    yield from _selection(config.selection)
    if config.bos is not None:
        yield "--bos" if config.bos else "--no-bos"
    yield from (_flag(name) for name in _SWITCHES if getattr(config, name))
    for attribute in config.ignore_config:
        yield from ("--ignore-config", attribute)


def _setting(name: str, value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield from ((_flag(name),) if value else ())
    elif isinstance(value, list):
        for item in value:
            yield from (_flag(name), str(item))
    elif value is not None:
        yield from (_flag(name), str(value))


def _selection(selection: Selection) -> Iterator[str]:
    values: Mapping[str, Any] = selection.to_json()
    for name in ("top", "threshold", "fraction"):
        if values[name] is not None:
            yield from (_flag(name), repr(values[name]))
    yield from _if_other("by", values["by"], Selection().by)
    yield from (_flag(name) for name in ("greedy", "prune", "stable") if values[name])


def _if_other(name: str, value: object, default: object) -> Iterator[str]:
    if value != default:
        yield from (_flag(name), str(value))


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _option_value(value: object) -> str:
    """As the command line reads it: JSON, but words that are no JSON stand as they are."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)
