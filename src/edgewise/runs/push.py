"""A finished run on the Hugging Face hub: what it is made of, and a card that says what it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import CommitOperationAdd

from edgewise.models.pretrained.hub import asked_where_reachable
from edgewise.runs.store.analysis import analyses
from edgewise.runs.store.folder import CIRCUIT, PICTURES, RUN, SCORES, TRACE, Run
from edgewise.runs.store.hub_file import asking

CARD = "README.md"


@dataclass(frozen=True)
class Pushed:
    """A run that was pushed.

    Args:
        repository: where.
        url: of the commit.
        files: that were put there.
    """

    repository: str
    url: str
    files: tuple[str, ...]


def files_of(run: Run) -> tuple[Path, ...]:
    """The files of a run that go to the hub: the run, what was measured of it, and pictures that are there.

    Example prompts and the page, which shows them, stay here; `run.json` shows the first prompts as tokens.
    """
    measured = sorted(path for path in analyses(run.folder) if path.suffix == ".json")
    named = [run.folder / name for name in (RUN, SCORES, CIRCUIT, TRACE, *PICTURES)]
    return (*(path for path in named if path.is_file()), *(path for path in measured if path not in named))


def push(run: Run, repository: str, card: str, *, private: bool = False) -> Pushed:
    """Put a run on the hub, in one commit; the repository is made if need be.

    Args:
        run: finished.
        repository: ``OWNER/NAME``.
        card: the text of its README.
        private: whether a repository that is made can be seen by its owner alone.

    Raises:
        RunError: no token, no right to write there, or a hub that cannot be reached.
    """
    files = files_of(run)
    added = [CommitOperationAdd(CARD, card.encode())]
    added += [CommitOperationAdd(path.name, str(path)) for path in files]
    api = huggingface_hub.HfApi()
    with asking(f"push to {repository}"), asked_where_reachable():
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.create_commit(repository, added, commit_message=f"{run.folder.resolve().name} by edgewise")
    return Pushed(repository, str(commit.commit_url), (CARD, *(path.name for path in files)))
