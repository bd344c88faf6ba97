"""Runs against a circuit that is known: areas by scikit-learn and by counting pairs; InterpBench, files to AUROC."""

from __future__ import annotations

import itertools
import json
import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from transformers import GPT2LMHeadModel

from edgewise.errors import EdgewiseError, RunError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.models import load_model
from edgewise.report.contest.comparison import show_comparison
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.against import against, rank
from edgewise.runs.contest.asked_circuit import AskedCircuit, asked_circuit, known_circuit
from edgewise.runs.contest.comparison import compare
from edgewise.runs.discover import discover
from edgewise.runs.store.files import write_circuit
from edgewise.runs.store.folder import load_run
from edgewise.settings.selection import Selection
from fake_hub import FakeHub
from tiny_lens import LensCheckpoint, dump

GRAPH = Graph(GraphSpec(2, 3, 12))


def known(circuit: Circuit | None, nodes: tuple[str, ...]) -> AskedCircuit:
    return AskedCircuit("known", "the circuit", circuit, nodes)


def drawn(seed: int, graph: Graph = GRAPH) -> tuple[EdgeScores, Circuit]:
    """Scores of few values, so that many tie, and some missing; a circuit that they partly find."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-3, 4, graph.mask.shape).astype(np.float64)
    values[rng.random(values.shape) < 0.1] = np.nan
    true = graph.mask & (rng.random(values.shape) < 0.1 + 0.1 * np.nan_to_num(np.abs(values)))
    return EdgeScores(graph, values, allow_unscored=True), Circuit(graph, true)


def chance_by_pairs(values: list[float], true: list[bool]) -> float:
    """The chance that a true one outranks another, each pair looked at; what has no score ties with its like."""
    ranked = [-1.0 if np.isnan(value) else value for value in values]
    wins = [
        1.0 if ranked[i] > ranked[j] else 0.5 if ranked[i] == ranked[j] else 0.0
        for i, j in itertools.product(range(len(true)), repeat=2)
        if true[i] and not true[j]
    ]
    return sum(wins) / len(wins)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", ["abs", "helpful"])
def test_areas_of_edges_are_those_of_scikit_learn_and_of_pairs_counted_one_by_one(seed: int, by: Any) -> None:
    scores, circuit = drawn(seed)
    found = rank(scores, known(circuit, ()), by)
    names = GRAPH.edge_names()
    true = [name in circuit for name in names]
    raw = [float(scores.values[GRAPH.edge(name)]) for name in names]
    values = [abs(value) if by == "abs" else -value for value in raw]
    last = np.nan_to_num(np.array(values), nan=-100.0)
    assert (found.what, found.by, found.candidates, found.true) == ("edges", by, len(names), sum(true))
    assert found.unscored == sum(map(np.isnan, raw)) > 0
    assert found.auroc == pytest.approx(roc_auc_score(true, last), abs=1e-12)
    assert found.average_precision == pytest.approx(average_precision_score(true, last), abs=1e-12)
    if by == "abs":
        assert found.auroc == pytest.approx(chance_by_pairs(values, true), abs=1e-12)


def test_nodes_are_ranked_among_their_kinds() -> None:
    """Only heads were published, so MLPs are no candidates; a head ranks by the best of its edges."""
    scores, _ = drawn(0)
    heads = [name for name in GRAPH.sources if name.startswith("a")]
    named = ("a0.h1", "a1.h2")
    best = []
    for head in heads:
        touching = [name for name in GRAPH.edge_names() if re.search(rf"(^|->){re.escape(head)}(<|-|$)", name)]
        best.append(np.nanmax([abs(float(scores.values[GRAPH.edge(name)])) for name in touching]))
    found = rank(scores, known(None, named), "abs")
    true = [head in named for head in heads]
    assert (found.what, found.candidates, found.true) == ("nodes", len(heads), 2)
    assert found.auroc == pytest.approx(roc_auc_score(true, best))
    of_nodes = NodeScores(GRAPH, np.arange(GRAPH.n_sources, dtype=np.float64))
    both = rank(of_nodes, known(Circuit.empty(GRAPH), (*named, "m0")), "abs")
    assert (both.what, both.candidates, both.true) == ("nodes", GRAPH.n_sources - 1, 3)


def test_edges_at_places_count_together() -> None:
    scores, circuit = drawn(1, GRAPH.at_places(("first", "last")))
    whole = replace(scores, values=np.nan_to_num(scores.values))
    summed = EdgeScores(GRAPH, whole.values.sum(-1))
    truth = known(circuit.plain, ())
    assert rank(whole, truth, "abs") == rank(summed, truth, "abs")


def gpt2_for_transformer_lens(module: GPT2LMHeadModel) -> LensCheckpoint:
    """A GPT-2's weights in TransformerLens's layout, written out from its definition."""
    config, state = module.config, module.state_dict()
    heads, width = config.n_head, config.n_embd
    tensors = {
        "embed.W_E": state["transformer.wte.weight"],
        "pos_embed.W_pos": state["transformer.wpe.weight"],
        "unembed.W_U": state["lm_head.weight"].T,
        "unembed.b_U": torch.zeros(config.vocab_size),
        "ln_final.w": state["transformer.ln_f.weight"],
        "ln_final.b": state["transformer.ln_f.bias"],
    }
    for layer in range(config.n_layer):
        there, here = f"transformer.h.{layer}.", f"blocks.{layer}."
        weight, bias = state[f"{there}attn.c_attn.weight"], state[f"{there}attn.c_attn.bias"]
        for at, letter in enumerate("QKV"):
            part = weight[:, at * width : (at + 1) * width]
            tensors[f"{here}attn.W_{letter}"] = part.reshape(width, heads, -1).permute(1, 0, 2)
            tensors[f"{here}attn.b_{letter}"] = bias[at * width : (at + 1) * width].reshape(heads, -1)
        tensors[f"{here}attn.W_O"] = state[f"{there}attn.c_proj.weight"].reshape(heads, -1, width)
        tensors[f"{here}attn.b_O"] = state[f"{there}attn.c_proj.bias"]
        tensors[f"{here}mlp.W_in"] = state[f"{there}mlp.c_fc.weight"]
        tensors[f"{here}mlp.b_in"] = state[f"{there}mlp.c_fc.bias"]
        tensors[f"{here}mlp.W_out"] = state[f"{there}mlp.c_proj.weight"]
        tensors[f"{here}mlp.b_out"] = state[f"{there}mlp.c_proj.bias"]
        for ours, theirs in (("ln1", "ln_1"), ("ln2", "ln_2")):
            tensors[f"{here}{ours}.w"] = state[f"{there}{theirs}.weight"]
            tensors[f"{here}{ours}.b"] = state[f"{there}{theirs}.bias"]
    shape = {
        **{"n_layers": config.n_layer, "d_model": width, "n_heads": heads, "d_head": width // heads},
        **{"d_mlp": config.n_inner, "n_ctx": config.n_positions, "attn_scale": (width // heads) ** 0.5},
        **{"d_vocab": config.vocab_size, "d_vocab_out": config.vocab_size, "eps": config.layer_norm_epsilon},
        **{"act_fn": "gelu_new", "default_prepend_bos": False},
    }
    return LensCheckpoint(dump(**shape), {name: tensor.float() for name, tensor in tensors.items()})


def hooks_of(edge: str, layers: int) -> tuple[str, str]:
    """An edge as InterpBench writes it, sender first."""

    def hook(end: str) -> str:
        if end == "input":
            return "blocks.0.hook_resid_pre"
        if end == "logits":
            return f"blocks.{layers - 1}.hook_resid_post"
        layer, head, letter = re.fullmatch(r"[am](\d+)(?:\.h(\d+))?(?:<(\w)>)?", end).groups()  # type: ignore[union-attr]
        if head is None:
            return f"blocks.{layer}.hook_mlp_"
        return f"blocks.{layer}.hook_{letter}_input[{head}]" if letter else f"blocks.{layer}.attn.hook_result[{head}]"

    sender, receiver = map(hook, edge.split("->"))
    return sender + "out" * sender.endswith("mlp_"), receiver + "in" * receiver.endswith("mlp_")


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """The planted model as InterpBench keeps one: weights, pickled config, edges; its tokenizer beside it."""
    model, folder = load_model("planted:0"), tmp_path / "case"
    assert model.circuit is not None
    model.tokenizer.save_pretrained(folder)
    checkpoint = gpt2_for_transformer_lens(model.module)  # type: ignore[arg-type]
    torch.save({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, folder / "ll_model.pth")
    (folder / "ll_model_cfg.pkl").write_bytes(pickle.dumps(dict(checkpoint.config)))
    pairs = [hooks_of(edge, model.graph.spec.n_layers) for edge in model.circuit]
    (folder / "edges.pkl").write_bytes(pickle.dumps(pairs))
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    found = FakeHub()
    found.put_in_force(monkeypatch, token=None)
    yield found
    found.close()


def test_interpbench_from_files_to_auroc(case: Path, tmp_path: Path, hub: FakeHub) -> None:
    """The same weights as GPT-2 and in InterpBench's form have one AUROC, scikit-learn's, however it is asked for."""
    config = RunConfig(model=str(case), task="planted", n=6, selection=Selection(top=20))
    run = discover(config, tmp_path / "run")
    plain = discover(replace(config, model="planted:0"), tmp_path / "plain")
    truth = load_model("planted:0").circuit
    assert truth is not None
    exists = truth.graph.mask
    expected = roc_auc_score(truth.mask[exists], np.abs(run.scores.values)[exists])
    assert expected > 0.9
    by_default = compare([run.folder, plain.folder][:1], tmp_path / "a", circuit="known", given={"n": 4}, random=0)
    (found,) = by_default.results.known.runs  # type: ignore[union-attr]
    assert found.ranked.auroc == pytest.approx(expected)
    assert found.ranked.candidates == int(exists.sum())
    own = against([plain], asked_circuit("known", plain.config, truth.graph)).runs[0]
    assert found.ranked.auroc == pytest.approx(own.ranked.auroc, abs=1e-6)  # type: ignore[union-attr]
    said = show_comparison(by_default)
    assert f"Against the known circuit of {case}" in said
    assert f"over {int(exists.sum()):,} edges, {truth.n_edges} of them known" in said
    assert re.search(rf"\n1 +\S+ +\d+ of {truth.n_edges} .* {expected:.4f} ", said)
    hub.repositories["cybershiptrooper/InterpBench"] = {f"7/{path.name}": path.read_bytes() for path in case.iterdir()}
    forms = ["interpbench:7", str(case / "edges.pkl"), str(tmp_path / "c.json"), str(tmp_path / "names.json")]
    write_circuit(tmp_path / "c.json", truth)
    (tmp_path / "names.json").write_text(json.dumps(truth.edges()))
    for form in forms:
        held = asked_circuit(form, run.config, truth.graph)
        assert held.circuit == truth
        assert held.digest is not None
    again = compare([run.folder], tmp_path / "a", circuit="known", given={"n": 4}, random=0)
    assert (again.reused, again.results.known) == (True, by_default.results.known)
    with pytest.raises(EdgewiseError, match="held against is"):
        compare([run.folder], tmp_path / "a", circuit="interpbench:7", given={"n": 4}, random=0)


def test_what_is_published_of_a_model_is_known_of_it_in_memory_too() -> None:
    for model in ("gpt2", "memory:gpt2@0123456789ab"):
        found = known_circuit(RunConfig(model=model, task="ioi"), Graph(GraphSpec(12, 12, 768)), None)
        assert found is not None
        assert found.require_edges().n_edges == 963
    assert known_circuit(RunConfig(model="memory:gpt2@01", task="ioi"), Graph(GraphSpec(6, 12, 768)), None) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("known", r"no circuit is known of ioi in model 'demo' .*; give known, known:TASK/MODEL"),
        ("known:ioi/gpt3", "did you mean 'ioi/gpt2'"),
        ("known:ioi/gpt2", "IOI circuit of GPT-2 small.*another shape than"),
        ("interpbench:../x", "write interpbench:CASE"),
        ("nowhere", "'nowhere' names no circuit; give known"),
        ("nowhere.json", "No such file"),
        ("hub:x", "not hub:OWNER/NAME"),
    ],
)
def test_what_is_no_circuit_is_refused_in_one_line(asked: str, said: str) -> None:
    with pytest.raises((EdgewiseError, OSError), match=said) as refused:
        asked_circuit(asked, RunConfig(model="demo", task="ioi"), Graph(GraphSpec(2, 4, 8)))
    assert "\n" not in str(refused.value)


def test_one_run_alone_needs_a_circuit(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="1 run folder given; give 2 to 12, or --circuit to hold one against"):
        compare([tmp_path / "run"], tmp_path / "out")


def test_a_run_without_scores_has_no_area(tmp_path: Path) -> None:
    run = discover(RunConfig(model="planted:0", task="planted", n=4, selection=Selection(top=9)), tmp_path / "run")
    loaded = load_run(run.folder)
    every = known(Circuit.full(loaded.circuit.graph), ("m0",))
    found = against([loaded], every).runs[0]
    assert found.ranked is None
    assert found.not_ranked is not None
    assert "all of" in found.not_ranked
