"""Means over resamples: those of the single prompts' scores, whatever the micro-batch, and after a stop."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

import tiny
from edgewise.attribution import AttributionState, attribute
from edgewise.attribution.resamples import Resamples, draws
from edgewise.errors import DataError
from edgewise.models import load_model
from edgewise.search import patch_edges, score_edges
from edgewise.settings.conditions import Conditions
from tiny import prompts

MODEL = load_model(tiny.gpt2(n_layer=2, n_head=2, n_embd=16))
PAIRS = prompts(7)


@pytest.mark.parametrize("level", ["edge", "node"])
@pytest.mark.parametrize("batch_size", [2, 7])
def test_each_mean_is_that_of_its_prompts(level: str, batch_size: int) -> None:
    found = score_edges(
        MODEL,
        PAIRS,
        level=level,
        conditions=Conditions(batch_size=batch_size),
        per_prompt=True,
        bootstrap=20,
        seed=3,  # type: ignore[arg-type]
        method="eap",
    )
    assert found.per_prompt is not None
    assert found.resampled is not None
    times = draws(20, 7, 3)
    for drawn, mean in zip(times, found.resampled, strict=True):
        chosen = [found.per_prompt[i] for i, count in enumerate(drawn) for _ in range(count)]
        assert len(chosen) == 7
        np.testing.assert_allclose(mean, np.mean(chosen, axis=0, dtype=np.float64), atol=1e-7)


def test_half_widths_are_those_of_the_resamples_own_errors() -> None:
    """Symmetric bootstrap-t by its definition, from the prompts that each resample holds."""
    per_prompt = np.random.default_rng(0).exponential(size=(30, 5))
    mean, stderr = per_prompt.mean(0), per_prompt.std(0, ddof=1) / np.sqrt(30)
    found = Resamples.none(40, 30, np.ones(5, dtype=bool), 4).add(range(30), per_prompt).half_widths(mean, stderr)
    distances = []
    for drawn in draws(40, 30, 4):
        chosen = np.repeat(per_prompt, drawn, axis=0)
        distances.append(np.abs(chosen.mean(0) - mean) / (chosen.std(0, ddof=1) / np.sqrt(30)))
    # 38 of 40 lie at or below: the 39th of them in order is the first with .95 of the others below it.
    expected = np.sort(distances, axis=0)[38] * stderr
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_draws_are_seeded_and_differ() -> None:
    assert (draws(30, 11, 0) == draws(30, 11, 0)).all()
    assert (draws(30, 11, 0) != draws(30, 11, 1)).any()
    assert (draws(30, 11, 0).sum(1) == 11).all()
    # A prompt is left out with probability (1 - 1/n)^n.
    assert (draws(400, 50, 0) == 0).mean() == pytest.approx((1 - 1 / 50) ** 50, abs=0.01)


def test_a_stopped_pass_goes_on_to_the_same_bits() -> None:
    states = list(attribute(MODEL, PAIRS, conditions=Conditions(batch_size=2), bootstrap=20, seed=5, method="eap"))
    stored = AttributionState.from_tensors(states[1].tensors(), MODEL.graph, level="edge", per_prompt=False)
    (last,) = deque(attribute(MODEL, PAIRS, state=stored, method="eap"), maxlen=1)
    assert last.resamples is not None
    assert states[-1].resamples is not None
    assert last.resamples.means().tobytes() == states[-1].resamples.means().tobytes()


def test_what_is_kept_does_not_grow_with_the_prompts() -> None:
    def size(n: int) -> int:
        *_, last = attribute(MODEL, prompts(n), conditions=Conditions(batch_size=4), bootstrap=20, method="eap")
        kept = last.tensors()
        return sum(array.nbytes for name, array in kept.items() if not name.endswith("_metric"))

    assert size(5) == size(12)


def test_exact_effects_have_them_too() -> None:
    found = patch_edges(MODEL, PAIRS, only=["*->logits"], per_prompt=True, bootstrap=20, seed=2)
    assert found.resampled is not None
    assert found.per_prompt is not None
    expected = np.einsum("bp,pij->bij", draws(20, 7, 2).astype(np.float64), found.per_prompt) / 7
    np.testing.assert_allclose(found.resampled, expected, atol=1e-12)


@pytest.mark.parametrize("bootstrap", [1, 19, -3])
def test_too_few_resamples_are_refused(bootstrap: int) -> None:
    with pytest.raises(DataError, match="at least 20"):
        score_edges(MODEL, PAIRS, bootstrap=bootstrap, method="eap")
