"""A file that auto-circuit wrote, and what it made of one of ours: the numbers are the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgewise
from edgewise.runs.exchange import auto_circuit
from edgewise.tasks import PromptPair, PromptSet

THEIRS = Path(__file__).with_name("auto_circuit")


def test_scores_that_auto_circuit_wrote_and_the_circuit_it_ran() -> None:
    model = edgewise.load_model(THEIRS)
    told = json.loads((THEIRS / "rows.json").read_text())
    rows = zip(told["clean"], told["corrupted"], strict=True)
    answers = (told["answer"],), (told["wrong_answer"],)
    prompts = PromptSet("theirs", tuple(PromptPair(clean, corrupted, *answers) for clean, corrupted in rows))
    ours = edgewise.score_edges(model, prompts, method="eap")
    theirs = auto_circuit.read((THEIRS / "prune_scores.pt").read_bytes(), model.graph).scores
    largest = max(abs(value) for _, value in ours.items())
    assert dict(theirs.items()) == pytest.approx(dict(ours.items()), abs=2e-6 * largest)
    kept = edgewise.evaluate_circuit(model, prompts, edgewise.top_n(ours, 20)).circuit.metric
    assert kept == pytest.approx(told["top_20"], rel=1e-5)
