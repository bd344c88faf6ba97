"""What a run is of, in a few words, for the headings of pages and pictures."""

from __future__ import annotations

from pathlib import Path

from edgewise.runs.store.neuron_record import NeuronRecord
from edgewise.runs.store.record import RunRecord


def title_of(record: RunRecord | NeuronRecord) -> str:
    """Return the title of a run: its model, of a path the last part, and its prompts."""
    model = record.config.model
    short = Path(model).name if model.startswith((".", "/", "~")) else model
    return f"{short or model} on {record.prompts.name}"
