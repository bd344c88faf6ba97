"""A run's config as the command that asks for the same run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from edgewise.methods import IMPORTED, method_names, settings_class
from edgewise.runs.config import RunConfig
from edgewise.settings import read_settings
from edgewise.settings.words import typed, words


def command(config: RunConfig, out: str) -> tuple[str, ...]:
    """Return the words of the command that makes a run of this config.

    Args:
        config: what was asked for; what is as by default is left out. A run that was imported is imported again.
        out: the folder to name.
    """
    if config.method == IMPORTED:
        return (*_of_import(config), *typed("--out", out))
    return ("edgewise", "discover", *_given(config), *typed("--out", out))


def _of_import(config: RunConfig) -> Iterator[str]:
    settings = config.settings
    yield from ("edgewise", "import", settings["file"], "--format", settings["format"], "--graph", config.model)
    yield from words(config, without=("model", "method", "level"))
    yield from words(config.selection)


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
