"""What holds of every planted model: its weights, its norms, its nodes and its circuit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from edgewise.engine.check import check_model
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.sources import recorded_outputs
from edgewise.errors import ModelError
from edgewise.models import load_model
from edgewise.models.built import digest
from edgewise.models.planted.draw import draw_program
from edgewise.models.planted.shapes import shapes
from edgewise.models.planted.weights import build_module
from planted import SEEDS, planted, prompts

pytestmark = pytest.mark.slow

# Every shape is among them; the truth of the circuits is tested for others too.
ALL = pytest.mark.parametrize("seed", SEEDS[:8])
ENDS = {"i": "input", "a": "head", "m": "mlp", "l": "logits"}
# Another digest means that results told of these models are of other models from now on.
CITED = {
    "planted:0": "c991ca8eafae9452f4a0e46a01de769366bf21c3f76f06ec2cd58c40577ee7a4",
    "planted:3": "1a5842462e747149bf45cc53f0fb646b40a7ab694fdd58fb943ae7661b858e39",
}


def kind(edge: str) -> str:
    """Such as "head->q": worked out from the name alone."""
    source, destination = edge.split("->")
    return f"{ENDS[source[0]]}->{destination[-2] if '<' in destination else ENDS[destination[0]]}"


def streams_and_normed(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What every LayerNorm reads and gives, on clean and corrupted prompts, in float64."""
    model, seen = planted(seed, "float64"), []
    batch = Batch.of(prompts(seed).pairs, model.device)
    body = model.module.transformer
    norms = [body.ln_f, *(norm for block in body.h for norm in (block.ln_1, block.ln_2))]
    handles = [norm.register_forward_hook(lambda _, args, out: seen.append((args[0], out))) for norm in norms]
    with torch.no_grad():
        model.module(batch.clean)
        model.module(batch.corrupted)
    for handle in handles:
        handle.remove()
    assert len(seen) == 2 * len(norms)
    return seen


@ALL
def test_layer_norm_is_the_identity_on_the_signals(seed: int) -> None:
    for stream, normed in streams_and_normed(seed):
        signals = stream.abs().amax((0, 1)) < 100  # the constant is 2**15
        assert int((~signals).sum()) == stream.shape[-1] // 4
        assert (normed[..., signals] - stream[..., signals]).abs().le(1e-9 * stream[..., signals].abs()).all()


@ALL
def test_a_stream_is_pairs_of_opposite_numbers_each_written_by_one_source(seed: int) -> None:
    model = planted(seed, "float64")
    outputs = recorded_outputs(model, Batch.of(prompts(seed).pairs, model.device).clean)
    pairs = outputs.unflatten(-1, (-1, 2))
    assert torch.equal(pairs[..., 0], -pairs[..., 1])
    writes = (pairs[..., 0] != 0).flatten(1, 2).any(1)
    assert writes.sum(0).max() == 1
    assert writes.any(1).all()


@ALL
def test_every_node_is_active_read_or_not(seed: int) -> None:
    model = planted(seed)
    batch = Batch.of(prompts(seed).pairs, model.device)
    clean, corrupted = (recorded_outputs(model, ids) for ids in (batch.clean, batch.corrupted))
    last = torch.arange(len(prompts(seed))), batch.positions[:, 0]
    largest = clean.abs().amax((1, 2, 3))
    largest[0] = 0.25  # beside the constant that the input writes
    assert (clean[:, last[0], last[1]].std(1).amax(-1) > 1e-3 * largest).all()
    assert ((clean - corrupted)[:, last[0], last[1]].abs().mean(1).amax(-1) > 1e-2 * largest).all()


@ALL
def test_there_are_unread_nodes_that_read_and_the_circuit_is_not_trivial(seed: int) -> None:
    model = planted(seed)
    unread = set(model.graph.sources) - set(model.circuit.nodes())
    assert len(unread) >= 2
    assert any(draw_program(seed).reads()[:, model.graph.reads[model.graph.source_index(u)]].any() for u in unread)
    assert model.circuit.n_edges >= 12
    assert len({kind(edge) for edge in model.circuit.edges()}) >= 8


@ALL
def test_every_planted_edge_lies_on_a_path_from_input_to_logits(seed: int) -> None:
    circuit = planted(seed).circuit
    ways: Any = nx.DiGraph((edge.split("->")[0], edge.split("->")[1].partition("<")[0]) for edge in circuit.edges())
    after, before = nx.descendants(ways, "input") | {"input"}, nx.ancestors(ways, "logits") | {"logits"}
    assert set(ways) == after & before
    assert set(circuit.nodes()) == set(ways)


def test_the_graphs_have_50_to_800_edges_and_several_shapes() -> None:
    counts = {seed: planted(seed).graph.n_edges for seed in SEEDS}
    assert all(50 <= count <= 800 for count in counts.values())
    assert len(set(counts.values())) >= 6
    assert len(shapes()) == 11


def test_edges_of_every_kind_are_planted() -> None:
    found = {kind(edge) for seed in SEEDS for edge in planted(seed).circuit.edges()}
    assert found == {f"{u}->{v}" for u in ("input", "head", "mlp") for v in ("q", "k", "v", "mlp", "logits")}


def test_different_seeds_differ_in_wiring() -> None:
    circuits = [planted(seed).circuit for seed in SEEDS]
    assert all(a != b for a, b in combinations(circuits, 2))
    assert len({digest(f"planted:{seed}") for seed in SEEDS}) == len(SEEDS)


def test_the_same_seed_gives_the_same_bits_and_uses_up_no_randomness() -> None:
    first = load_model("planted:5").module.state_dict()
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    draw_program.cache_clear()
    again = load_model("planted:5").module.state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    exact = load_model("planted:5", dtype="float64").module.state_dict()
    for name, weight in first.items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, again[name])
        assert torch.equal(weight.double(), exact[name]), "float32 holds every weight exactly"


@pytest.mark.parametrize(("name", "cited"), CITED.items())
def test_a_cited_model_stays_the_same_model(name: str, cited: str) -> None:
    assert digest(name) == cited


@ALL
def test_the_transformer_computes_the_program(seed: int) -> None:
    """All three logits that the program knows, at every position."""
    module, program = build_module(draw_program(seed)), draw_program(seed)
    for pair in prompts(seed)[:5]:
        for ids in (pair.clean, pair.corrupted):
            x = torch.from_numpy(program.answer(np.array([ids])))
            logits = module(torch.tensor([ids])).logits
            assert (logits[..., pair.answers[0]] - x).abs().max() < 1e-7
            assert (logits[..., pair.wrong_answers[0]] + x).abs().max() < 1e-7
            assert int((logits != 0).any((0, 1)).sum()) == 2


@ALL
def test_it_answers_loud_to_loud_prompts_and_quiet_to_quiet_ones(seed: int) -> None:
    model = planted(seed)
    for pair in prompts(seed):
        clean, corrupted = (model.module(torch.tensor([ids])).logits[0, -1] for ids in (pair.clean, pair.corrupted))
        assert clean.argmax() == pair.answers[0]
        assert corrupted.argmax() == pair.wrong_answers[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_an_ordinary_model_to_the_engine(dtype: str) -> None:
    rows = check_model(planted(0, dtype))
    assert [row.name for row in rows if not row.passed] == []


def test_loading_respects_dtype_device_and_tokenizer() -> None:
    model = load_model("planted:3", dtype="bfloat16", device="cpu")
    assert type(model.module) is GPT2LMHeadModel
    assert (model.name, model.dtype, model.device.type) == ("planted:3", torch.bfloat16, "cpu")
    assert model.circuit.graph == model.graph
    assert model.tokenizer("DRUM drum nonsense")["input_ids"][-1] == model.tokenizer.unk_token_id
    own = object()
    assert load_model("planted:3", tokenizer=own).tokenizer is own
    with pytest.raises(ModelError, match="device 'nowhere' is none; use auto"):
        load_model("planted:3", device="nowhere")
    with pytest.raises(ModelError, match="dtype 'float3' is not known"):
        load_model("planted:3", dtype="float3")


def test_other_models_have_no_known_circuit() -> None:
    assert load_model("demo").circuit is None


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("planted", "the seed is missing"),
        ("planted:", "the seed is missing"),
        ("planted:x", "'x' is not a seed"),
        ("planted:-1", "'-1' is not a seed"),
        ("planted:1.5", "'1.5' is not a seed"),
        ("planted: 3", "' 3' is not a seed"),
        ("planted:٣", "'٣' is not a seed"),
        ("planted:1000000000000000000", "'1000000000000000000' is not a seed"),
    ],
)
def test_a_bad_seed_is_refused_in_one_line(name: str, wrong: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(name)
    assert str(caught.value) == (
        f"model '{name}': {wrong}; write planted: and a whole number of at most 18 digits, such as planted:3"
    )


def test_it_can_be_saved_and_loaded_like_any_other(tmp_path: Any) -> None:
    model = planted(3)
    model.module.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    loaded = load_model(tmp_path)
    ids = torch.tensor([prompts(3)[0].clean])
    assert torch.equal(loaded.module(ids).logits, model.module(ids).logits)
    text = "reed HORN lute BELL"
    assert loaded.tokenizer(text)["input_ids"] == model.tokenizer(text)["input_ids"]


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Nothing is remembered of the generator, before and after."""
    for remembered in (digest, draw_program):
        remembered.cache_clear()
    yield
    for remembered in (digest, draw_program):
        remembered.cache_clear()


@pytest.mark.parametrize(
    ("constant", "value"), [("identity_norms.CONSTANT", 2.0**14), ("planted.draw.LEAST_PLANTED", 20)]
)
def test_another_generator_has_another_digest(
    constant: str, value: float, monkeypatch: pytest.MonkeyPatch, forgetful: None
) -> None:
    cited = CITED["planted:0"]
    monkeypatch.setattr(f"edgewise.models.{constant}", value)
    assert digest("planted:0") != cited
