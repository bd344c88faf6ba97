"""Prompts, edges and circuits over processes: what one process finds, to the last bit, whatever their number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from edgewise.attribution import estimate_edges
from edgewise.evaluation.evaluate import evaluate_circuit
from edgewise.graph.selection import top_n
from edgewise.models import load_model
from edgewise.search import patch_edges, score_edges
from edgewise.settings.conditions import Conditions
from together import together

pytestmark = pytest.mark.slow


def found() -> dict[str, Any]:
    """Scores, exact effects and an evaluation, of a model made the same in every process."""
    torch.set_num_threads(1)
    model, prompts = load_model(tiny.gpt2(n_layer=2)), tiny.prompts(11)
    few = Conditions(batch_size=2)
    scores = estimate_edges(
        model, prompts, method="eap", metric="logit-diff", bootstrap=20, per_prompt=True, conditions=few
    )
    both = score_edges(model, prompts, metric="logit-diff", exact=7, conditions=few)
    exact = patch_edges(model, prompts, metric="logit-diff", only=["*->logits", "input->*"], conditions=few)
    judged = evaluate_circuit(
        model, prompts, top_n(scores, 9), metric="logit-diff", scores=scores, random=1, conditions=few
    )
    return {
        "values": scores.values,
        "stderr": scores.stderr,
        "resampled": scores.resampled,
        "per_prompt": scores.per_prompt,
        "both": both.values,
        "exact": exact.values,
        "faithfulness": judged.faithfulness,
        "curve": [point.faithfulness for point in judged.curve.points],
    }


def test_parts_make_the_same_bits(tmp_path: Path) -> None:
    alone = found()
    for n in (2, 3):
        for every in together(n, found, tmp_path):
            for name, value in alone.items():
                np.testing.assert_array_equal(np.asarray(every[name]), np.asarray(value), err_msg=name)
