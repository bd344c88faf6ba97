"""A finished run of either kind: of edges or nodes, or of neurons."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from edgewise.runs.store.folder import SCORES, Run, load_run
from edgewise.runs.store.neurons import SCORES as NEURON_SCORES
from edgewise.runs.store.neurons import NeuronRun, holds_neurons, load_neuron_run

AnyRun: TypeAlias = Run | NeuronRun


def load_any(folder: str | Path) -> AnyRun:
    """Read a finished run; raises as `load_run` and `load_neuron_run`."""
    return load_neuron_run(folder) if holds_neurons(folder) else load_run(folder)


def scores_file(run: AnyRun) -> Path:
    """The file of its scores."""
    return run.folder / (NEURON_SCORES if isinstance(run, NeuronRun) else SCORES)
