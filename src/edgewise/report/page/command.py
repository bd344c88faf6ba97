"""A run's config as the command that asks for the same run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from edgewise.methods import method_names, settings_class
from edgewise.runs.config import RunConfig
from edgewise.settings import read_settings
from edgewise.settings.words import typed, words


def command(config: RunConfig, out: str) -> tuple[str, ...]:
    """Return the words of the `edgewise discover` command that makes a run of this config.

    Args:
        config: what was asked for; what is as by default is left out.
        out: the folder to name.
    """
    return ("edgewise", "discover", *_given(config), *typed("--out", out))


def command_line(config: RunConfig, out: str) -> str:
    """Return `command` as one would type it: quoted, an option with its value on each line."""
    text = ""
    for word in command(config, out):
        text += (" \\\n  " if word.startswith("--") else " " if text else "") + shlex.quote(word)
    return text


def _given(config: RunConfig) -> Iterator[str]:
    yield from words(config)
    if config.method in method_names():  # the package that brought it may be gone
        yield from words(read_settings(settings_class(config.method), config.settings, config.method))
    yield from words(config.selection)
