"""Whose code is run: the user says so with each command, and no file does.

A run folder may be a stranger's, and its ``run.json`` names the model, which may carry code.
"""

from __future__ import annotations

from edgewise.errors import RunError
from edgewise.settings.model import ModelSettings


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
