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
from edgewise.runs.steps import Execution, Steps
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
    execution: Execution = Execution(),
) -> FloatArray:
    """Return the curves of some edges, stored or measured now; see `edgewise.evaluation.interpolation`.

    Args:
        config: model and prompts.
        edges: their names.
        shares: of the change at each edge.
        folder: where the result goes.
        name: of its file, without the suffix.
        execution: how it is carried out, `Execution`.

    Returns:
        Mean over prompts of the metric's change, ``[edges, shares]``.

    Raises:
        RunConflictError: the folder holds other curves of this name.
        EdgewiseError: anything wrong with the model, the prompts or the edges.
    """
    analysis, now, steps = Analysis(folder, name), identity(config), Steps(execution.report)
    asked = {"config": to_json(config.deciding), "edges": list(edges), "shares": list(shares), FILES: now}

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
                    conditions=execution.conditions(config.batch_size),
                    stored=stored,
                ),
                folder,
                {"asked": asked, "prompts": setup.prompts.fingerprint(), "versions": versions()},
                steps.report,
                INTERPOLATING,
                name=analysis.progress,
            )
        return _Curves(tuple(map(tuple, state.curves().tolist())))

    found = measured(analysis, asked, _Curves, measure, overwrite=execution.overwrite)
    return np.asarray(found.results.curves, dtype=np.float64)
