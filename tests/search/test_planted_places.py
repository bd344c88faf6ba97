"""Planted circuits whose edges live at single positions: scores by place find where, and plain scores cannot tell.

The truth is the planted program's own, edge by edge and position by position: no line of the engine has part in it.
"""

from __future__ import annotations

from functools import cache
from random import Random

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from edgewise.generators import last_of
from edgewise.graph import EdgeScores
from edgewise.models.planted.draw import draw_program
from edgewise.models.planted.language import ID, INSTRUMENTS, RIGHT, WRONG
from edgewise.models.planted.program import Patch
from edgewise.search.acdc.search import acdc
from edgewise.search.exact.refining import refining
from edgewise.tasks.places import by_place
from edgewise.tasks.prompts import PromptPair, PromptSet
from planted import planted

pytestmark = pytest.mark.slow

LENGTH, HERE, THERE = 6, 3, 1
SEEDS = pytest.mark.parametrize("seed", [3, 11])
SEEN, TAU = 1e-2, 1e-3


@cache
def prompts(seed: int, *, turned: bool) -> PromptSet:
    """The word at one position is loud, and quiet in the corrupted prompt; ``turned``, another the other way round."""
    rng, pairs = Random(seed), []
    for row in range(12):
        words = rng.sample(INSTRUMENTS, LENGTH)
        clean = [ID[word] for word in words]
        clean[-1] = ID[words[-1].upper()]
        corrupted = list(clean)
        clean[HERE] = ID[words[HERE].upper()]
        corrupted[THERE] = ID[words[THERE].upper()] if turned else corrupted[THERE]
        pairs.append(PromptPair(tuple(clean), tuple(corrupted), (ID[RIGHT],), (ID[WRONG],), row=row + 1))
    return by_place(PromptSet("planted", tuple(pairs)), "all")


@cache
def true_effects(seed: int, *, turned: bool) -> np.ndarray:
    """Effect of each edge at each position alone, by the program, ``[source, destination, position]``."""
    program, some = draw_program(seed), prompts(seed, turned=turned)
    clean, corrupted = (np.array([getattr(pair, side) for pair in some]) for side in ("clean", "corrupted"))
    ours, theirs, whole = program.signals(clean), program.signals(corrupted), program.answer(clean)[:, -1]
    effects = np.zeros((*program.graph.mask.shape, LENGTH))
    for row, column in np.argwhere(program.circuit().mask).tolist():
        for at in range(LENGTH):
            read = ours.copy()
            read[..., at] = theirs[..., at]
            effects[row, column, at] = 2 * (program.answer(clean, Patch(row, column, read))[:, -1] - whole).mean()
    return effects


@cache
def by_default(seed: int, *, turned: bool) -> EdgeScores:
    scores = last_of(refining(planted(seed), prompts(seed, turned=turned), metric="logit-diff")).scores()
    assert isinstance(scores, EdgeScores)
    return scores


def areas(seed: int, *, turned: bool) -> tuple[float, float, float]:
    """Under the ROC curve: of edges at places; of the places of the circuit's edges; of these by plain scores."""
    scores, truth = by_default(seed, turned=turned), np.abs(true_effects(seed, turned=turned)) > SEEN
    own = truth.any(-1)
    plain = np.repeat(np.abs(scores.plain.values)[..., None], LENGTH, -1)
    sizes, exists = np.abs(scores.values), scores.graph.mask
    found = [
        (truth[exists], sizes[exists]),
        (truth[own].ravel(), sizes[own].ravel()),
        (truth[own].ravel(), plain[own].ravel()),
    ]
    every, where, plainly = (float(roc_auc_score(*one)) for one in found)
    return every, where, plainly


@SEEDS
def test_edges_that_live_at_one_position_are_found_there(seed: int) -> None:
    truth = np.abs(true_effects(seed, turned=False)) > SEEN
    places = truth.sum(-1)[truth.any(-1)]
    assert len(places) >= 8
    assert (places == 1).mean() >= 0.7
    every, where, plainly = areas(seed, turned=False)
    assert every >= 0.99
    assert where >= 0.99
    assert plainly <= 0.65


@pytest.mark.parametrize("seed", [7, 18])
def test_effects_that_cancel_in_plain_scores_show_at_their_places(seed: int) -> None:
    every, where, plainly = areas(seed, turned=True)
    assert every >= 0.99
    assert where >= 0.99
    assert plainly <= 0.75
    # What the word at one place adds, that at the other takes away: the program's sum is small, its parts are not.
    effects, scores = true_effects(seed, turned=True), by_default(seed, turned=True)
    sizes, sums = np.abs(effects).max(-1), np.abs(effects.sum(-1))
    hidden = np.argwhere((sizes > 0.3) & (sums < 0.15 * sizes))
    assert len(hidden)
    for row, column in hidden.tolist():
        parts = scores.values[row, column]
        assert abs(parts.sum()) < 0.5 * np.abs(parts).max()
        assert np.abs(parts).argmax() in (HERE, THERE)


@pytest.mark.parametrize(("seed", "turned"), [(3, False), (3, True), (11, False), (11, True)])
def test_acdc_by_place_keeps_the_planted_edges_where_they_live_and_no_other(seed: int, turned: bool) -> None:
    found = acdc(planted(seed), prompts(seed, turned=turned), TAU, metric="logit-diff", absolute=True)
    assert (found.circuit().mask == (np.abs(true_effects(seed, turned=turned)) > TAU)).all()
