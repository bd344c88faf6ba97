"""Fast ACDC gives what one edge at a time gives: the same circuit by the same tests."""

from __future__ import annotations

import numpy as np
import pytest
from acdc_slow import slow_acdc

from edgewise import load_model
from edgewise.models import Model
from edgewise.search.acdc import acdc
from tiny import FAMILIES, prompts


def same(model: Model, pairs: list, tau: float, metric: str, *, absolute: bool = False, batch_size: int = 64) -> int:
    slow = slow_acdc(model, pairs, tau, metric, absolute=absolute)
    fast = acdc(model, pairs, tau, metric=metric, absolute=absolute, batch_size=batch_size)
    names = [model.graph.edge_name(step.source, step.destination) for step in fast.trace]
    assert names == [edge for edge, *_ in slow.trace]
    assert [step.kept for step in fast.trace] == [kept for *_, kept in slow.trace]
    found = {name for i, j, name in model.graph.edges() if fast.circuit().mask[i, j]}
    assert found == slow.kept
    np.testing.assert_allclose(
        [(step.before, step.after) for step in fast.trace],
        [(before, after) for _, before, after, _ in slow.trace],
        atol=1e-5,
    )
    return len(slow.kept)


# Sequential and parallel blocks, grouped heads, no MLPs, attention to both sides.
BLOCKS = ("gpt2", "gpt-neox-parallel", "llama-grouped", "lens-attention-only", "lens-bidirectional-without-norms")


@pytest.mark.parametrize("metric", ["kl", "logit-diff"])
@pytest.mark.parametrize("family", BLOCKS)
def test_tiny_models(family: str, metric: str) -> None:
    model = load_model(FAMILIES[family]())
    # Rows for a bidirectional model cannot be padded.
    pairs = list(prompts(4) if model.wiring.causal else prompts(4, min_length=7, max_length=7))
    absolute = metric != "kl"
    kept = same(model, pairs, 0.001, metric, absolute=absolute, batch_size=2 if absolute else 64)
    assert 0 < kept < model.graph.n_edges
