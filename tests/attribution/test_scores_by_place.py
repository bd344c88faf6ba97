"""Scores by place: brute force, position by position, and sums over places that are the plain scores."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from edgewise.attribution import METHODS
from edgewise.attribution.method import Method
from edgewise.errors import MemoryLimitError, SettingError
from edgewise.graph import EdgeScores
from edgewise.models import Model, load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks.places import by_place
from located import located
from tiny import FAMILIES

PROMPTS = located()
FAMILY = pytest.mark.parametrize("family", ["gpt2", "lens-bidirectional-without-norms", "lens-rotary-gated-grouped"])
FEW: dict[str, dict[str, Any]] = {"eap-ig-activations": {"steps": 1}, "eap-ig-inputs": {"steps": 2}}
SUMS = [name for name in METHODS if METHODS.load(name).by_place]


@cache
def model(family: str = "gpt2") -> Model:
    return load_model(FAMILIES[family]())


def scored(family: str = "gpt2", **asked: Any) -> EdgeScores:
    found = score_edges(model(family), asked.pop("prompts", PROMPTS), **asked)
    assert isinstance(found, EdgeScores)
    return found


@FAMILY
def test_every_place_has_what_the_oracle_has_at_its_positions(family: str) -> None:
    found = scored(family, method="eap", metric="logit-diff", per_prompt=True)
    twin = from_hf(FAMILIES[family]())
    assert found.graph.places == ("first", "then", "rest")
    assert found.per_prompt is not None
    for pair, got in zip(PROMPTS, found.per_prompt, strict=True):
        clean, corrupted = oracle.clean_and_corrupted(twin, pair)
        gradients = torch.autograd.grad(
            oracle.read(oracle.logit_diff, clean, pair).sum(), [clean.edges[name] for name in clean.edges]
        )
        expected = np.full(found.graph.mask.shape, np.nan)
        assert pair.located is not None
        for (source, destination), gradient in zip(clean.edges, gradients, strict=True):
            change = corrupted.outputs[source] - clean.outputs[source].detach()
            of_position = (change * gradient).sum(-1)[0]
            sums = torch.zeros(3, dtype=torch.float64).index_add_(0, torch.tensor(pair.located.at), of_position)
            expected[twin.places[source, destination]] = sums.numpy()
        assert np.array_equal(np.isnan(expected), np.isnan(got))
        assert np.nanmax(np.abs(got - expected)) <= 1e-10 * np.nanmax(np.abs(expected))


@pytest.mark.parametrize("metric", ["logit-diff", "prob-diff"])
@pytest.mark.parametrize("method", SUMS)
def test_places_add_up_to_the_plain_scores(method: str, metric: str) -> None:
    asked: dict[str, Any] = {"method": method, "metric": metric, "settings": FEW.get(method), "per_prompt": True}
    apart, plain = scored(**asked), scored(prompts=replace(PROMPTS, pairs=unlocated()), **asked)
    assert apart.per_prompt is not None
    assert plain.per_prompt is not None
    largest = np.nanmax(np.abs(plain.per_prompt))
    assert np.nanmax(np.abs(apart.per_prompt.sum(-1) - plain.per_prompt)) <= 1e-12 * largest
    assert np.nanmax(np.abs(apart.plain.values - plain.values)) <= 1e-12 * largest
    # And they are no copies of one another, nor all at one place.
    assert np.nanmin(np.nanmax(np.abs(apart.values), axis=(0, 1))) > 1e-3 * largest


def test_scores_by_place_do_not_depend_on_the_micro_batch() -> None:
    one, all_at_once = (scored(method="eap", conditions=Conditions(batch_size=size)) for size in (1, 5))
    assert np.nanmax(np.abs(one.values - all_at_once.values)) <= 1e-13


def test_every_position_is_a_place_of_its_own_where_prompts_are_of_one_length() -> None:
    of_six = replace(PROMPTS, pairs=tuple(replace(pair, located=None) for pair in located(40) if len(pair) == 6)[:3])
    apart = scored(prompts=by_place(of_six, "all"), method="eap", metric="logit-diff")
    assert apart.graph.places == tuple("012345")
    plain = scored(prompts=of_six, method="eap", metric="logit-diff")
    assert np.nanmax(np.abs(apart.plain.values - plain.values)) <= 1e-12 * np.nanmax(np.abs(plain.values))


@pytest.mark.parametrize("method", ["atp-star", "ifr"])
def test_a_method_whose_scores_are_no_sums_refuses(method: str) -> None:
    with pytest.raises(SettingError, match=f"scores of '{method}' are no sums over positions; leave --positions out"):
        scored(method=method)


def test_a_method_of_another_package_that_knows_no_places_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(model: Model, batch: Any, path: Any, buffers: Any) -> Any:
        return METHODS.load("eap").score(model, replace(batch, whole_places=None), path, buffers)

    monkeypatch.setattr("edgewise.attribution.loop.METHODS", _Registry(Method("own", "", plain)))
    with pytest.raises(SettingError, match="no sums over positions"):
        scored(method="own")


def test_nodes_have_no_places() -> None:
    with pytest.raises(SettingError, match="leave --level node out"):
        score_edges(model(), PROMPTS, method="eap", level="node")


def test_more_places_than_memory_holds_are_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgewise.attribution.loop.has_room", lambda size, device: False)
    with pytest.raises(MemoryLimitError, match="3 places take"):
        scored(method="eap")


class _Registry:
    def __init__(self, method: Method) -> None:
        self._method = method

    def load(self, name: str) -> Method:
        return self._method


def unlocated() -> tuple[Any, ...]:
    return tuple(replace(pair, located=None) for pair in PROMPTS)
