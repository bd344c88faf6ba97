"""Whose code is run: the user says so with each command, and no file does.

A run folder may be a stranger's, and its ``run.json`` names the model, which may carry code, and the metric, which may
be code. That of a metric is run where the command names it too (`edgewise.metrics.own`).
"""

from __future__ import annotations

from edgewise.errors import RunError
from edgewise.settings.model import ModelSettings


def require_same_metric(where: str, stored: str | None, of_run: str, given: str | None) -> None:
    """Refuse a metric that is given for a run's own to be run, and is another one.

    Args:
        where: the folder, for the message.
        stored: the run's as it was asked for.
        of_run: the name of what it measured.
        given: with this command.

    Raises:
        RunError: it is not the run's.
    """
    if given not in (None, stored, of_run):
        raise RunError(f"{where}: its scores are of the metric '{of_run}', not of '{given}'; leave --metric out")


def require_trust(where: str, config: ModelSettings, trusted: bool) -> None:
    """Refuse a stored config whose model runs code, unless the user trusts it now.

    Args:
        where: the folder, for the message.
        config: as it is stored.
        trusted: whether ``--trust-remote-code`` was given with this command.

    Raises:
        RunError: it runs code, and nobody said that it may.
    """
    if config.trust_remote_code and not trusted:
        raise RunError(
            f"{where}: its model '{config.model}' was loaded with code that it carries; look at that code, and add"
            " --trust-remote-code to run it"
        )
