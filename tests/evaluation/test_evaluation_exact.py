"""Every number of an evaluation equals that of the brute-force transformer, one prompt at a time, in float64."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny
from bruteforce.from_hf import from_hf
from bruteforce.scores import edge_mask, logit_diff
from bruteforce.transformer import Patch, Transformer, run
from edgewise import Circuit, EdgeScores, Evaluation, Model, evaluate_circuit, load_model
from edgewise.evaluation.ablation import ABLATIONS
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair

pytestmark = pytest.mark.slow

ROWS = tiny.prompts(5, seed=3)
FAMILIES = ("gpt2", "llama-grouped", "gpt-neox-parallel", "lens-bidirectional-without-norms")
ALLOWED = {"gpt2": 1e-11}


@cache
def model_and_twin(family: str) -> tuple[Model, Transformer]:
    module = tiny.FAMILIES[family]()
    return load_model(module), from_hf(module)


@cache
def circuit(family: str) -> Circuit:
    """A third of the edges, by hand-made chance: many lead nowhere."""
    graph = model_and_twin(family)[0].graph
    return Circuit(graph, graph.mask & (np.random.default_rng(5).random(graph.mask.shape) < 0.35))


def replacements(twin: Transformer, ablation: str) -> Callable[[PromptPair], dict[str, Tensor]]:
    """What patched edges carry on a prompt; means over clean tokens up to the last one that is read."""
    with torch.no_grad():
        outputs = {pair: run(twin, torch.tensor([pair.clean])).outputs for pair in ROWS}
    ends = {pair: max(pair.positions) + 1 if twin.causal else len(pair) for pair in ROWS}

    def mean(name: str, at: int | None) -> Tensor:
        vectors = [outputs[pair][name][0, p] for pair in ROWS for p in range(ends[pair]) if at in (None, p)]
        return torch.stack(vectors).mean(0) if vectors else torch.zeros_like(outputs[ROWS[0]][name][0, 0])

    def of(pair: PromptPair) -> dict[str, Tensor]:
        with torch.no_grad():
            corrupted = run(twin, torch.tensor([pair.corrupted])).outputs
        if ablation == "resample":
            return dict(corrupted)
        if ablation == "zero":
            return {name: torch.zeros_like(x) for name, x in corrupted.items()}
        places = [None if ablation == "mean" else p for p in range(len(pair))]
        return {name: torch.stack([mean(name, p) for p in places])[None] for name in corrupted}

    return of


def by_brute_force(family: str, ablation: str, kept: list[np.ndarray]) -> np.ndarray:
    """Logit difference, KL and accuracy, ``[kept, prompt, 3]``."""
    _, twin = model_and_twin(family)
    exists, carried = edge_mask(twin), replacements(twin, ablation)
    patched = torch.stack([exists & ~torch.tensor(mask) for mask in kept]).double()  # a row of the batch each
    found = []
    for pair in ROWS:
        ids, reads = torch.tensor([pair.clean]), list(pair.positions)
        with torch.no_grad():
            clean = run(twin, ids).logits[0, reads]
            carry = {name: x.expand(len(kept), -1, -1) for name, x in carried(pair).items()}
            rows = run(twin, ids.expand(len(kept), -1), Patch(patched, carry)).logits[:, reads]
        p = clean.softmax(-1)
        for logits in rows:
            kl = (p * (p / logits.softmax(-1)).log()).sum(-1).mean()
            correct = np.mean([int(row.argmax()) in pair.answers for row in logits])
            found.append([float(logit_diff(logits, pair)), float(kl), float(correct)])
    return np.array(found).reshape(len(ROWS), len(kept), 3).swapaxes(0, 1)


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_four_circuits(family: str, ablation: str) -> None:
    model, _ = model_and_twin(family)
    mask = circuit(family).mask
    kept = [model.graph.mask, model.graph.mask & False, mask, model.graph.mask & ~mask]
    expected = by_brute_force(family, ablation, kept)
    ours = evaluate_circuit(model, ROWS, circuit(family), ablation=ablation, conditions=Conditions(batch_size=2))  # type: ignore[arg-type]
    measured = [ours.full, ours.empty, ours.circuit, ours.complement]
    numbers = np.array([[one.metric, one.kl, one.accuracy] for one in measured], dtype=float)
    allowed = ALLOWED.get(family, 1e-4)
    np.testing.assert_allclose(numbers, expected.mean(1), rtol=allowed, atol=allowed)
    errors = expected[..., 0].std(1, ddof=1) / np.sqrt(len(ROWS))
    np.testing.assert_allclose([one.stderr for one in measured], errors, rtol=10 * allowed, atol=allowed)
    full, empty, inside, outside = expected[..., 0].mean(1)
    scale = 10 * allowed / abs(full - empty)
    assert ours.faithfulness == pytest.approx((inside - empty) / (full - empty), abs=scale)
    assert ours.completeness == pytest.approx((outside - empty) / (full - empty), abs=scale)
    assert ours.n_prompts == len(ROWS)


def test_minimality_is_the_difference_of_two_runs() -> None:
    graph = model_and_twin("gpt2")[0].graph
    ends = np.zeros_like(graph.mask)  # paths of two edges: from the input to the logits
    ends[0], ends[:, graph.logits] = True, True
    some = Circuit(graph, circuit("gpt2").mask & ends)
    edges = np.argwhere(some.mask)
    kept = [some.mask]
    for i, j in edges:
        without = some.mask.copy()
        without[i, j] = False
        kept.append(without)
    values = by_brute_force("gpt2", "resample", kept)[..., 0]
    effects = values[1:] - values[0]
    ours = evaluate_circuit(
        model_and_twin("gpt2")[0], ROWS, some, minimality=True, conditions=Conditions(batch_size=3)
    ).minimality
    assert ours is not None
    expected = {graph.edge_name(i, j): effect for (i, j), effect in zip(edges.tolist(), effects, strict=True)}
    assert {one.edge for one in ours} == set(expected)
    for one in ours:
        assert one.effect == pytest.approx(expected[one.edge].mean(), abs=1e-11)
        assert one.stderr == pytest.approx(expected[one.edge].std(ddof=1) / np.sqrt(len(ROWS)), abs=1e-11)
    sizes = [abs(one.effect) for one in ours]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1e-3


@cache
def with_curve() -> tuple[EdgeScores, Evaluation]:
    model, _ = model_and_twin("gpt2")
    scores = EdgeScores(model.graph, np.random.default_rng(2).normal(size=model.graph.mask.shape))
    return scores, evaluate_circuit(model, ROWS, circuit("gpt2"), scores=scores, random=2, seed=4)


def test_the_curve_is_the_best_edges_at_ten_sizes() -> None:
    scores, ours = with_curve()
    graph, curve = scores.graph, ours.curve
    assert curve is not None
    assert [point.edges for point in curve.points] == [0, 0, 1, 2, 5, 13, 26, 52, 131, 262]
    order = np.argsort(-np.nan_to_num(np.abs(scores.values), nan=-1), axis=None, kind="stable")
    kept = []
    for point in curve.points:
        mask = np.zeros(graph.mask.size, dtype=bool)
        mask[order[: point.edges]] = True
        kept.append(mask.reshape(graph.mask.shape))
    metric = by_brute_force("gpt2", "resample", kept)[..., 0].mean(1)
    f = (metric - metric[0]) / (metric[-1] - metric[0])
    np.testing.assert_allclose([point.metric for point in curve.points], metric, atol=1e-11)
    np.testing.assert_allclose([point.faithfulness for point in curve.points], f, atol=1e-10)
    fractions = [point.fraction for point in curve.points]
    assert curve.cpr == pytest.approx(np.trapezoid(f, fractions), abs=1e-10)
    assert curve.cmd == pytest.approx(np.trapezoid(np.abs(1 - f), fractions), abs=1e-10)


def test_random_circuits_are_seeded_and_of_the_same_size() -> None:
    scores, ours = with_curve()
    model, _ = model_and_twin("gpt2")
    again, other = (
        evaluate_circuit(model, ROWS, circuit("gpt2"), scores=scores, random=2, seed=seed).curve for seed in (4, 5)
    )
    assert ours.curve == again
    assert other is not None
    assert ours.curve is not None
    assert other.cpr == ours.curve.cpr
    assert other.random_cpr != ours.curve.random_cpr
    spreads = [point.random for point in ours.curve.points]
    assert [spread.mean for spread in (spreads[0], spreads[-1]) if spread] == pytest.approx([0, 1])
    assert all(spread and spread.least <= spread.mean <= spread.most for spread in spreads)
    assert any(spread and spread.least < spread.most for spread in spreads)
    none = evaluate_circuit(model, ROWS, circuit("gpt2"), scores=scores, random=0).curve
    assert none is not None
    assert none.random_cpr is None
    assert {point.random for point in none.points} == {None}
