"""What `run.json` says: the config, what it was run with, and the numbers that are not scores."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from edgewise.engine.run.passes import Passes
from edgewise.errors import EdgewiseError, FormatError
from edgewise.runs.config import RunConfig
from edgewise.runs.identity import changed, identity

FORMAT = "edgewise-run"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class MetricSummary:
    """Mean and standard error over prompts of the metric, before anything is patched and after everything is.

    A standard error is None for one prompt.
    """

    name: str
    clean: float
    clean_stderr: float | None
    corrupted: float
    corrupted_stderr: float | None


@dataclass(frozen=True)
class PromptSummary:
    """Which prompts were run: how many, how many were dropped, and the SHA-256 of all their ids."""

    name: str
    n: int
    dropped: int
    bos: bool
    fingerprint: str
    info: Mapping[str, Any] = field(default_factory=dict, hash=False)


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
    """

    measured: int
    scored: int
    second: str | None
    pearson: float | None
    spearman: float | None
    same_sign: float | None


@dataclass(frozen=True)
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
        finished: when it ended, UTC.
    """

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
    finished: str

    def to_json(self) -> dict[str, Any]:
        """Return the record as a dict of JSON values."""
        plain = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        nested: dict[str, Any] = {name: asdict(plain[name]) for name in ("prompts", "metric", "counts")}
        nested["stability"] = None if self.stability is None else asdict(self.stability)
        nested["exact"] = None if self.exact is None else asdict(self.exact)
        mappings = {name: dict(plain[name]) for name in ("identity", "versions", "model", "timing")}
        head = {"format": FORMAT, "format_version": FORMAT_VERSION}
        nested["passes"] = None if self.passes is None else asdict(self.passes)
        return head | plain | nested | mappings | {"config": self.config.to_json(), "warnings": list(self.warnings)}

    def to_bytes(self) -> bytes:
        """Return the text of `run.json`."""
        return (json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, values: Any, where: str = "run.json") -> RunRecord:
        """Read back what `to_json` gave.

        Raises:
            FormatError: not a record of ours; it names the field.
        """
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise FormatError(f"{where}: not written by edgewise (field 'format' is not '{FORMAT}')")
        if values.get("format_version") != FORMAT_VERSION:
            raise FormatError(
                f"{where}: field 'format_version' is {values.get('format_version')!r}, and this edgewise "
                f"reads {FORMAT_VERSION}; use the edgewise that wrote it"
            )
        missing = [entry.name for entry in fields(cls) if entry.name not in values]
        if missing:
            raise FormatError(f"{where}: field '{missing[0]}' is missing; run again with --overwrite")
        try:
            return cls(
                **{entry.name: values[entry.name] for entry in fields(cls)}
                | {
                    "config": RunConfig.from_json(values["config"]),
                    "prompts": PromptSummary(**values["prompts"]),
                    "metric": MetricSummary(**values["metric"]),
                    "counts": Counts(**values["counts"]),
                    "passes": values["passes"] and Passes(**values["passes"]),
                    "stability": values["stability"] and StabilitySummary(**values["stability"]),
                    "exact": values["exact"] and ExactSummary(**values["exact"]),
                    "warnings": tuple(values["warnings"]),
                }
            )
        except (TypeError, EdgewiseError) as error:
            raise FormatError(f"{where}: {error}; run again with --overwrite") from error


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


def without_timing(record: RunRecord) -> RunRecord:
    """Return the record without what differs between two runs of one config: for comparing results."""
    return replace(record, timing={}, finished="")
