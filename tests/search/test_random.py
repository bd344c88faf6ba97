"""Random scores: drawn by a seed alone, beside a metric that is really measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from edgewise import load_model
from edgewise.errors import DataError, ScoreError
from edgewise.search.random import at_random, random_scores
from edgewise.settings.conditions import Conditions
from tiny import FAMILIES, prompts


def test_the_seed_decides_and_nothing_else() -> None:
    graph = load_model("demo").graph
    first, again, other = (random_scores(graph, seed).values[graph.mask] for seed in (3, 3, 4))
    assert (first == again).all()
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.2
    assert stats.kstest(first, "norm").pvalue > 0.001
    nodes = random_scores(graph, 3, "node").values
    assert len(set(nodes.tolist())) == graph.n_sources
    with pytest.raises(DataError, match="seed is -1"):
        random_scores(graph, -1)


@pytest.mark.parametrize("level", ["edge", "node"])
def test_the_metric_is_measured(level: str) -> None:
    module = FAMILIES["gpt2"]()
    model, pairs = load_model(module), list(prompts(7))
    states = list(
        at_random(model, pairs, seed=5, metric="logit-diff", level=level, conditions=Conditions(batch_size=3))
    )
    with pytest.raises(ScoreError, match="0 of 7"):
        next(iter(at_random(model, pairs, metric="logit-diff"))).scores()
    last = states[-1]
    for name, found in (("clean", last.clean_metric), ("corrupted", last.corrupted_metric)):
        for pair, value in zip(pairs, found.tolist(), strict=True):
            with torch.no_grad():
                logits = module(torch.tensor([getattr(pair, name)])).logits[0, list(pair.positions)].mean(0)
            expected = logits[list(pair.answers)].mean() - logits[list(pair.wrong_answers)].mean()
            assert abs(float(expected) - value) < 1e-10
    expected = random_scores(model.graph, 5, level)
    assert np.array_equal(last.scores().values, expected.values, equal_nan=True)
    stored = {
        name: array.copy() for name, array in next(iter(at_random(model, pairs, metric="logit-diff"))).tensors().items()
    }
    resumed = list(at_random(model, pairs, seed=5, metric="logit-diff", level=level, stored=stored))[-1]
    np.testing.assert_allclose(resumed.corrupted_metric, last.corrupted_metric, rtol=0, atol=1e-12)
