"""ACDC by place gives what one edge at one place at a time gives, by the brute-force transformer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from acdc_slow import Loss, Slow, search

from bruteforce.from_hf import from_hf
from bruteforce.transformer import Patch, run
from edgewise import load_model
from edgewise.engine.partial.incremental import RunningCircuit
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.replacement import resample
from edgewise.errors import SelectionError, SettingError
from edgewise.graph import Circuit
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.search.acdc.search import acdc
from edgewise.search.acdc.search import search as stopped
from edgewise.search.acdc.state import trace_lines
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from located import located
from tiny import FAMILIES

pytestmark = pytest.mark.slow

# Learned positions, and rotary ones with grouped heads.
BLOCKS = {
    "gpt2": {"n_layer": 2, "n_head": 2},
    "llama-grouped": {"num_hidden_layers": 2},
}
PLACES = ("first", "then", "rest")


def pairs_of(model: Model) -> list[PromptPair]:
    """Two prompts; of a model that sees both ways of one length."""
    pairs = located().pairs
    return list(pairs[:2] if model.wiring.causal else [pair for pair in pairs if len(pair) == len(pairs[0])][:2])


def slow(
    family: str, model: Model, pairs: list[PromptPair], tau: float, metric: str, absolute: bool, **how: bool
) -> Slow:
    """Each test a run of the transformer written edge by edge, prompt by prompt."""
    twin, measured, graph = from_hf(FAMILIES[family](**BLOCKS[family])), get_metric(metric), graph_for(model, pairs)
    names = [(where, f"{graph.edge_name(*where)}") for where, _ in graph.named_edges()]
    batches = [Batch.of([pair], model.device, causal=False) for pair in pairs]
    with torch.no_grad():
        both = zip(batches, pairs, strict=True)
        clean = [run(twin, batch.clean).logits[:, list(pair.positions)] for batch, pair in both]
        corrupted = [run(twin, batch.corrupted).outputs for batch in batches]

    def value(kept: set[str]) -> float:
        mask = torch.zeros(graph.mask.shape, dtype=torch.float64)
        for where, name in names:
            mask[where] = name not in kept
        total = 0.0
        for batch, pair, logits, outputs in zip(batches, pairs, clean, corrupted, strict=True):
            assert pair.located is not None
            by_position = mask[None, ..., torch.tensor(pair.located.at)]
            with torch.no_grad():
                now = run(twin, batch.clean, Patch(by_position, outputs)).logits[:, list(pair.positions)]
            total += float(measured(now, batch.metric.with_clean_logits(logits)).sum())
        return total / len(pairs)

    answered = {f"@{PLACES[pair.located.at[p]]}" for pair in pairs if pair.located for p in pair.positions}
    loss = Loss(value, tau, -1 if measured.higher_is_better else 1, absolute)
    places = [f"@{place}" for place in PLACES]
    return search(model, loss, {name for _, name in names}, places=places, answered=sorted(answered), **how)


@pytest.mark.parametrize(
    ("family", "metric", "tau", "direct_edges"),
    [
        ("gpt2", "kl", 0.0003, False),
        ("llama-grouped", "logit-diff", 0.02, True),
    ],
)
def test_each_edge_is_tested_at_each_place(family: str, metric: str, tau: float, direct_edges: bool) -> None:
    model = load_model(FAMILIES[family](**BLOCKS[family]))
    pairs = pairs_of(model)
    absolute = metric != "kl"
    expected = slow(family, model, pairs, tau, metric, absolute, direct_edges=direct_edges)
    found = acdc(model, pairs, tau, metric=metric, absolute=absolute, direct_edges=direct_edges)
    tested = [line.split(b'"')[3].decode() for line in trace_lines(found).splitlines()]
    assert tested == [name for name, *_ in expected.trace]
    assert [step.kept for step in found.trace] == [stays for *_, stays in expected.trace]
    np.testing.assert_allclose(
        [(step.before, step.after) for step in found.trace],
        [(before, after) for _, before, after, _ in expected.trace],
        atol=1e-5 if family != "gpt2" else 1e-10,
    )
    assert set(found.circuit()) == expected.kept
    assert 0 < len(expected.kept) < found.graph.n_edges / 2
    assert len({name.split("@")[1] for name in expected.kept}) == 3
    assert len(set(found.circuit().plain)) < len(expected.kept)


def test_a_circuit_that_loses_edges_at_places_is_the_run_with_those_patched() -> None:
    """From any circuit on, whose logits are those of the patching engine; several prompts at once, padded."""
    model = load_model(FAMILIES["llama-grouped"](**BLOCKS["llama-grouped"]))
    batch, draw = Batch.of(located().pairs, model.device), np.random.default_rng(2)
    baseline, graph = resample(model, batch), graph_for(model, located())
    circuit = RunningCircuit(model, baseline)
    circuit.begin(graph.mask & (draw.random(graph.mask.shape) < 0.8))

    def expected() -> torch.Tensor:
        return patched_logits(model, baseline, torch.tensor(graph.mask & ~circuit.kept)[None])[0]

    assert (circuit.logits - expected()).abs().max() < 1e-6
    for column in reversed(range(graph.n_destinations)):
        for place in range(graph.n_places):
            into = (column, place)
            kept = np.flatnonzero(circuit.kept[:, column, place])
            removed = kept[draw.random(len(kept)) < 0.6].tolist()
            if not circuit.is_read(into):
                circuit.drop(into)
            elif removed:
                circuit.accept(circuit.trial(into, removed))
    assert (circuit.logits - expected()).abs().max() < 1e-6
    assert 0 < circuit.kept.sum() < graph.n_edges / 2


def test_a_stopped_search_goes_on_with_the_same_bits() -> None:
    model = load_model(FAMILIES["gpt2"](**BLOCKS["gpt2"]))
    pairs = located().pairs
    graph = graph_for(model, pairs)
    start = Circuit(graph, graph.mask & (np.random.default_rng(0).random(graph.mask.shape) < 0.5))

    def steps(stored: dict[str, np.ndarray] | None = None) -> list[dict[str, np.ndarray]]:
        how = {"start": start, "conditions": Conditions(batch_size=3), "direct_edges": True}
        return [state.tensors() for state in stopped(model, pairs, 0.0003, stored=stored, **how)]

    whole = steps()
    for stop in (1, len(whole) // 2, len(whole) - 2):
        rest = steps(whole[stop])
        assert len(rest) == len(whole) - stop
        assert {name: array.tobytes() for name, array in rest[-1].items()} == {
            name: array.tobytes() for name, array in whole[-1].items()
        }


def test_a_search_by_place_begins_with_a_circuit_of_the_same_places() -> None:
    model = load_model(FAMILIES["gpt2"](**BLOCKS["gpt2"]))
    with pytest.raises(SelectionError, match="circuit to begin with are over all positions; here at first, then, rest"):
        acdc(model, located(), 0.001, start=Circuit(model.graph, model.graph.mask))


def test_edges_kept_apart_by_reader_are_refused() -> None:
    with pytest.raises(SettingError, match="does not keep edges apart by reader; leave --readers out"):
        acdc(load_model(FAMILIES["gpt2"](**BLOCKS["gpt2"])), located(readers=True), 0.001)
