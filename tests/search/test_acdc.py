"""Fast ACDC gives what one edge at a time gives: the same circuit by the same tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from acdc_slow import slow_acdc

from edgewise import load_model, make_task
from edgewise.engine.partial.incremental import RunningCircuit
from edgewise.engine.run import room
from edgewise.errors import MemoryLimitError
from edgewise.graph import Circuit
from edgewise.models import Model
from edgewise.search.acdc.present import PresentCircuit
from edgewise.search.acdc.search import acdc, search
from edgewise.search.acdc.state import WHOLE, AcdcState
from edgewise.search.acdc.sweep import AcdcRule, SweepState, sweep
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from tiny import FAMILIES, prompts

pytestmark = pytest.mark.slow


def same(
    model: Model,
    pairs: list[PromptPair],
    tau: float,
    metric: str,
    batch_size: int = 64,
    start: Circuit | None = None,
    **options: bool,
) -> int:
    """Compare the two; returns how many edges are kept."""
    graph = model.graph
    begun = None if start is None else {name for i, j, name in graph.edges() if start.mask[i, j]}
    slow = slow_acdc(model, pairs, tau, metric, start=begun, **options)
    fast = acdc(model, pairs, tau, metric=metric, conditions=Conditions(batch_size=batch_size), start=start, **options)
    names = [
        graph.destinations[step.into[0]] if step.source == WHOLE else graph.edge_name(step.source, *step.into)
        for step in fast.trace
    ]
    assert names == [edge for edge, *_ in slow.trace]
    assert [step.kept for step in fast.trace] == [kept for *_, kept in slow.trace]
    kept = fast.circuit().mask
    assert {name for i, j, name in graph.edges() if kept[i, j]} == slow.kept
    np.testing.assert_allclose(
        [(step.before, step.after) for step in fast.trace],
        [(before, after) for _, before, after, _ in slow.trace],
        atol=1e-5,
    )
    return len(slow.kept)


# Sequential and parallel blocks, grouped heads, no MLPs, attention to both sides; small, for the slow loop.
BLOCKS = {
    "gpt2": {"n_layer": 2, "n_head": 2},
    "gpt-neox-parallel": {"num_hidden_layers": 2},
    "llama-grouped": {"num_hidden_layers": 2},
    "lens-attention-only": {},
    "lens-bidirectional-without-norms": {},
}


@pytest.mark.parametrize(
    ("family", "metric"),
    [
        *(("gpt2", metric) for metric in ("kl", "logit-diff")),
        *(("llama-grouped", metric) for metric in ("kl", "logit-diff")),
        *(("gpt-neox-parallel", metric) for metric in ("kl", "logit-diff")),
        ("lens-attention-only", "logit-diff"),
        ("lens-bidirectional-without-norms", "kl"),
    ],
)
def test_tiny_models(family: str, metric: str) -> None:
    model = load_model(FAMILIES[family](**BLOCKS[family]))
    # Rows for a bidirectional model cannot be padded.
    pairs = list(prompts(3) if model.wiring.causal else prompts(3, min_length=7, max_length=7))
    absolute = metric != "kl"
    kept = same(model, pairs, 0.001, metric, 2 if absolute else 64, absolute=absolute)
    assert 0 < kept < model.graph.n_edges


@pytest.mark.parametrize(("family", "metric", "tau"), [("gemma2", "kl", 0.03), ("olmo2", "logit-diff", 0.1)])
def test_norms_over_all_heads(family: str, metric: str, tau: float) -> None:
    """A head that nobody reads any more is tested all the same while another of its layer is read: it scales that."""
    model = load_model(FAMILIES[family](num_hidden_layers=2))
    assert 0 < same(model, list(prompts(3)), tau, metric, absolute=True) < model.graph.n_edges
    found = acdc(model, list(prompts(3)), tau, metric=metric, absolute=True)
    read = found.circuit().mask.any(1)
    tested = {node for step in found.trace for node in np.flatnonzero(model.graph.reads[:, step.into[0]])}
    layers = [range(model.graph.n_sources)[model.graph.head_sources(layer)] for layer in range(2)]
    assert any(0 < read[heads].sum() < len(heads) for heads in layers)
    assert all(tested >= set(heads) for heads in layers if read[heads].any())


@pytest.mark.parametrize("family", ["gpt2", "llama-grouped"])
def test_direct_edges(family: str) -> None:
    model = load_model(FAMILIES[family](**BLOCKS[family]))
    assert same(model, list(prompts(3)), 0.0005, "kl", direct_edges=True) > 0


def test_the_demo_model() -> None:
    """A metric whose sign counts; the tiny models have the others."""
    model = load_model("demo", dtype="float64")
    pairs = list(make_task("ioi", model, n=4))
    assert 0 < same(model, pairs, 0.2, "logit-diff") < 200


@pytest.mark.parametrize("seed", range(0, 20, 2))
def test_planted_circuits_are_found(seed: int) -> None:
    model = load_model(f"planted:{seed}")
    found = acdc(model, make_task("planted", model, n=8), 1e-4, metric="logit-diff", absolute=True)
    assert (found.circuit().mask == model.circuit.mask).all()


@pytest.mark.parametrize("direct_edges", [False, True])
def test_a_stopped_search_goes_on_with_the_same_bits(direct_edges: bool) -> None:
    model, pairs = load_model("demo"), list(make_task("ioi", load_model("demo"), n=4))

    def run(stored: dict[str, np.ndarray] | None = None) -> list[dict[str, np.ndarray]]:
        states = search(
            model, pairs, 0.02, conditions=Conditions(batch_size=3), direct_edges=direct_edges, stored=stored
        )
        return [state.tensors() for state in states]

    whole = run()
    for stop in (1, len(whole) // 2, len(whole) - 2):
        rest = run(whole[stop])
        assert len(rest) == len(whole) - stop
        assert {name: array.tobytes() for name, array in rest[-1].items()} == {
            name: array.tobytes() for name, array in whole[-1].items()
        }


def some_edges(model: Model, share: float, seed: int = 0) -> Circuit:
    graph = model.graph
    return Circuit(graph, graph.mask & (np.random.default_rng(seed).random(graph.mask.shape) < share))


@pytest.mark.parametrize(
    ("family", "metric", "share"),
    [("gpt-neox-parallel", "kl", 0.8), ("llama-grouped", "logit-diff", 0.4), ("lens-attention-only", "kl", 0.4)],
)
def test_a_search_may_begin_with_any_circuit(family: str, metric: str, share: float) -> None:
    model = load_model(FAMILIES[family](**BLOCKS[family]))
    start = some_edges(model, share)
    kept = same(model, list(prompts(3)), 0.0003, metric, 2, start, absolute=metric != "kl", direct_edges=share > 0.5)
    assert kept < start.n_edges


def test_a_search_that_begins_with_what_another_ended_with_removes_nothing_that_it_kept() -> None:
    model = load_model("planted:3")
    pairs = make_task("planted", model, n=8)
    found = acdc(model, pairs, 1e-4, metric="logit-diff", absolute=True).circuit()
    again = acdc(model, pairs, 1e-4, metric="logit-diff", absolute=True, start=found)
    assert (again.circuit().mask == found.mask).all()
    assert len(again.trace) == again.done == again.total == found.n_edges


TAUS = (0.0003, 0.001, 0.004, 0.05)


def bits(states: Iterable[AcdcState]) -> list[dict[str, bytes]]:
    return [{name: array.tobytes() for name, array in state.tensors().items()} for state in states]


@pytest.mark.parametrize("metric", ["kl", "logit-diff"])
def test_each_search_of_a_sweep_ends_with_the_bits_it_has_alone(metric: str) -> None:
    model = load_model(FAMILIES["gpt2"](n_layer=2, n_head=2))
    pairs = list(prompts(3))
    half = some_edges(model, 0.5)
    rules = [*map(AcdcRule, TAUS), AcdcRule(0.001, half)]
    options = {"metric": metric, "conditions": Conditions(batch_size=2), "absolute": metric != "kl"}
    states = list(sweep(model, pairs, rules, **options))
    alone = [acdc(model, pairs, rule.tau, start=rule.start, **options) for rule in rules]
    assert bits(states[-1].states) == bits(alone)
    assert len({state.circuit().n_edges for state in alone}) >= 4
    assert len(states) < sum(state.runs for state in alone), "what is common is run once"
    assert [now.done for now in states] == sorted(now.done for now in states)
    for stop in (len(states) // 2,):
        stored = SweepState.from_tensors(states[stop].tensors(), model.graph)
        (*_, last) = sweep(model, pairs, rules, earlier=stored.states, **options)
        assert bits(last.states) == bits(alone), stop


def test_where_memory_runs_out_fewer_prompts_are_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pairs = load_model(FAMILIES["lens-attention-only"]()), list(prompts(5))
    expected = acdc(model, pairs, 0.001)
    calls = []

    def scarce(self: RunningCircuit, *args: Any) -> Any:
        calls.append(len(self.logits))
        if len(calls) > 20 and len(self.logits) > 2:
            raise MemoryError("out of memory")
        return whole(self, *args)

    whole = RunningCircuit.trial
    monkeypatch.setattr(RunningCircuit, "trial", scarce)
    found = acdc(model, pairs, 0.001)
    assert (found.planned_batch_size, found.batch_size) == (5, 2)
    assert (found.circuit().mask == expected.circuit().mask).all()
    assert [step.kept for step in found.trace] == [step.kept for step in expected.trace]
    monkeypatch.setattr(RunningCircuit, "trial", lambda *_: (_ for _ in ()).throw(MemoryError("out of memory")))
    with pytest.raises(MemoryError):
        acdc(model, pairs, 0.001)


def test_what_is_kept_of_all_prompts_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each micro-batch of two leaves 200 bytes behind: five prompts take 500, of which 450 are allowed."""
    model, pairs = load_model(FAMILIES["gpt2"](n_layer=2)), list(prompts(5))
    kept: list[int] = []
    begun = PresentCircuit._part

    def counted(self: PresentCircuit, *args: Any) -> Any:
        kept.append(200)
        return begun(self, *args)

    monkeypatch.setattr(PresentCircuit, "_part", counted)
    monkeypatch.setattr(room, "used", lambda device: 1000 + sum(kept))
    monkeypatch.setattr("edgewise.search.acdc.sweep.micro_batch", lambda *_: 2)
    with pytest.raises(
        MemoryLimitError, match=r"1,450 bytes .* 5 prompts, which take about 1,500 bytes; give 4 prompts"
    ):
        acdc(model, pairs, 0.001, conditions=Conditions(max_memory=1450))
    assert len(kept) == 1, "it is said after the first of them"
    kept.clear()
    assert acdc(model, pairs, 0.001, conditions=Conditions(max_memory=1600)).finished
