"""Files of runs that lie on the Hugging Face hub: ``hub:OWNER/NAME[@REVISION]``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from edgewise.errors import RunError, in_words
from edgewise.models.pretrained.hub import asked_where_reachable

HUB = "hub:"
_FORM = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
# Its bases are the errors of the HTTP library, whichever this version of huggingface_hub uses.
_TROUBLE: tuple[type[Exception], ...] = (OSError, ValueError, RuntimeError, *HfHubHTTPError.__bases__)


def is_of_hub(path: str | Path) -> bool:
    """Whether a repository of the hub is meant."""
    return str(path).startswith(HUB)


def local(path: str | Path, name: str) -> Path:
    """Return a path as it is, or, of a repository of the hub, where one of its files was put here.

    Args:
        path: as typed.
        name: the file meant of a repository.

    Raises:
        RunError: not of the form ``hub:OWNER/NAME[@REVISION]``, no such repository, or one that cannot be reached.
    """
    asked = str(path)
    if not is_of_hub(path):
        return Path(path)
    found = _FORM.fullmatch(asked)
    if found is None:
        raise RunError(f"{asked}: not hub:OWNER/NAME[@REVISION]; write, say, hub:me/ioi-circuit")
    with asking(asked), asked_where_reachable():
        place = huggingface_hub.hf_hub_download(found["repo"], name, revision=found["revision"])
    return Path(place)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn whatever the hub's library raises into one line.

    Args:
        what: is asked for, at the head of the line.

    Raises:
        RunError: what went wrong, and what to do.
    """
    try:
        yield
    except RunError:
        raise
    except _TROUBLE as error:
        raise RunError(f"{what}: {_said(error)}") from error


def _said(error: Exception) -> str:
    """What went wrong, by the kind of error, or by the answer's number where that says more."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, LocalTokenNotFoundError):
        return f"no token of the hub is here; {_LOG_IN}"
    if isinstance(error, GatedRepoError):
        return "the repository is gated; ask for access on its page"
    if isinstance(error, RepositoryNotFoundError):
        return f"there is no such repository, or no right to see it; check the name, or {_LOG_IN}"
    if isinstance(error, RevisionNotFoundError):
        return "the repository has no such revision; check what stands behind @"
    if isinstance(error, OfflineModeIsEnabled | LocalEntryNotFoundError):
        return "it is not in the cache here and the hub cannot be reached; check the network, or unset HF_HUB_OFFLINE"
    if isinstance(error, EntryNotFoundError):
        return "the repository has no such file; `edgewise push` puts one there"
    if isinstance(error, HFValidationError):
        return "not a name of a repository; write OWNER/NAME"
    if status in (401, 403):
        return f"the hub refuses the token; {_LOG_IN} as one that may write there"
    return f"the hub did not take part ({in_words(error)}); check the network and the name"
