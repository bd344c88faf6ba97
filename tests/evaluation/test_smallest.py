"""The smallest circuit that is good enough: bisection finds what a scan of all sizes finds, or says where it cannot."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tiny
from bruteforce.from_hf import from_hf
from bruteforce.scores import edge_mask, logit_diff
from bruteforce.transformer import Patch, Transformer, run
from edgewise import EdgeScores, Model, load_model, score_edges
from edgewise.errors import ScoreError, SelectionError
from edgewise.evaluation.smallest.search import Sizes, SizesState, SmallestSearch
from edgewise.evaluation.smallest.section import next_sizes
from edgewise.evaluation.smallest.target import Measure, SizePoint, Target
from edgewise.generators import last_of
from edgewise.graph.selection import top_n
from edgewise.metrics import MetricBatch
from edgewise.settings.conditions import Conditions

ROWS = tiny.prompts(5, seed=3)


def found_by_sections(passing: list[bool]) -> tuple[int | None, set[int]]:
    """The smallest size found to pass, ``passing[n - 1]`` being whether n passes; and all that were looked at."""
    total, passed = len(passing), dict[int, bool]()
    while sizes := next_sizes(passed, total):
        assert not set(sizes) & set(passed)
        passed |= {size: size > 0 and passing[size - 1] for size in sizes}
    return min((size for size, passes in passed.items() if passes), default=None), set(passed)


@pytest.mark.parametrize("total", [1, 2, 3, 5, 17, 130])
def test_where_more_is_never_worse_it_is_the_first_that_passes(total: int) -> None:
    for first in range(1, total + 1):
        assert found_by_sections([n >= first for n in range(1, total + 1)])[0] == first


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_elsewhere_it_passes_right_above_one_that_fails(passing: list[bool]) -> None:
    passing[-1] = True
    found, looked = found_by_sections(passing)
    assert found is not None
    assert passing[found - 1]
    assert found == 1 or (found - 1 in looked and not passing[found - 2])


def test_few_sizes_are_looked_at() -> None:
    for first in (1, 40, 700, 69_999):
        assert len(found_by_sections([n >= first for n in range(1, 70_001)])[1]) <= 32


def test_where_nothing_passes_that_is_known_at_once() -> None:
    found, looked = found_by_sections([False] * 40)
    assert found is None
    assert {0, 40} <= looked
    assert len(looked) == 5


@cache
def model_and_twin() -> tuple[Model, Transformer]:
    module = tiny.gpt2()
    return load_model(module), from_hf(module)


@cache
def ranking() -> EdgeScores:
    return score_edges(model_and_twin()[0], ROWS, method="secant")


def sizes() -> Sizes:
    return Sizes(lambda n: top_n(ranking(), n).mask, model_and_twin()[0].graph.n_edges)


def search(target: Target) -> SmallestSearch:
    return SmallestSearch(model_and_twin()[0], ROWS, sizes(), target)


@cache
def scanned() -> dict[str, np.ndarray]:
    """Faithfulness and KL at every size from 0 on, by the brute-force transformer, one prompt at a time."""
    model, twin = model_and_twin()
    masks = [model.graph.mask & False, *(top_n(ranking(), n).mask for n in range(1, model.graph.n_edges + 1))]
    patched = torch.stack([edge_mask(twin) & ~torch.tensor(mask) for mask in masks]).double()
    metric, kl = np.empty((len(ROWS), len(masks))), np.empty((len(ROWS), len(masks)))
    for row, pair in enumerate(ROWS):
        ids, reads = torch.tensor([pair.clean]), list(pair.positions)
        with torch.no_grad():
            clean = run(twin, ids).logits[0, reads]
            carry = run(twin, torch.tensor([pair.corrupted])).outputs
            wide = {name: x.expand(len(masks), -1, -1) for name, x in carry.items()}
            logits = run(twin, ids.expand(len(masks), -1), Patch(patched, wide)).logits[:, reads]
        metric[row] = [float(logit_diff(one, pair)) for one in logits]
        p = clean.softmax(-1)
        kl[row] = [float((p * (p / one.softmax(-1)).log()).sum(-1).mean()) for one in logits]
    means = metric.mean(0)
    return {"faithfulness": (means - means[0]) / (means[-1] - means[0]), "kl": kl.mean(0)}


def passing(measure: Measure, value: float) -> np.ndarray:
    of = scanned()[measure]
    return of >= value if measure == "faithfulness" else of <= value


def number(found: SizePoint, measure: Measure) -> float | None:
    return found.kl if measure == "kl" else found.faithfulness


def targets(*, rising: bool) -> list[tuple[Measure, float]]:
    """Targets that are met from one size on, or that are met and then missed again."""
    found: list[tuple[Measure, float]] = []
    measures: tuple[Measure, ...] = ("faithfulness", "kl")
    for measure in measures:
        of = np.unique(scanned()[measure])
        of = of[np.diff(of, prepend=-1.0) > 1e-9]  # rounding decides between sizes that are the same
        for value in (of[1:] + of[:-1]) / 2:
            met = passing(measure, float(value))[1:]
            if value > 0 and met[-1] and bool(met[met.argmax() :].all()) is rising and not met[0]:
                found.append((measure, float(value)))
    return found


@pytest.mark.slow
def test_it_is_that_of_a_scan_by_brute_force() -> None:
    some = targets(rising=True)
    assert {measure for measure, _ in some} == {"faithfulness", "kl"}
    for measure, value in some[:: len(some) // 8]:
        one = search(Target(measure, value))
        state = last_of(one.states(conditions=Conditions(batch_size=2)))
        chosen, reached = one.result(state)
        assert reached
        assert chosen.size == 1 + int(passing(measure, value)[1:].argmax())
        for found in state.points:
            assert number(found, measure) == pytest.approx(scanned()[measure][found.size], rel=1e-9, abs=1e-11)


@pytest.mark.slow
def test_where_a_scan_falls_again_it_passes_right_above_one_that_fails() -> None:
    some = targets(rising=False)
    assert some
    for measure, value in some[:: len(some) // 4]:
        one = search(Target(measure, value))
        chosen, _ = one.result(last_of(one.states()))
        assert passing(measure, value)[chosen.size]
        assert not passing(measure, value)[chosen.size - 1]


@pytest.mark.slow
def test_it_goes_on_from_every_state() -> None:
    one = search(Target("kl", 0.5 * float(scanned()["kl"][0])))
    every = list(one.states(conditions=Conditions(batch_size=2)))
    whole = every[-1].tensors()
    assert len(every) > 8
    for state in every[::3]:
        again = last_of(one.states(conditions=Conditions(batch_size=2), stored=state.tensors()))
        assert {name: x.tobytes() for name, x in again.tensors().items()} == {
            name: x.tobytes() for name, x in whole.items()
        }
        assert again.points == every[-1].points
        assert state.done <= state.total


def test_a_target_out_of_reach_gives_what_comes_nearest() -> None:
    half = Sizes(lambda n: top_n(ranking(), n).mask, 60)
    one = SmallestSearch(model_and_twin()[0], ROWS, half, Target("kl", 1e-9))
    chosen, reached = one.result(state := last_of(one.states()))
    assert not reached
    assert chosen.kl == min(found.kl for found in state.points if found.size)
    assert len(state.points) == 5


def test_a_metric_that_no_edge_changes_has_no_share() -> None:
    def constant(logits: torch.Tensor, batch: MetricBatch) -> torch.Tensor:
        return logits.new_ones(len(logits))

    one = SmallestSearch(model_and_twin()[0], ROWS, sizes(), Target("faithfulness", 0.9), metric=constant)
    with pytest.raises(SelectionError, match="give --max-kl"):
        last_of(one.states())


def test_an_unfinished_search_has_no_result() -> None:
    one = search(Target("kl", 0.1))
    state: SizesState = next(one.states())
    with pytest.raises(ScoreError, match="0 sizes are measured"):
        one.result(state)
