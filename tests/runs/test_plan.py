"""Plans: what is counted without weights is what shapes say, and what is told is what a run then does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

from edgewise import plan
from edgewise.attribution import attribute
from edgewise.cli.main import run
from edgewise.engine.dry.stand_in import without_values
from edgewise.engine.dry.watch import watched
from edgewise.engine.run import at_once
from edgewise.engine.run.memory import fits
from edgewise.errors import SettingError
from edgewise.graph import Graph
from edgewise.methods import method_names
from edgewise.metrics import get_metric
from edgewise.models import Model, load_model, open_model
from edgewise.models.outline import shallower
from edgewise.models.recognise import wire
from edgewise.report.plan import plan_document
from edgewise.runs.config import RunConfig
from edgewise.runs.plan import Plan
from edgewise.runs.plan import work as pieces
from edgewise.runs.plan.ask import ask
from edgewise.runs.plan.counted import DryRuns
from edgewise.runs.plan.rows import Rows
from edgewise.search.exact.targets import Targets, cost_of
from tiny import gpt2, prompts

CONFIGS = Path(__file__).parents[2] / "benchmarks" / "configs"
SETTINGS: dict[str, dict[str, Any]] = {
    "acdc": {"tau": 0.1},
    "eap-acdc": {"tau": 0.1, "eap_top": 20},
    "subnetwork-probing": {"lambda_": 1.0, "steps": 3, "lr": 0.1},
    "fading": {"steps": 2},
}


def outline(layers: int | None) -> Model:
    """A Llama of 16 layers, or of its first so many, without weights."""
    whole = LlamaConfig(
        hidden_size=64,
        num_hidden_layers=16,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=96,
        vocab_size=211,
    )
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(whole if layers is None else shallower(whole, layers))
    return Model("outline", wire(module.eval()))


def test_a_forward_pass_has_the_products_that_its_shapes_say() -> None:
    """2 operations for a weight of every linear module and a token; scores and values of every head; few logits."""
    config = GPT2Config(n_layer=3, n_embd=32, n_head=4, vocab_size=101, n_positions=32)
    with torch.device("meta"):
        model = Model("gpt2", wire(AutoModelForCausalLM.from_config(config).eval()))
    rows, length, width, layers = 5, 9, 32, 3
    with without_values(model), watched(model, lambda operation: 0.0) as seen:
        pieces.forward(model, Rows(rows, length).pairs)
    tokens = rows * length
    linear = 2 * tokens * layers * 12 * width**2
    attention = 2 * 2 * rows * length**2 * width * layers
    assert sum(seen.flops.values()) == linear + attention + 2 * rows * width * 101


@pytest.mark.parametrize(("narrow", "exact", "close"), [(0, 1e-9, 0.02), (at_once.NARROW, 0.05, 0.05)])
def test_a_few_layers_tell_of_all(monkeypatch: pytest.MonkeyPatch, narrow: int, exact: float, close: float) -> None:
    """Narrow layers are multiplied several together, so that some depths end in the middle of such a group."""
    monkeypatch.setattr(at_once, "NARROW", narrow)
    metric, pairs = get_metric("logit-diff"), Rows(3, 8).pairs

    def eap(model: Model) -> object:
        return pieces.estimate(model, pairs, "eap", {}, metric)

    few = DryRuns.of(outline, outline(None), lambda operation: operation.moved * 1e-9, "cpu")(eap)
    assert len(few.held) == 3
    every = DryRuns(16, {16: outline(None)}, lambda operation: operation.moved * 1e-9, "cpu")(eap)
    assert sum(few.flops.values()) == pytest.approx(sum(every.flops.values()), rel=exact)
    assert few.seconds == pytest.approx(every.seconds, rel=close)
    assert sum(few.held.values()) == pytest.approx(sum(every.held.values()), rel=close)


def test_a_model_is_as_before_a_dry_run() -> None:
    model = load_model(gpt2())
    before = {name: (id(x), x.clone()) for name, x in model.module.state_dict(keep_vars=True).items()}
    with without_values(model), watched(model, lambda operation: 0.0):
        pieces.estimate(model, prompts(3).pairs, "eap", {}, get_metric("logit-diff"))
    after = model.module.state_dict(keep_vars=True)
    assert all(id(after[name]) == place and torch.equal(after[name], x) for name, (place, x) in before.items())


def test_the_micro_batch_is_the_run_s() -> None:
    config = RunConfig(model="demo", task="ioi", n=60, method="eap")
    found = ask(config, on="h100")
    assert ask(RunConfig(model="demo", task="ioi", n=60, method="eap", batch_size=7), on="h100").batch_size == 7
    assert found.batch_size == 60  # more than a CPU takes at a time
    model, pairs = open_model("planted:0").load(), Rows(100, 8).pairs
    state = next(iter(attribute(model, pairs, method="eap", metric="logit-diff")))
    here = ask(RunConfig(model="planted:0", data="rows", method="eap"), Rows(100, 8))
    assert fits(model, pairs) == 64
    assert here.batch_size == state.batch_size == 50  # two that are alike
    assert here.fits


@pytest.mark.slow
@pytest.mark.parametrize("method", method_names())
def test_every_method_says_what_it_will_do(method: str) -> None:
    config = RunConfig(model="planted:0", data="rows", method=method, settings=SETTINGS.get(method, {}))
    found = ask(config, Rows(16, 8), on="h100")
    assert found.seconds is not None
    assert found.seconds > 0
    assert found.passes is not None
    assert found.passes.forward >= 2
    assert found.memory.peak > found.memory.weights + found.memory.program


def test_costs_of_all_edges_are_the_sum_of_each() -> None:
    graph = load_model(gpt2()).graph
    located = (graph.at_places(("first", "last")), graph.at_places(("first", "last"), readers=True))
    for one in (graph, *located):
        assert cost_of(one, one.mask) == pytest.approx(Targets.edges(one).costs.sum(), rel=1e-12)
    nodes = np.ones(graph.n_sources, dtype=np.bool_)
    assert cost_of(graph, nodes) == pytest.approx(Targets.nodes(graph).costs.sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("Llama-3.1-8B", 8_030_261_248),
        ("Llama-3.1-70B", 70_553_706_496),
        ("Qwen3-32B", 32_762_123_264),
        ("gemma-3-27b", 27_009_346_304),
    ],
)
def test_published_models_have_their_published_sizes(name: str, weights: int) -> None:
    """Parameters as their model cards and weight indices count them; of Gemma those of the text part."""
    model = open_model(CONFIGS / f"{name}.json", weights=False).outline(None)
    assert sum(p.numel() for p in model.module.parameters()) == weights
    assert all(p.is_meta for p in model.module.parameters())


def test_what_does_not_fit_is_said_with_what_would_help() -> None:
    config = RunConfig(model=str(CONFIGS / "Llama-3.1-70B.json"), data="rows", method="eap", dtype="bfloat16")
    one, eight = (ask(config, Rows(8, 8), on=on) for on in ("h100", "8xh100"))
    assert not one.fits
    assert one.memory.weights == eight.memory.weights == pytest.approx(2 * 70_553_706_496, rel=1e-4)
    assert any("--on 2x" in line or "--on mi300x" in line for line in one.advice)
    assert eight.fits
    assert eight.advice == ()


def test_processes_share_the_time() -> None:
    config = RunConfig(model="planted:0", data="rows", method="eap")
    alone, four = (ask(config, Rows(40, 8), on="l4", n_processes=n) for n in (1, 4))
    assert four.batch_size == 10
    assert (four.seconds or 0) < (alone.seconds or 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--rows 4", "--rows and --length go together"),
        ("--rows 4 --length 8 --task planted", "leave --task out"),
        ("--task planted --on h1000", "--on 'h1000' is not known; did you mean 'h100'"),
        ("--rows 4 --length 5000", "more than the model's context"),
        ("", "neither a task nor a data file"),
        ("--rows 0 --length 8", "--rows is 0; give at least 1"),
        ("--rows 4 --length 1", "--length is 1; give at least 2"),
        ("--rows 4 --length 8 --processes 0", "--processes is 0; give at least 1"),
    ],
)
def test_bad_requests_are_one_line(options: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"plan --model planted:0 {options}".split()) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert said in line


def test_python_and_the_command_plan_alike(capsys: pytest.CaptureFixture[str]) -> None:
    own = plan(model="planted:0", rows=40, length=8, on="h100", method="eap", max_memory="2GB", processes=2)
    asked = "--rows 40 --length 8 --on h100 --method eap --max-memory 2GB --processes 2 --json"
    assert run(["plan", "--model", "planted:0", *asked.split()]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.pop("schema") == "edgewise-plan/1"
    mine = plan_document(own)
    assert mine == told
    assert own.processes == 2


def test_an_accelerators_own_type_is_the_default() -> None:
    few = {"model": "planted:0", "rows": 4, "length": 8, "method": "eap"}
    assert [plan(on=on, **few).dtype for on in ("h100", "t4", "8xa100")] == ["bfloat16", "float32", "bfloat16"]
    assert plan(on="h100", dtype="float32", **few).dtype == "float32"
    with pytest.raises(SettingError, match="go together"):
        plan(model="planted:0", rows=4, on="h100")


def test_a_config_alone_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = outline(3).config
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict() | {"architectures": ["LlamaForCausalLM"]}))
    for name in (tmp_path, tmp_path / "config.json"):
        assert run(["plan", "--model", str(name), *"--rows 4 --length 8 --on t4 --method eap --json".split()]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["schema"] == "edgewise-plan/1"
        assert told["size"]["edges"] == Graph(outline(3).graph.spec).n_edges
        assert told["passes"] == {"forward": 2.0, "backward": 1.0, "at_most": False}


def test_a_plan_reads_well() -> None:
    found = ask(RunConfig(model="planted:0", data="rows", method="acdc", settings={"tau": 0.1}), Rows(8, 8), on="t4")
    assert isinstance(found, Plan)
    assert "at most" in found.line()
    assert "NVIDIA T4" in found.line()
    with pytest.raises(SettingError, match="known: t4"):
        ask(RunConfig(model="planted:0", data="rows"), Rows(8, 8), on="0xh100")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rows": 0, "length": 8}, "--rows is 0; give at least 1"),
        ({"rows": "x", "length": 8}, "--rows is 'x'; give a whole number"),
        ({"rows": 4, "length": 1}, "--length is 1; give at least 2"),
        ({"rows": 4, "length": 8, "processes": 0}, "--processes is 0; give at least 1"),
    ],
)
def test_bad_numbers_are_refused_in_python_too(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        plan(model="planted:0", **given)


@pytest.mark.slow
def test_edges_by_place_are_planned_by_the_default_method() -> None:
    found = plan(model="demo", task="ioi", n=2, on="l4", positions="spans")
    assert found.size.edges == 8 * load_model("demo").graph.n_edges
