"""Curves of one edge patched by shares: their ends, their slopes, the way between by a second route, and resumption."""

from __future__ import annotations

from functools import cache
from itertools import islice

import numpy as np
import pytest
import torch

from edgewise import load_model, make_task, patch_edges, score_edges
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.metric_gradient import metric_values
from edgewise.engine.run.replacement import Replacement, corrupted_run, resample_from
from edgewise.engine.run.sources import SourceOutputs
from edgewise.errors import DataError, SelectionError
from edgewise.evaluation.interpolation import interpolate, interpolating
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.tasks import PromptSet

EDGES = ("input->a0.h0<v>", "a0.h3->a3.h0<k>", "a1.h2->m3", "a3.h3->logits", "m0->a2.h1<q>")
SHARES = (0.0, 0.25, 0.5, 1.0)


@cache
def given() -> tuple[Model, PromptSet]:
    model = load_model("demo", dtype="float64")
    return model, make_task("docstring", model, n=4)


@cache
def curves() -> np.ndarray:
    return interpolate(*given(), EDGES, SHARES)


def test_from_nothing_to_the_exact_effect() -> None:
    model, prompts = given()
    exact = patch_edges(model, prompts, only=EDGES).values
    assert np.abs(curves()[:, 0]).max() <= 1e-12
    assert curves()[:, -1] == pytest.approx([exact[model.graph.edge(edge)] for edge in EDGES], abs=1e-9)


def test_the_score_is_the_slope_at_the_clean_run() -> None:
    model, prompts = given()
    scores = score_edges(model, prompts, method="eap").values
    step = 1e-3
    ends = interpolate(model, prompts, EDGES, (-step, step))
    slopes = (ends[:, 1] - ends[:, 0]) / (2 * step)
    expected = np.array([scores[model.graph.edge(edge)] for edge in EDGES])
    assert np.abs(slopes - expected).max() <= 1e-3 * np.abs(expected).max()


def test_a_share_is_a_whole_patch_by_a_value_on_the_way() -> None:
    """By the engine's other route: single edges patched wholly, by clean + share (corrupted - clean)."""
    model, prompts = given()
    batch, metric = Batch.of(prompts.pairs, model.device), get_metric(prompts.metric)
    outputs, _, cache_ = corrupted_run(model, batch)
    baseline = resample_from(batch, outputs, cache_)
    back = Batch(batch.corrupted, batch.clean, batch.positions, batch.metric, batch.start, batch.real, batch.differs)
    clean = Replacement.of(corrupted_run(model, back)[0])
    assert isinstance(outputs, SourceOutputs)
    share = SHARES[1]
    pairs = zip(
        (clean.embedding, *clean.heads, *clean.mlps),
        (baseline.replacement.embedding, *baseline.replacement.heads, *baseline.replacement.mlps),
        strict=True,
    )
    mixed = iter([a + share * (b - a) for a, b in pairs])
    n_layers = model.graph.spec.n_layers
    between = Replacement(next(mixed), tuple(islice(mixed, n_layers)), tuple(islice(mixed, n_layers)))
    patches = SinglePatches(model, type(baseline)(baseline.ids, baseline.answers, between, baseline.cache))
    before = metric_values(metric, patches.clean_logits, batch.metric, patches.clean_logits)
    for edge, curve in zip(EDGES, curves(), strict=True):
        (logits,) = patches.edges([model.graph.edge(edge)])
        after = metric_values(metric, logits, batch.metric, patches.clean_logits)
        assert torch.mean(after - before).item() == pytest.approx(curve[1], abs=1e-9)


def test_stopped_anywhere_it_ends_with_the_same_bits() -> None:
    model, prompts = given()
    stopped = [state.tensors() for state in islice(interpolating(model, prompts, EDGES, SHARES), 3)][-1]
    stopped = {name: array.copy() for name, array in stopped.items()}
    *_, last = interpolating(model, prompts, EDGES, SHARES, stored=stopped)
    assert np.array_equal(last.curves(), curves())


def test_what_cannot_be_patched_is_refused() -> None:
    with pytest.raises(SelectionError, match=r"a9\.h9"):
        interpolate(*given(), ["a9.h9->logits"], SHARES)
    with pytest.raises(DataError, match="at least one edge and one share"):
        interpolate(*given(), EDGES, ())
