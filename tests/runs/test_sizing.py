"""`discover --keep` and `select --keep`: the size is measured on prompts that chose no score, and found again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgewise import evaluate_circuit, load_model
from edgewise.errors import DataError, RunError, ScoreError, SelectionError, SettingError
from edgewise.graph.selection import top_n
from edgewise.models import Model
from edgewise.report.page.page import page
from edgewise.report.text import show_run
from edgewise.runs import sizing
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover, find_circuit
from edgewise.runs.prompts import prompts_of
from edgewise.runs.reselected import reselect
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.folder import Run, load_run
from edgewise.settings.selection import Selection
from edgewise.tasks import PromptSet
from shown_page import document
from stopping import stopped
from stored import contents, id_rows, write_rows

KEEP = Selection(max_kl=0.01)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("many") / "prompts.jsonl", id_rows(12))


@pytest.fixture
def asked(config: RunConfig, many: Path) -> RunConfig:
    return replace(config, data=str(many), dtype="float64", selection=KEEP)


def held_out(run: Run) -> tuple[Model, PromptSet]:
    model = load_model(run.config.model, dtype="float64")
    return model, prompts_of(replace(run.config, split="held-out"), model)


def test_it_is_the_first_of_all_sizes_on_rows_that_were_not_scored(asked: RunConfig, tmp_path: Path) -> None:
    run = discover(asked, tmp_path / "run")
    found = run.sized
    assert found is not None
    model, others = held_out(run)
    scored = prompts_of(run.config, model)
    assert len(scored) == len(others) == found.prompts.n == 6
    assert not set(scored.pairs) & set(others.pairs)
    assert (found.prompts.split, found.prompts.note) == ("held-out", None)
    assert run.circuit.n_edges == found.size == run.record.counts.circuit_edges
    assert (run.circuit.mask == top_n(run.edge_scores, found.size).mask).all()
    at, below = (
        evaluate_circuit(model, others, top_n(run.edge_scores, size), curve=False).circuit.kl
        for size in (found.size, found.size - 1)
    )
    assert at <= 0.01 < below
    assert found.value == pytest.approx(at, rel=1e-9)
    assert f"size: {found.size} edges are the fewest of KL 0.01 or less" in show_run(run)
    (shown,) = document(page(run))["runs"]
    (curve,) = shown["curves"]
    assert [point["size"] for point in curve["points"]] == [point.size for point in found.points]
    assert (curve["of_order"], shown["ranked"]["first"]) == (True, found.size)
    assert load_run(run.folder).sized == found


def test_the_same_command_finds_it_and_another_rule_measures_again(asked: RunConfig, tmp_path: Path) -> None:
    first = discover(asked, tmp_path / "run")
    before = contents(first.folder)
    assert discover(asked, first.folder).reused
    assert contents(first.folder) == before
    other = discover(replace(asked, selection=Selection(keep=0.5)), first.folder)
    assert other.selected_anew
    assert other.sized is not None
    assert other.sized.target.measure == "faithfulness"
    assert discover(replace(asked, selection=Selection(top=5)), first.folder).sized is None


@pytest.mark.parametrize("at", [1, 3, 5])
def test_one_that_was_stopped_goes_on(
    asked: RunConfig, tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.runs.store.checkpoint.Saver.least", 0.0)

    def there(progress: Progress) -> bool:
        return progress.step == sizing.SIZING and progress.done >= at

    whole = discover(asked, tmp_path / "whole")
    stopped(lambda execution: discover(asked, tmp_path / "again", execution), there)
    assert load_run(tmp_path / "again").sized is None
    again = discover(asked, tmp_path / "again")
    assert again.sized == whole.sized
    assert contents(again.folder)["sizes.json"] == contents(whole.folder)["sizes.json"]
    assert "sizes.progress.safetensors" not in contents(again.folder)


def test_nothing_is_lost_where_it_fails(asked: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **more: object) -> None:
        raise ScoreError("no such luck")

    with monkeypatch.context() as patch:
        patch.setattr(sizing, "SmallestSearch", fail)
        run = discover(asked, tmp_path / "run")
        assert run.unsized == "no such luck"
        assert run.circuit.n_edges == 100  # what is kept where nobody says how many
    assert discover(asked, run.folder).sized is not None


def test_out_of_reach_is_said(asked: RunConfig, tmp_path: Path) -> None:
    few = replace(asked, method="activation-patching", settings={"only": ["*->m1"]})
    run = discover(few, tmp_path / "run")
    assert run.sized is not None
    assert not run.sized.reached
    assert "size: KL 0.01 or less is out of reach; " in show_run(run)
    assert run.circuit.n_edges == run.sized.size


def test_another_file_of_a_run_that_stays_as_it_is(asked: RunConfig, tmp_path: Path) -> None:
    run = find_circuit(replace(asked, selection=Selection(top=3)), tmp_path / "run")
    before = contents(run.folder)
    found = reselect(run.folder, KEEP, tmp_path / "new.json")
    after = contents(run.folder)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"sizes-max-kl-0.01.json"}
    assert found.sized is not None
    assert found.circuit.n_edges == found.sized.size

    def never(progress: Progress) -> None:
        assert progress.step != sizing.SIZING, "measured again"

    again = reselect(run.folder, KEEP, tmp_path / "again.json", Execution(report=never))
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "new.json").read_bytes()
    assert again.sized == found.sized


def test_rows_that_were_scored_are_said_to_be(asked: RunConfig, tmp_path: Path) -> None:
    run = find_circuit(replace(asked, hold_out=None, selection=Selection(top=3)), tmp_path / "run")
    found = reselect(run.folder, KEEP, tmp_path / "new.json")
    assert found.sized is not None
    assert found.sized.prompts.n == 12
    assert found.sized.prompts.note is not None


def test_nodes_are_counted(asked: RunConfig, tmp_path: Path) -> None:
    found = discover(replace(asked, level="node"), tmp_path / "run").sized
    assert found is not None
    assert found.counted == "nodes"
    assert found.points[-1].size == 16  # the input, 12 heads, 3 MLPs


def test_what_is_refused(asked: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="--top and --keep given; give one of"):
        Selection(top=3, keep=0.9)
    with pytest.raises(SettingError, match=r"--keep is 1\.2; give"):
        Selection(keep=1.2)
    with pytest.raises(SettingError, match="--hold-out is of a data file"):
        RunConfig("demo", task="ioi", hold_out=0.5)
    with pytest.raises(RunError, match="finds its own circuit"):
        discover(replace(asked, method="acdc", settings={"tau": 1.0}), tmp_path / "acdc")
    two = replace(asked, n=1)
    with pytest.raises(DataError, match="1 rows cannot be divided with --hold-out"):
        discover(two, tmp_path / "two")


def test_the_file_says_what_was_asked(asked: RunConfig, tmp_path: Path) -> None:
    run = discover(asked, tmp_path / "run")
    stored = json.loads((run.folder / "sizes.json").read_text())
    assert stored["asked"]["max_kl"] == 0.01
    assert [one["size"] for one in stored["points"]] == sorted(one["size"] for one in stored["points"])
    assert stored["points"][0]["size"] == 0
    assert stored["points"][-1]["size"] == 262
