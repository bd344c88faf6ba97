"""Several sets of prompts: a run of each, one circuit of them all, found again, resumed and refused as runs are."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np
import pytest

from cli.conftest import Cli
from edgewise import evaluate, load_run, read_circuit, shared
from edgewise.errors import RunConflictError, RunError
from edgewise.runs.contest import shared_kept as contest
from edgewise.runs.contest.shared import set_folders, share
from edgewise.runs.steps import Execution, Progress
from edgewise.settings.selection import Selection

pytestmark = pytest.mark.slow

HOW = ["--model", "demo", "--n", "8", "--top", "40", "--method", "eap", "--no-pictures", "--no-evaluate"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    from edgewise.runs.config import RunConfig
    from edgewise.runs.discover import find_circuit
    from edgewise.settings.selection import Selection

    folder = tmp_path_factory.mktemp("sets")
    for task in ("ioi", "induction"):
        config = RunConfig("demo", task=task, n=8, method="eap", selection=Selection(top=40))
        find_circuit(config, folder / task)
    return [folder / "ioi", folder / "induction"]


def test_two_sets_on_one_command_line(tmp_path: Path, cli: Cli) -> None:
    words = ["discover", *HOW, "--task", "ioi", "--task", "induction", "--out", tmp_path / "both"]
    said = cli(*words, "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    assert document["schema"] == "edgewise-shared/1"
    assert [one["name"] for one in document["sets"]] == ["ioi", "induction"]
    assert document["circuit_edges"] == 40
    runs = [load_run(tmp_path / "both" / name) for name in ("ioi", "induction")]
    circuit, scores = read_circuit(document["circuit"])
    parts = np.stack([run.scores.values / abs(run.record.metric.corrupted - run.record.metric.clean) for run in runs])
    mask = circuit.graph.mask
    agree = np.sign(parts[0]) == np.sign(parts[1])
    np.testing.assert_allclose(
        np.abs(scores.values[mask]), np.where(agree, np.abs(parts).min(0), 0)[mask], rtol=1e-5, atol=1e-9
    )
    assert [one["in_shared"] for one in document["sets"]] == [
        int((run.circuit.mask & circuit.mask).sum()) for run in runs
    ]
    for one, run in zip(document["sets"], runs, strict=True):
        names = [edge["name"] for edge in one["specific"]]
        assert names
        assert all(name in run.circuit and name not in circuit for name in names)
    again = cli(*words)
    assert "Found the finished result in" in again.out
    other = cli(*words, "--together", "mean")
    assert other.code == 2
    assert "holds another result (way is 'min' there, 'mean' here)" in other.err


def test_a_function_gives_the_same_with_a_picture_and_a_page(runs: list[Path], tmp_path: Path, cli: Cli) -> None:
    found = shared(runs, out=tmp_path / "out", top=40, evaluate=False, progress=False)
    assert repr(found) == f"Shared(40 of {found.edges} edges of 2 sets of demo, by min)"
    assert found == share(runs, tmp_path / "plain", selection=Selection(top=40), evaluate=False).results
    picture, page = ((tmp_path / "out" / name).read_text() for name in ("shared.svg", "report.html"))
    for edge in (*found.top[:8], *found.sets[0].specific[:8], *found.sets[1].specific[:8]):
        assert escape(edge.name) in picture
    assert "only of ioi" in picture
    assert "induction alone" in page
    scores = [load_run(run).scores for run in runs]
    effects = [abs(load_run(run).record.metric.corrupted - load_run(run).record.metric.clean) for run in runs]
    for edge in (*found.top, *found.sets[1].specific):
        by_hand = [of[edge.name] / effect for of, effect in zip(scores, effects, strict=True)]
        assert edge.parts == pytest.approx(by_hand, rel=1e-5)
    said = cli("shared", *runs, "--out", tmp_path / "out", "--top", 40, "--no-evaluate")
    assert "Found the finished result in" in said.out


def test_what_circuits_keep_is_what_an_evaluation_says(runs: list[Path], tmp_path: Path) -> None:
    found = share(runs, tmp_path / "out", random=1, batch_size=3).results
    for one, task in zip(found.kept, ("ioi", "induction"), strict=True):
        plain = {"model": "demo", "task": task, "n": 8, "curve": False, "random": 0, "progress": False}
        alone = evaluate(circuit=tmp_path / "out/circuit.json", **plain)
        assert one.shared == pytest.approx(alone.faithfulness, abs=1e-5)
        assert one.shared_stderr == pytest.approx(alone.faithfulness_stderr, abs=1e-5)
        for folder, kept in zip(runs, one.own, strict=True):
            assert kept == pytest.approx(evaluate(circuit=folder / "circuit.json", **plain).faithfulness, abs=1e-5)


def test_a_stop_between_sets_goes_on_and_ends_with_the_same_bytes(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(runs, tmp_path / "plain", random=1)
    measured, counted = contest.kept_values, list[str]()

    def counting(model, prompts, *arguments, **more):
        counted.append(prompts.name)
        return measured(model, prompts, *arguments, **more)

    def stop(progress: Progress) -> None:
        if progress.step == contest.MEASURING and progress.done == 1 and not progress.part:
            raise KeyboardInterrupt

    monkeypatch.setattr(contest, "kept_values", counting)
    with pytest.raises(KeyboardInterrupt):
        share(runs, tmp_path / "stopped", random=1, execution=Execution(report=stop))
    assert counted == ["ioi"]
    with pytest.raises(RunConflictError, match="holds another unfinished result"):
        share(runs, tmp_path / "stopped", random=2)
    share(runs, tmp_path / "stopped", random=1)
    assert counted == ["ioi", "induction"]
    for name in ("shared.json", "circuit.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_what_is_no_pair_of_sets_is_refused_in_one_line(runs: list[Path], tmp_path: Path, cli: Cli) -> None:
    for words, message in (
        ([runs[0]], "1 run folder given; give two or more"),
        ([runs[0], runs[0]], "is given twice; give each run once"),
        ([*runs, "--together", "men"], "--together: unknown way 'men'; did you mean 'mean'?"),
        ([*runs, "--top", "9999"], "--top is 9999, but the model has 479 edges"),
        ([runs[0], tmp_path / "none"], "no such run folder"),
    ):
        said = cli("shared", *words, "--no-evaluate", "--out", tmp_path / "x")
        assert (said.code, said.out) == (2, "")
        assert message in said.err
        assert said.err.count("\n") == 1
    for words, message in (
        (["--task", "ioi", "--task", "ioi"], "ioi is given twice; give each set of prompts once"),
        (["--task", "ioi", "--data", "x.jsonl"], "both a task and a data file given"),
        (["--data", "x.jsonl", "--data", "y.jsonl"], "x.jsonl"),
        (
            ["--task", "ioi", "--task", "induction", "--method", "acdc", "--tau", "1,2"],
            "several values of --tau beside",
        ),
    ):
        said = cli(
            "discover", *[word for word in HOW if word not in ("--method", "eap")], *words, "--out", tmp_path / "y"
        )
        assert said.code == 2
        assert message in said.err


def test_sets_of_one_name_have_folders_of_their_own() -> None:
    sets = [{"data": "a/x.jsonl"}, {"data": "b/x.jsonl"}, {"data": "hub:org/Name@c:test"}, {"task": "ioi"}]
    assert list(set_folders(sets)) == ["x", "x-2", "Name-c-test", "ioi"]
    with pytest.raises(RunError, match="ioi is given twice"):
        set_folders([{"task": "ioi"}, {"task": "ioi"}])
