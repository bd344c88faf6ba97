"""Two threads on one model: every number is that of a call alone, and the model is as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from torch import nn

from edgewise.attribution import attribute
from edgewise.models import Model, load_model
from edgewise.models.alone import alone
from edgewise.search import score_edges
from edgewise.search.exact.patching import patch_edges
from edgewise.settings.conditions import Conditions
from tiny import FAMILIES, prompts
from traces import leaves_no_trace

PROMPTS = prompts(6, seed=5)
ONE = Conditions(batch_size=1)
CALLS: dict[str, Callable[[Model], object]] = {
    "eap": lambda model: score_edges(model, PROMPTS, method="eap", metric="logit-diff", conditions=ONE).values,
    "secant": lambda model: score_edges(model, PROMPTS, method="secant", metric="logit-diff", conditions=ONE).values,
    "gim": lambda model: score_edges(model, PROMPTS, method="gim", metric="logit-diff", conditions=ONE).values,
    "exact": lambda model: patch_edges(model, PROMPTS, only=["*->logits"], metric="logit-diff", conditions=ONE).values,
}


@pytest.mark.parametrize(
    ("first", "second"), [("eap", "eap"), ("eap", "exact"), ("secant", "gim"), ("secant", "exact")]
)
def test_two_threads_on_one_model(first: str, second: str) -> None:
    module = FAMILIES["gpt2"]()
    for parameter in list(module.parameters())[::2]:
        parameter.requires_grad_(False)
    model = load_model(module)
    alone_each = [CALLS[name](model) for name in (first, second)]
    begin = threading.Barrier(2)

    def work(name: str) -> list[object]:
        begin.wait()
        return [CALLS[name](model) for _ in range(4)]

    with leaves_no_trace(module), ThreadPoolExecutor(2) as pool:
        found = list(pool.map(work, (first, second)))
    for want, got in zip(alone_each, found, strict=True):
        for one in got:
            np.testing.assert_array_equal(one, want)


def test_another_thread_may_run_the_model_between_two_states() -> None:
    model = load_model(FAMILIES["gpt2"]())
    states = attribute(model, PROMPTS, metric="logit-diff", conditions=ONE)
    next(states)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(score_edges, model, PROMPTS, metric="logit-diff").result(timeout=60)
    assert next(states).done == 2


def test_models_of_their_own_are_free_of_each_other() -> None:
    held, free = nn.Linear(1, 1), nn.Linear(1, 1)

    def take(module: nn.Module) -> bool:
        lock = alone(module)
        taken: bool = lock.acquire(blocking=False)  # type: ignore[attr-defined]
        if taken:
            lock.release()  # type: ignore[attr-defined]
        return taken

    with alone(held), ThreadPoolExecutor(1) as pool:
        assert take(held)  # the same thread may take it again
        assert not pool.submit(take, held).result()
        assert pool.submit(take, free).result()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(take, held).result()
