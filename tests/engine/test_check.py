"""`check_model` passes sound models (see tests/models/test_families.py) and fails every kind of wrong wiring."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from edgewise.engine.check import check_model
from edgewise.engine.check.edges import N_EDGES, rank_correlation, readers, spread, writers
from edgewise.graph import Graph, GraphSpec
from edgewise.models import Model, load_model
from edgewise.models.adapted import within
from edgewise.models.alone import alone
from edgewise.models.wiring import Attention, Block, HeadView, OutputProjection, Projection
from tiny import FAMILIES, gpt2, llama
from tiny_families import tiny
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

Change = Callable[[Block], Block]


def rewired(change: Change, dtype: torch.dtype = torch.float32, layer: int = 1) -> Model:
    """A Llama with two heads to a key/value head, one of its layers wired otherwise."""
    model = load_model(llama(dtype=dtype))
    blocks = list(model.wiring.blocks)
    blocks[layer] = change(blocks[layer])
    return replace(model, wiring=replace(model.wiring, blocks=tuple(blocks)))


def failed(model: Model) -> set[str]:
    with leaves_no_trace(model.module):
        return {row.name for row in check_model(model) if not row.passed}


def attention(change: Callable[[Attention], Attention]) -> Change:
    return lambda block: replace(block, attention=change(block.attention))


def swapped(first: str, second: str) -> Change:
    return attention(lambda a: replace(a, **{first: getattr(a, second), second: getattr(a, first)}))


def ordered(part: str, slots: tuple[int, ...]) -> Change:
    def change(a: Attention) -> Attention:
        projection = getattr(a, part)
        return replace(a, **{part: replace(projection, view=HeadView(projection.view.n_slots, slots))})

    return attention(change)


def normed(**differs: float) -> Change:
    return attention(lambda a: replace(a, norm=replace(a.norm, **differs)))


class Wider(OutputProjection):
    """An output projection whose heads write half of what they do."""

    def weight(self, dtype: torch.dtype | None = None) -> torch.Tensor:
        return super().weight(dtype) / 2


WRONG: dict[str, tuple[Change, str]] = {
    "keys and values exchanged": (swapped("k", "v"), "q, k, v as wired"),
    "queries in another order": (ordered("q", (1, 0, 2, 3)), "q, k, v as wired"),
    "queries grouped otherwise": (ordered("q", (0, 2, 1, 3)), "q, k, v as wired"),
    "keys in another order": (ordered("k", (1, 0)), "q, k, v as wired"),
    "values in another order": (ordered("v", (1, 0)), "q, k, v as wired"),
    "an epsilon ten times as large": (normed(eps=1e-5), "norms as wired"),
    "a norm taken to subtract the mean": (normed(centred=True), "norms as wired"),
    "a gain with an offset": (normed(offset=1.0), "norms as wired"),
    "a multiplier of the output dropped": (
        attention(lambda a: replace(a, out=Wider(a.out.module, a.out.n_heads))),
        "sources + constants = stream",
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_wiring_fails(wrong: str, dtype: torch.dtype) -> None:
    change, row = WRONG[wrong]
    assert row in failed(rewired(change, dtype))


def test_a_query_and_a_key_exchanged_fail_where_heads_are_not_grouped() -> None:
    model = load_model(gpt2(dtype=torch.float32))
    blocks = tuple(map(swapped("q", "k"), model.wiring.blocks))
    assert "q, k, v as wired" in failed(replace(model, wiring=replace(model.wiring, blocks=blocks)))


def test_a_wrong_epsilon_and_a_wrong_weight_make_scores_that_are_no_slopes() -> None:
    large = {f"EAP = exact slope, into {kind}" for kind in "qkv"}
    assert large <= failed(rewired(normed(eps=1e-1), torch.float64))
    # Gradients of values go through a weight that is not the module's.
    twice = rewired(attention(lambda a: replace(a, v=Twice(a.v.module, a.v.view))), torch.float64)
    assert "EAP = exact slope, into v" in failed(twice)


class Twice(Projection):
    """A projection whose weight is said to be twice what it is, when it is asked for in one piece."""

    def weight(self) -> torch.Tensor:
        return 2 * super().weight()

    def project(self, normed: torch.Tensor, head: int) -> torch.Tensor:
        return normed @ (super().weight()[:, head])


@pytest.mark.parametrize("part", ["attention", "MLP"])
def test_a_multiplier_of_what_is_added_to_the_stream_that_is_dropped_fails(part: str) -> None:
    model = load_model(tiny("granite-multiplied", dtype=torch.float32))
    assert failed(model) == set()
    if part == "MLP":  # what the module writes by itself
        wrong = replace(model, wiring=replace(model.wiring, module=within(model.module)))
    else:
        dropped = attention(lambda a: replace(a, out=replace(a.out, multiplier=1.0)))
        wrong = replace(model, wiring=replace(model.wiring, blocks=tuple(map(dropped, model.wiring.blocks))))
    assert "sources + constants = stream" in failed(wrong)


@pytest.mark.parametrize("parallel", [True, False])
def test_parallel_blocks_taken_for_sequential_ones_fail_and_the_other_way_round(parallel: bool) -> None:
    model = load_model(FAMILIES["gpt-neox-parallel" if parallel else "gpt-neox-sequential"](dtype=torch.float32))
    wrong = replace(model, wiring=replace(model.wiring, spec=replace(model.wiring.spec, parallel=not parallel)))
    assert "sources + constants = stream" in failed(wrong)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_compared_with_float32(dtype: torch.dtype) -> None:
    half = load_model(llama(dtype=dtype))
    steps: list[str] = []
    rows = {
        row.name: row
        for row in check_model(
            half,
            reference=lambda: load_model(llama(dtype=torch.float32)),
            note=lambda step, done=0, total=None: steps.append(step),
        )
    }
    assert all(row.passed for row in rows.values())
    assert rows["ranks edges as float32"].error < 0.01
    assert "scoring, and again in float32" in steps
    # Another model ranks them otherwise.
    other = check_model(half, reference=lambda: load_model(llama(dtype=torch.float32, seed=1)))
    assert [row.name for row in other if not row.passed] == ["ranks edges as float32"]


def test_edges_are_of_every_kind_and_progress_is_told() -> None:
    model = load_model(gpt2(dtype=torch.float32, n_layer=2))
    edges = spread(model.graph, N_EDGES)
    assert len(set(edges)) == len(edges) == N_EDGES
    assert all(model.graph.mask[edge] for edge in edges)
    kinds = {(writers(model.graph)[row], readers(model.graph)[column]) for row, column in edges}
    assert len(kinds) == 15
    told: list[int] = []
    check_model(model, note=lambda step, done=0, total=None: told.append(done))
    assert told == sorted(told)
    assert told[-1] == N_EDGES
    # A deep model's lead into some of its layers.
    deep = Graph(GraphSpec(40, 4, 16))
    assert len({deep.reader(column)[0] for _, column in spread(deep, N_EDGES)}) in (8, 9)


def test_rank_correlation_is_spearmans() -> None:
    graph = Graph(GraphSpec(2, 2, 8))
    draw = np.random.default_rng(0)
    found, expected = (draw.integers(0, 20, graph.mask.shape).astype(float) for _ in range(2))
    wanted = spearmanr(found[graph.mask], expected[graph.mask]).statistic
    assert rank_correlation(torch.tensor(found), torch.tensor(expected), graph) == pytest.approx(wanted, abs=1e-12)


def test_no_other_thread_runs_the_model_meanwhile() -> None:
    """So that its hooks and frozen parameters are not taken for traces of the check."""
    model, taken = load_model(llama()), []

    def note(*_: object, **__: object) -> None:
        other = threading.Thread(
            target=lambda: taken.append(alone(model.module).acquire(blocking=False))  # type: ignore[attr-defined]
        )
        other.start()
        other.join()

    assert all(row.passed for row in check_model(model, note=note))
    assert taken
    assert not any(taken)
