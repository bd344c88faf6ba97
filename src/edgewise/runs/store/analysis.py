"""What is measured of a circuit after it was found: one JSON file in a folder, resumed and refused as a run is.

The file holds ``asked`` (what was asked for, with fingerprints of the model, the data and the circuit) and the results.
The same question finds the file again; another question under the same name is refused, finished or not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from edgewise import processes
from edgewise.errors import FormatError, RunConflictError
from edgewise.runs.identity import changed
from edgewise.runs.store.atomic import content
from edgewise.runs.store.checkpoint import load_checkpoint
from edgewise.runs.store.codec import from_json, read_json, to_json
from edgewise.runs.store.commit import commit
from edgewise.runs.store.lock import writing
from edgewise.runs.store.names import VERIFICATION

FORMAT = "edgewise-analysis"
# Names of the analyses of a run, as patterns.
EVALUATIONS = ("sizes", "faithfulness", "evaluation-*", "mib-*")
# Of a run of neurons.
OF_NEURONS = ("neurons-*",)
# Of its scores alone, whatever its circuit.
OF_SCORES = ("sizes-*", VERIFICATION)
NAMES = (*EVALUATIONS, *OF_SCORES, *OF_NEURONS)
ASKED = "asked"
_FIX = "use --overwrite to measure again"
# In what was asked: the fingerprints of the model's, the config's and the data's files.
FILES = "files"
Results = TypeVar("Results")


@dataclass(frozen=True)
class Analysis:
    """One file of results in a folder.

    Args:
        folder: the run's folder, or one of its own.
        name: what it is, such as ``"verification"``: the file's name without its suffix.
    """

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """The file of the results."""
        return self.folder / f"{self.name}.json"

    @property
    def progress(self) -> str:
        """The name of the file that holds the state of an unfinished one."""
        return f"{self.name}.progress.safetensors"


@dataclass(frozen=True, eq=False)
class StoredResults(Generic[Results]):
    """The results of an analysis.

    Args:
        results: what was found.
        asked: what decided it, JSON values.
        path: where they are stored; None where they are not.
        reused: whether they were there already and nothing was measured.
    """

    results: Results
    asked: Mapping[str, Any]
    path: Path | None
    reused: bool


def measured(
    analysis: Analysis,
    asked: Mapping[str, Any],
    kind: type[Results],
    measure: Callable[[], Results],
    *,
    overwrite: bool = False,
) -> StoredResults[Results]:
    """Return the results of an analysis, stored or measured now.

    Args:
        analysis: where they are kept.
        asked: JSON values that decide the results; equal ones find what is stored.
        kind: what the results are, a dataclass.
        measure: called with the folder held for writing where nothing is stored; what it returns is stored. It keeps
            its state in the file ``analysis.progress``, with ``{"asked": asked, ...}`` as the checkpoint's key.
        overwrite: measure again, in place of what is stored.

    Raises:
        RunConflictError: the folder holds another question of this name, or another process is writing to it.
        FormatError: a file of that name that edgewise did not write, or that is damaged; it names the field.
    """
    plain = json.loads(json.dumps(asked))
    with writing(analysis.folder):
        found = None if overwrite else _stored(analysis)
        if found is not None:
            _refuse_other(analysis, found[ASKED], plain, "result")
            return StoredResults(_results(analysis, found, kind), asked, analysis.path, True)
        checkpoint = load_checkpoint(analysis.folder, analysis.progress)
        if checkpoint is not None and not overwrite:
            _refuse_other(analysis, checkpoint.key.get(ASKED, {}), plain, "unfinished result")
        results = {"format": FORMAT, ASKED: plain, **to_json(measure())}
        text = json.dumps(results, indent=2, allow_nan=False) + "\n"
        commit(analysis.folder, {analysis.path.name: content(text.encode())}, gone=[analysis.progress])
        return StoredResults(_results(analysis, read_json(analysis.path, _FIX), kind), asked, analysis.path, False)


def stored(analysis: Analysis, kind: type[Results]) -> Results | None:
    """Read the results of an analysis; None where there are none. Raises FormatError as `measured`."""
    found = stored_with_question(analysis, kind)
    return None if found is None else found.results


def stored_with_question(analysis: Analysis, kind: type[Results]) -> StoredResults[Results] | None:
    """Read the same with what was asked; raises likewise."""
    found = _stored(analysis)
    return (
        None
        if found is None
        else StoredResults(_results(analysis, found, kind), found[ASKED], analysis.path, reused=True)
    )


def analyses(folder: Path, names: Sequence[str] = NAMES) -> tuple[Path, ...]:
    """The files of all analyses in a folder, or of those of some names, finished or not."""
    patterns = [pattern for name in names for pattern in (f"{name}.json", f"{name}.progress.safetensors")]
    return tuple(path for pattern in patterns for path in sorted(folder.glob(pattern)))


def forget_analyses(folder: Path, names: Sequence[str] = NAMES) -> tuple[Path, ...]:
    """Remove the analyses of what is being replaced, and return their paths; the caller holds the folder's lock."""
    gone = analyses(folder, names)
    for path in gone if processes.first() else ():
        path.unlink(missing_ok=True)
    return gone


def _stored(analysis: Analysis) -> dict[str, Any] | None:
    if not analysis.path.is_file():
        return None
    values = read_json(analysis.path, _FIX)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise FormatError(f"{analysis.path}: not written by edgewise; move it away, or use --overwrite")
    asked = values.get(ASKED)
    if not isinstance(asked, dict) or not isinstance(asked.get(FILES, {}), dict):
        raise FormatError(f"{analysis.path}: field '{ASKED}' does not say what was asked for; {_FIX}")
    return values


def _results(analysis: Analysis, values: Mapping[str, Any], kind: type[Results]) -> Results:
    own = {name: value for name, value in values.items() if name not in ("format", ASKED)}
    return from_json(kind, own, str(analysis.path), _FIX)


def _refuse_other(analysis: Analysis, there: Mapping[str, Any], here: Mapping[str, Any], what: str) -> None:
    differing = [
        f"{name} is {there.get(name)!r} there, {here.get(name)!r} here"
        for name in dict.fromkeys((*here, *there))
        if name != FILES and there.get(name) != here.get(name)
    ]
    differing += changed(there.get(FILES, {}), here.get(FILES, {}))
    if differing:
        raise RunConflictError(
            f"{analysis.path}: holds another {what} ({'; '.join(differing)}); use --overwrite to replace it"
        )
