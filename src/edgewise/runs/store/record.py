"""What `run.json` says: the config, what it was run with, and the numbers that are not scores."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

from edgewise.engine.run.passes import Passes
from edgewise.runs.config import RunConfig
from edgewise.runs.identity import changed, identity
from edgewise.runs.shown_prompts import ShownPrompts
from edgewise.runs.store.codec import to_json


@dataclass(frozen=True)
class MetricSummary:
    """Mean and standard error over prompts of the metric, before anything is patched and after everything is.

    A standard error is None for one prompt. Lower is better of a distance from the clean run, or a loss.
    """

    name: str
    clean: float
    clean_stderr: float | None
    corrupted: float
    corrupted_stderr: float | None
    lower_is_better: bool = False


@dataclass(frozen=True)
class PromptSummary:
    """Which prompts were run: how many, how many were dropped, the SHA-256 of all their ids, and the first of them.

    Args:
        name: of the task or the file.
        n: how many.
        dropped: rows that were left out.
        bos: whether BOS was put before them.
        fingerprint: SHA-256 of all ids.
        info: where they are from.
        shown: the first of them, as tokens; None where nobody looked.
    """

    name: str
    n: int
    dropped: int
    bos: bool
    fingerprint: str
    info: Mapping[str, Any] = field(default_factory=dict, hash=False)
    shown: ShownPrompts | None = None


@dataclass(frozen=True)
class Counts:
    """Sizes of the graph and of the circuit."""

    edges: int
    sources: int
    destinations: int
    circuit_edges: int
    circuit_nodes: int


@dataclass(frozen=True)
class StabilitySummary:
    """How the circuit varies over resamples of the prompts; see `edgewise.evaluation.stability`.

    Args:
        n_resamples: how many.
        kept: edges (or nodes with a score) of the circuit.
        certain: those of them whose sign is certain at 95 %.
        jaccard: mean pairwise overlap of the resamples' circuits.
        target: the overlap that counts as stable.
        prompts_for_target: about how many prompts would reach it; None where no number did.
    """

    n_resamples: int
    kept: int
    certain: int
    jaccard: float
    target: float
    prompts_for_target: int | None


@dataclass(frozen=True)
class ExactSummary:
    """How many of the scores are exact effects, and how the estimates of these compare with them.

    Args:
        measured: edges (or nodes) whose score is their exact effect.
        scored: of how many.
        second: the method whose estimates those of the run's were held against, to choose them; None where it refuses
            the model, and they are those of largest |score|.
        pearson: correlation of estimate and exact effect over those measured; None where it is undefined.
        spearman: their rank correlation.
        same_sign: share of those measured whose estimate has the sign of the exact effect.
        drawn: how many of those measured were drawn by lot, to tell how wrong the others are.
        r2: of all scores against the exact effects, estimated from these; None where too few were drawn.
        r2_low: what it is at least, with 90 % confidence.
        first: the method whose estimates these are.
        k: how many of the largest are to be found.
        recall: share of the k of largest exact effect that is among the k of largest score, estimated likewise.
    """

    measured: int
    scored: int
    second: str | None
    pearson: float | None
    spearman: float | None
    same_sign: float | None
    drawn: int = 0
    r2: float | None = None
    r2_low: float | None = None
    first: str = "eap"
    k: int | None = None
    recall: float | None = None


@dataclass(frozen=True, repr=False)
class RunRecord:
    """A finished run without its arrays.

    Args:
        config: what was asked for.
        identity: fingerprints of the model's files, of its config file and of the data file; see `identity`.
        versions: of edgewise, torch, transformers, numpy and python.
        model: architecture, shape of the graph, dtype and device.
        prompts: which prompts were run.
        metric: its values.
        counts: sizes of the graph and the circuit.
        rule: which edges (or nodes) make the circuit, in words.
        stability: over resamples of the prompts; None where none were asked for.
        exact: which scores are exact effects; None where none were asked for.
        batch_size: the micro-batch that was used; None where the method has none.
        passes: what the method cost, in passes of the model over all prompts; None where that is not known.
        timing: seconds, by step.
        warnings: one line each.
        notes: what is wrong with the circuit and what to try, one line each, by its edges alone.
        finished: when it ended, UTC.
        processes: how many shared the work.
    """

    format: ClassVar[str] = "edgewise-run"
    format_version: ClassVar[int] = 1

    config: RunConfig
    identity: Mapping[str, str | None] = field(hash=False)
    versions: Mapping[str, str] = field(hash=False)
    model: Mapping[str, Any] = field(hash=False)
    prompts: PromptSummary
    metric: MetricSummary
    counts: Counts
    rule: str
    stability: StabilitySummary | None
    exact: ExactSummary | None
    batch_size: int | None
    passes: Passes | None
    timing: Mapping[str, float] = field(hash=False)
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    finished: str
    processes: int = 1

    def __repr__(self) -> str:
        """Show what was run, and when it ended."""
        config = self.config
        return f"RunRecord({config.model} on {self.prompts.name}, {config.method}, {self.rule}, {self.finished})"

    def to_bytes(self) -> bytes:
        """Return the text of `run.json`."""
        return (json.dumps(to_json(self), indent=2, allow_nan=False) + "\n").encode()


def differences(record: RunRecord, config: RunConfig) -> tuple[str, ...]:
    """Return what makes a recorded run another one than that asked for; empty when they are the same.

    The files are read only where the configs are the same: large ones take their time.
    """
    return record.config.differences(config) or changed(record.identity, identity(config))


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    packages = ("edgewise", "torch", "transformers", "numpy")
    return {"python": platform.python_version()} | {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a source tree on the path, not installed
        return "unknown"
