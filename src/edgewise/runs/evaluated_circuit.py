"""Whose circuit is evaluated: that of a finished run, or that of a file; and on which prompts.

A run is evaluated on the held-out prompts of its task, or on its data file, with the model, the number of prompts and
the precision of its own config, unless something else is given.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from edgewise.errors import RunConflictError, RunError
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.scores import Ranking
from edgewise.graph.spec import GraphSpec
from edgewise.runs.config import RunConfig
from edgewise.runs.identity import changed, content_digest, identity
from edgewise.runs.store.analysis import FILES
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.files import read_circuit
from edgewise.runs.store.folder import CIRCUIT, SCORES, Run, load_run, read_run
from edgewise.runs.store.hub_file import local
from edgewise.runs.trust import require_trust
from edgewise.settings import described
from edgewise.settings.model import ModelSettings
from edgewise.settings.prompts import PromptSettings
from edgewise.tasks import PromptSet
from edgewise.tasks.places import kind_of

HELD_OUT = "held-out"
# What of a config decides an evaluation: the rest says how the circuit was found.
DECIDING = (
    *(one.name for one in (*described(ModelSettings), *described(PromptSettings)) if one.name != "split"),
    *("metric", "batch_size", "positions", "readers"),
)
Found = tuple[Circuit, EdgeScores | NodeScores | None]


@dataclass(frozen=True, eq=False)
class EvaluatedCircuit:
    """A circuit, and the model and the prompts it is evaluated with.

    Args:
        name: what the user called it: a folder, or a file.
        config: the model and the prompts.
        by: what its scores are ranked by.
        identity: fingerprints of the model's files, of its config file and of the data file.
        digests: SHA-256 of the files of the circuit and of its scores; None where there is none.
        read: the circuit and its scores, given the model's shape; refuses files that have changed since.
        run: the run that found it, if any.
    """

    name: str
    config: RunConfig
    by: Ranking
    identity: dict[str, str | None]
    digests: Mapping[str, str | None]
    read: Callable[[GraphSpec], Found]
    run: Run | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """All of it that decides the numbers, as JSON values."""
        config = to_json(self.config)
        plain = {name: config[name] for name in DECIDING} | {"by": self.by} | dict(self.digests)
        return plain | {FILES: dict(self.identity)}

    def note(self, prompts: PromptSet) -> str | None:
        """What to know about the prompts: whether the circuit was found on them."""
        found = self.run
        if found is None:
            return None
        same_file = self.config.data is not None and found.record.identity.get("data") == self.identity["data"]
        if same_file and self._held_out_of(found.config):
            return None
        if same_file or found.record.prompts.fingerprint == prompts.fingerprint():
            return "the circuit was found on these prompts, so the numbers say how well it fits them, no more"
        if self.config.task is not None and (found.config.task, found.config.split) == (self.config.task, HELD_OUT):
            return "the circuit was found on held-out prompts too"
        return None

    def _held_out_of(self, found: RunConfig) -> bool:
        """Whether these rows of the file are those that the run left out."""
        cut = ("hold_out", "seed", "n")
        same_cut = all(getattr(self.config, name) == getattr(found, name) for name in cut)
        return found.hold_out is not None and same_cut and {self.config.split, found.split} == {HELD_OUT, "discovery"}


def circuit_of_run(
    folder: Path, given: Mapping[str, Any], *, split: str = HELD_OUT, files: Mapping[str, str | None] | None = None
) -> EvaluatedCircuit:
    """The circuit of a finished run.

    Args:
        folder: the run's.
        given: fields of the config that the user gave, in place of the run's own.
        split: of a task's prompts.
        files: fingerprints of the run's files that were taken just now; None to take them.

    Raises:
        RunError: no finished run there.
        RunConflictError: the model's or the data's files have changed since.
        EdgewiseError: settings that do not go together.
    """
    if folder.is_file():
        given_as = shlex.quote(str(folder))
        raise RunError(
            f"{folder}: a file, not a run folder; evaluate a circuit file with --circuit {given_as} --model M"
        )
    run = load_run(folder, instead="evaluate it with `edgewise evaluate DIR`, in Python with evaluate_neurons")
    require_trust(str(folder), run.config, bool(given.get("trust_remote_code")))
    config = config_after(run.config, given, split)
    now = identity(config) if files is None else dict(files)
    _refuse_changed(run, config, now)
    if now["model"] is None and config.model == run.config.model:  # a hub model that the local cache has lost
        now |= {name: digest for name, digest in run.record.identity.items() if name.split("/")[0] == "model"}

    def digests() -> dict[str, str | None]:
        return {"circuit": content_digest(folder / CIRCUIT), "scores": content_digest(folder / SCORES)}

    before = digests()

    def read(spec: GraphSpec) -> Found:
        if digests() != before:
            raise RunConflictError(f"{folder}: another run was put there meanwhile; start the same command again")
        found = read_run(folder)
        return found.circuit, found.scores

    return EvaluatedCircuit(str(folder), config, run.config.selection.by, now, before, read, run)


def circuit_of_file(path: Path, given: Mapping[str, Any]) -> EvaluatedCircuit:
    """The circuit of a file, ours or in EAP-IG's format, with the scores in it.

    Args:
        path: a `.json` or `.pt` file, or ``hub:OWNER/NAME[@REVISION]``.
        given: fields of the config: the model, and a task or a data file.

    Raises:
        OSError: the file cannot be read.
        EdgewiseError: settings that do not go together, or a repository of the hub that cannot be had.
    """
    config = RunConfig(**{"split": HELD_OUT, **given})
    name, path = str(path), local(path, CIRCUIT)
    before: dict[str, str | None] = {"circuit": content_digest(path), "scores": None}
    # A file that is none of a circuit is refused before a model is loaded.
    found, _ = read_circuit(path)
    if found.graph.places and config.positions is None:
        config = replace(config, positions=kind_of(found.graph.places), readers=found.graph.readers)

    def read(spec: GraphSpec) -> Found:
        if content_digest(path) != before["circuit"]:
            raise RunConflictError(f"{path}: changed meanwhile; start the same command again")
        return read_circuit(path, spec)

    return EvaluatedCircuit(name, config, "abs", identity(config), before, read)


def config_after(found: RunConfig, given: Mapping[str, Any], split: str) -> RunConfig:
    """The config of an evaluation: the run's, but for what is given; other prompts bring their own settings."""
    of_run = {entry.name: getattr(found, entry.name) for entry in fields(found) if entry.name in DECIDING}
    if any(name in given and given[name] != of_run[name] for name in ("task", "data")):
        of_run |= {one.name: one.default for one in described(PromptSettings) if one.name not in ("seed", "split")}
    return RunConfig(**{**of_run, **given, "split": split})


def _refuse_changed(run: Run, config: RunConfig, now: Mapping[str, str | None]) -> None:
    same = {
        name for name in ("model", "config", "data", "metric") if getattr(config, name) == getattr(run.config, name)
    }
    same |= {"template"} if config.task == run.config.task else set()
    other = changed(run.record.identity, {name: digest for name, digest in now.items() if name.split("/")[0] in same})
    if other:
        raise RunConflictError(
            f"{run.folder}: since the circuit was found, {'; '.join(other)}; put them back, or run"
            " `edgewise discover` again with --overwrite"
        )
