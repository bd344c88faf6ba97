"""Curves of patching edges by growing shares, stored beside the runs they belong to, found again and resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgewise.evaluation.interpolation import interpolating
from edgewise.graph.arrays import FloatArray
from edgewise.runs.config import RunConfig
from edgewise.runs.identity import identity
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import prepare
from edgewise.runs.steps import Report, Steps, silent
from edgewise.runs.store.analysis import FILES, Analysis, measured
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.record import versions

INTERPOLATING = "patching edges by shares"


@dataclass(frozen=True)
class _Curves:
    """What is stored: a row an edge."""

    curves: tuple[tuple[float, ...], ...]


def interpolated(
    config: RunConfig,
    edges: Sequence[str],
    shares: Sequence[float],
    folder: Path,
    name: str,
    *,
    max_memory: int | None = None,
    on_progress: Report | None = None,
) -> FloatArray:
    """Return the curves of some edges, stored or measured now; see `edgewise.evaluation.interpolation`.

    Args:
        config: model and prompts.
        edges: their names.
        shares: of the change at each edge.
        folder: where the result goes.
        name: of its file, without the suffix.
        max_memory: bytes to use in all.
        on_progress: called with the step and how far it is.

    Returns:
        Mean over prompts of the metric's change, ``[edges, shares]``.

    Raises:
        RunConflictError: the folder holds other curves of this name.
        EdgewiseError: anything wrong with the model, the prompts or the edges.
    """
    analysis, now, steps = Analysis(folder, name), identity(config), Steps(on_progress or silent)
    asked = {"config": to_json(config), "edges": list(edges), "shares": list(shares), FILES: now}

    def measure() -> _Curves:
        setup = prepare(config, now, steps)
        with steps.step("interpolation", INTERPOLATING):
            state, _ = run_to_end(
                lambda stored: interpolating(
                    setup.model,
                    setup.prompts,
                    edges,
                    shares,
                    metric=config.metric,
                    max_memory=max_memory,
                    stored=stored,
                ),
                folder,
                {"asked": asked, "prompts": setup.prompts.fingerprint(), "versions": versions()},
                steps.report,
                INTERPOLATING,
                name=analysis.progress,
            )
        return _Curves(tuple(map(tuple, state.curves().tolist())))

    found, _ = measured(analysis, asked, _Curves, measure)
    return np.asarray(found.curves, dtype=np.float64)
