"""A run whose edges are kept apart by place: what is stored, shown, measured, exported and refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewise.errors import DataError, FormatError, RunError, SelectionError, SettingError
from edgewise.graph import Circuit, EdgeScores
from edgewise.report.page.ranked import Order, ranked
from edgewise.report.picture.choice import choose
from edgewise.report.text import show_run
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.comparison import compare
from edgewise.runs.contest.shared import share
from edgewise.runs.discover import discover, find_circuit
from edgewise.runs.evaluate import evaluate
from edgewise.runs.evaluated_circuit import circuit_of_file, circuit_of_run
from edgewise.runs.exchange.coming import take_in
from edgewise.runs.exchange.leaving import export
from edgewise.runs.methods import get_method
from edgewise.runs.specificity import specificity
from edgewise.runs.store.checkpoint import PROGRESS
from edgewise.runs.store.files import write_circuit
from edgewise.runs.store.folder import Run, load_run
from edgewise.runs.verify import verify
from edgewise.settings.evaluation import EvaluationRequest
from edgewise.settings.selection import Selection

pytestmark = pytest.mark.slow

PLACES = ("IO", "S1", "S1+1", "scene", "S2", "action", "END", "rest")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    asked: dict[str, Any] = {"positions": "spans", "method": "eap", "n": 6, "selection": Selection(top=60)}
    return discover(RunConfig(model="demo", task="ioi", **asked), tmp_path_factory.mktemp("runs") / "run")


def scores_of(run: Run) -> EdgeScores:
    assert isinstance(run.scores, EdgeScores)
    return run.scores


def test_scores_circuit_and_record_have_the_places(run: Run) -> None:
    again = load_run(run.folder)
    for found in (run, again):
        assert found.scores.graph.places == found.circuit.graph.places == PLACES
        assert found.record.counts.edges == found.scores.graph.n_edges == 8 * found.scores.graph.plain.n_edges
    assert again.circuit == run.circuit
    assert run.circuit.n_edges == 60


def test_its_scores_add_up_to_those_of_the_same_run_without_places(run: Run, tmp_path: Path) -> None:
    plain = find_circuit(RunConfig(model="demo", task="ioi", method="eap", n=6), tmp_path / "plain")
    apart, whole = scores_of(run).plain.values, scores_of(plain).values
    assert np.nanmax(np.abs(apart - whole)) <= 1e-5 * np.nanmax(np.abs(whole))


def test_the_table_names_edge_and_place(run: Run) -> None:
    best = scores_of(run).top(1)[0].name
    assert best.split("@")[1] in PLACES
    assert best in show_run(run)


def test_the_page_has_a_column_of_places(run: Run) -> None:
    listed = ranked(run, Order.of(run))
    assert listed.places is not None
    assert [name.split("@")[1] for name in listed.names] == list(listed.places)


def test_a_picture_has_one_line_for_each_pair_of_ends(run: Run) -> None:
    drawn = choose(run.circuit, run.scores)
    assert {f"{edge.source}->{edge.destination}" for edge in drawn.edges} == set(run.circuit.plain)
    one = drawn.edges[0]
    at = [scores_of(run)[name] for name in run.circuit if name.startswith(f"{one.source}->{one.destination}@")]
    assert one.score == pytest.approx(sum(at), rel=1e-6)


def test_a_circuit_is_measured_at_its_places(run: Run) -> None:
    assert run.evaluated is not None
    found = evaluate(circuit_of_run(run.folder, {}), EvaluationRequest(random=1), None).results
    assert found.faithfulness == pytest.approx(run.evaluated.faithfulness, abs=1e-6)
    last = found.curve[-1]
    assert last.faithfulness == pytest.approx(1.0, abs=1e-9)


def test_an_edge_is_removed_from_the_circuit_at_its_place_alone(run: Run, tmp_path: Path) -> None:
    subject = circuit_of_run(run.folder, {})
    found = evaluate(subject, EvaluationRequest(curve=False, minimality=True), None).results
    assert found.minimality is not None
    assert sorted(removal.edge for removal in found.minimality) == sorted(run.circuit)
    worst = found.minimality[0]
    at = run.circuit.graph.edge(worst.edge)
    mask = run.circuit.mask.copy()
    mask[at] = False
    write_circuit(tmp_path / "c.json", Circuit(run.circuit.graph, mask), run.scores)
    rest = circuit_of_file(tmp_path / "c.json", {"model": "demo", "task": "ioi", "n": 6})
    without = evaluate(rest, EvaluationRequest(curve=False), None).results
    assert worst.effect == pytest.approx(without.circuit.metric - found.circuit.metric, abs=1e-4)


def test_a_circuit_file_says_where_it_is_measured(run: Run, tmp_path: Path) -> None:
    write_circuit(tmp_path / "c.json", run.circuit, run.scores)
    subject = circuit_of_file(tmp_path / "c.json", {"model": "demo", "task": "ioi", "n": 6})
    assert subject.config.positions == "spans"
    found = evaluate(subject, EvaluationRequest(curve=False), None).results
    assert run.evaluated is not None
    assert found.faithfulness == pytest.approx(run.evaluated.faithfulness, abs=1e-6)


def test_a_circuit_at_every_place_is_the_plain_circuit(run: Run, tmp_path: Path) -> None:
    whole = run.circuit.plain
    everywhere = Circuit(run.circuit.graph, np.repeat(whole.mask[..., None], len(PLACES), axis=-1))
    found = []
    for name, circuit in (("plain", whole), ("places", everywhere)):
        write_circuit(tmp_path / f"{name}.json", circuit)
        subject = circuit_of_file(tmp_path / f"{name}.json", {"model": "demo", "task": "ioi", "n": 6})
        found.append(evaluate(subject, EvaluationRequest(curve=False), None).results)
    assert found[0].circuit.metric == pytest.approx(found[1].circuit.metric, abs=1e-4)
    assert found[0].faithfulness == pytest.approx(found[1].faithfulness, abs=1e-5)


def test_edges_at_places_are_verified_by_patching(run: Run) -> None:
    found = verify(run.folder, edges=40, top_k=5)
    assert len(found.effects) == 40
    assert all(effect.name.split("@")[1] in PLACES for effect in found.effects)
    assert found.agreement.pearson.value > 0.5


def test_exact_effects_of_the_best_are_measured_at_their_places(tmp_path: Path) -> None:
    config = RunConfig(model="demo", task="ioi", method="eap", n=4, positions="spans", exact=30)
    checked = find_circuit(config, tmp_path / "checked")
    scores = scores_of(checked)
    assert scores.verified is not None
    assert int(scores.verified.sum()) >= 29
    only = [scores.name_at(tuple(at)) for at in np.argwhere(scores.verified)[:5].tolist()]
    alone = RunConfig(
        model="demo", task="ioi", method="activation-patching", n=4, positions="spans",
        settings={"only": only}, selection=Selection(top=5),
    )  # fmt: skip
    exact = scores_of(find_circuit(alone, tmp_path / "exact"))
    assert [exact[name] for name in only] == pytest.approx([scores[name] for name in only], abs=1e-5)


def test_tables_have_a_place_and_other_formats_the_sums(run: Run, tmp_path: Path) -> None:
    written = export(run.folder, "csv", tmp_path / "edges.csv")
    with (tmp_path / "edges.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == run.scores.graph.n_edges
    assert rows[3]["edge"] == f"{rows[3]['source']}->{rows[3]['destination']}@{rows[3]['place']}"
    assert "places" not in written.lost
    summed = export(run.folder, "eap-ig-json", tmp_path / "graph.json")
    assert "places in the prompt (their sums are written)" in summed.lost
    edges = json.loads((tmp_path / "graph.json").read_text())["edges"]
    assert {name for name, edge in edges.items() if edge["in_graph"]} == set(run.circuit.plain)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"method": "hisp"}, "does not keep edges apart by place; leave --positions out"),
        ({"method": "subnetwork-probing", "settings": {"lambda_": 1.0}}, "masks on nodes .* give --masks edge"),
        ({"method": "acdc", "settings": {"tau": 0.1}, "readers": True}, "'acdc' does not keep edges apart by reader"),
        ({"method": "ifr"}, "does not keep edges apart by place"),
        ({"method": "eap", "positions": "all"}, "needs prompts of one length.*use --positions spans"),
    ],
)
def test_what_has_no_places_is_refused(asked: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises((RunError, DataError), match=said):
        find_circuit(
            RunConfig(**{"model": "demo", "task": "ioi", "n": 8, "positions": "spans"} | asked), tmp_path / "r"
        )


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("eap-acdc", {"tau": 0.05, "eap_top": 40}),
        ("fading", {"steps": 2, "minibatch": 2}),
        ("subnetwork-probing", {"lambda_": 300.0, "steps": 5, "lr": 2.0, "masks": "edge"}),
    ],
)
def test_searches_find_circuits_at_places_and_go_on_where_they_were(
    method: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(model="demo", task="ioi", method=method, settings=settings, n=3, positions="spans")
    whole = find_circuit(config, tmp_path / "whole")
    assert whole.circuit.graph.places == PLACES
    assert 0 < whole.circuit.n_edges < whole.circuit.graph.n_edges / 2
    kind = type(get_method(method))
    original = kind.states

    def stopped(*args: Any) -> Iterator[Any]:
        for number, now in enumerate(original(*args)):
            yield now
            if number == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kind, "states", stopped)
        with pytest.raises(KeyboardInterrupt):
            find_circuit(config, tmp_path / "again")
    assert (tmp_path / "again" / PROGRESS).exists()
    find_circuit(config, tmp_path / "again")
    for name in ("scores.safetensors", "circuit.json", "trace.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_file_without_spans_says_how_to_give_them(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no prompt has spans; give every row of a data file a field spans, such as"):
        find_circuit(replace(config, positions="spans"), tmp_path / "r")


def test_more_edges_than_the_plain_graph_has_may_be_kept(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"model": "demo", "task": "ioi", "method": "eap", "n": 4, "positions": "spans"}
    assert find_circuit(RunConfig(**asked, selection=Selection(top=600)), tmp_path / "r").circuit.n_edges == 600
    with pytest.raises(SelectionError, match="give at most"):
        find_circuit(RunConfig(**asked, selection=Selection(top=8 * 479 + 1)), tmp_path / "s")


def test_a_run_by_reader_is_stored_measured_and_read_again(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"positions": "spans", "readers": True, "n": 4, "selection": Selection(top=300)}
    found = discover(RunConfig(model="demo", task="ioi", method="eap", **asked), tmp_path / "run")
    again = load_run(tmp_path / "run")
    assert again.circuit == found.circuit
    assert again.scores.graph.readers
    assert found.evaluated is not None
    assert found.evaluated.faithfulness is not None
    by_place = find_circuit(RunConfig(model="demo", task="ioi", method="eap", n=4, positions="spans"), tmp_path / "p")
    apart, whole = scores_of(found).by_place.values, scores_of(by_place).values
    assert np.nanmax(np.abs(apart - whole)) <= 1e-5 * np.nanmax(np.abs(whole))
    listed = ranked(again, Order.of(again))
    assert listed.places is not None
    assert any("->" in place for place in listed.places)


def test_a_circuit_of_other_places_or_of_no_truth_value_is_refused(run: Run, tmp_path: Path) -> None:
    write_circuit(tmp_path / "c.json", run.circuit, run.scores)
    whole = json.loads((tmp_path / "c.json").read_text())
    kept = {name: edge for name, edge in whole["edges"].items() if name.endswith("@END")}
    (tmp_path / "few.json").write_text(json.dumps({**whole, "places": ["IO", "END"], "edges": kept}))
    subject = circuit_of_file(tmp_path / "few.json", {"model": "demo", "task": "ioi", "n": 2})
    with pytest.raises(SelectionError, match=r"edges of the circuit are at IO, END; here at IO, S1, .*; give prompts"):
        evaluate(subject, EvaluationRequest(curve=False), None)
    (tmp_path / "odd.json").write_text(json.dumps({**whole, "readers": "yes"}))
    with pytest.raises(FormatError, match="readers is 'yes', expected true or false"):
        circuit_of_file(tmp_path / "odd.json", {"model": "demo", "task": "ioi", "n": 2})


def test_runs_with_and_without_places_are_compared_by_their_sums(run: Run, tmp_path: Path) -> None:
    plain = find_circuit(
        RunConfig(model="demo", task="ioi", method="eap", n=6, selection=Selection(top=60)), tmp_path / "plain"
    )
    found = compare([run.folder, plain.folder], tmp_path / "compared", random=0).results
    both, one, other = run.circuit.plain, run.circuit.plain.mask, plain.circuit.mask
    assert found.overlap[0][1] == pytest.approx((one & other).sum() / (one | other).sum())
    assert both.n_edges < run.circuit.n_edges
    assert found.rank_correlation[0][1] == pytest.approx(1.0, abs=1e-3)
    assert any("edges at different places, which are compared by their sums" in note for note in found.notes)
    for what in (
        lambda: share([run.folder, plain.folder], tmp_path / "shared"),
        lambda: specificity([run.folder], ["ioi"], n=2, random=1),
    ):
        with pytest.raises(RunError, match="kept apart by place, and other prompts have other places; give a run wit"):
            what()


def test_a_table_by_place_comes_back_as_a_run_by_place(run: Run, tmp_path: Path) -> None:
    export(run.folder, "csv", tmp_path / "edges.csv")
    with (tmp_path / "edges.csv").open() as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if row["in_circuit"].lower() == "true"]
    with (tmp_path / "few.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(kept)
    for name, graph in (("edges.csv", "demo"), ("few.csv", str(run.folder))):
        found = take_in(tmp_path / name, graph, tmp_path / f"{name} run", given={"task": "ioi", "n": 6}).run
        assert found is not None
        assert (found.config.positions, found.circuit) == ("spans", run.circuit)
        again = evaluate(circuit_of_run(found.folder, {}), EvaluationRequest(curve=False), None).results
        assert run.evaluated is not None
        assert again.faithfulness == pytest.approx(run.evaluated.faithfulness, abs=1e-6)
    (tmp_path / "odd.csv").write_text((tmp_path / "few.csv").read_text().replace("END", "STOP"))
    with pytest.raises(RunError, match=r"odd.csv: edges at .*STOP.*; the prompts have at IO, S1, .*; give their spans"):
        take_in(tmp_path / "odd.csv", "demo", tmp_path / "other", given={"task": "ioi", "n": 6})


def test_readers_need_positions(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="give --positions spans or all too"):
        find_circuit(RunConfig(model="demo", task="ioi", readers=True), tmp_path / "r")
    with pytest.raises(SettingError, match="not neurons; leave --level out"):
        RunConfig(model="demo", task="ioi", positions="spans", level="neuron")
