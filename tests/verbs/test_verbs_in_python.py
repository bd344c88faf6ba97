"""What is asked for in Python is what is asked for on the command line, and is found again there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import edgewise
from edgewise.cli.main import run as command
from edgewise.errors import EdgewiseWarning, RunError, SelectionError, SettingError, UnknownNameError
from edgewise.runs.config import RunConfig
from edgewise.runs.steps import Progress
from edgewise.runs.store.folder import Run
from edgewise.verbs import progress
from edgewise.verbs.carried_out import carried_out
from stored import id_rows, save_model, write_rows

# Models of random weights do no better on clean prompts than on corrupted ones, and are said to.
pytestmark = pytest.mark.filterwarnings("ignore::edgewise.errors.EdgewiseWarning")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl", id_rows())


@pytest.fixture(scope="module")
def found(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that all tests share."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return edgewise.discover(model=model, data=data, method="eap", top=10, batch_size=4, out=out, progress=False)


class AskedError(Exception):
    """What a run would have done."""


@contextmanager
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[RunConfig]]:
    """Keep what is asked for, and do none of it."""
    configs: list[RunConfig] = []

    def keep(config: RunConfig, *_: Any) -> Run:
        configs.append(config)
        raise AskedError

    monkeypatch.setattr("edgewise.verbs.discover.discover_run", keep)
    yield configs


@pytest.mark.parametrize(
    ("line", "keywords"),
    [
        ("--task ioi", {"task": "ioi"}),
        (
            "--task ioi --n 20 --top 50 --stable --bootstrap 9",
            {"task": "ioi", "n": 20, "top": 50, "stable": True, "bootstrap": 9},
        ),
        ("--task ioi --option order=abba --no-bos", {"task": "ioi", "options": {"order": "abba"}, "bos": False}),
        ("--task ioi --exact auto --budget 10x", {"task": "ioi", "exact": "auto", "budget": 10}),
        ("--task ioi --budget 2.5x --until r2=.9", {"task": "ioi", "budget": "2.5x", "until": "r2=.9"}),
        (
            "--task ioi --method acdc --tau 0.05 --absolute",
            {"task": "ioi", "method": "acdc", "tau": 0.05, "absolute": True},
        ),
        (
            "--task ioi --method subnetwork-probing --lambda 1 --steps 5 --lr 0.5 --masks edge",
            {"task": "ioi", "method": "subnetwork-probing", "lambda_": 1.0, "steps": 5, "lr": 0.5, "masks": "edge"},
        ),
        (
            "--task ioi --method activation-patching --only *->logits --only input->m0",
            {"task": "ioi", "method": "activation-patching", "only": ["*->logits", "input->m0"]},
        ),
        ("--task ioi --method atp-star --no-grad-drop", {"task": "ioi", "method": "atp-star", "grad_drop": False}),
        (
            "--data rows.csv --keep 0.5 --hold-out 0.25 --no-evaluate",
            {"data": Path("rows.csv"), "keep": 0.5, "hold_out": 0.25, "evaluate": False},
        ),
        ("--task ioi --ignore-config new --dtype float64", {"task": "ioi", "ignore_config": "new", "dtype": "float64"}),
        (
            "--task ioi --max-kl 0.1 --by helpful --prune",
            {"task": "ioi", "max_kl": 0.1, "by": "helpful", "prune": True},
        ),
    ],
)
def test_keywords_and_options_ask_for_the_same(
    line: str, keywords: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.cli.discover.refuse_unreadable", lambda given: None)
    monkeypatch.setattr("edgewise.cli.main.about_unforeseen", lambda error, given: type(error).__name__)
    with asked(monkeypatch) as configs:
        command(["discover", "--model", "demo", *line.split(), "--out", str(tmp_path / "run")])
        with pytest.raises(AskedError):
            edgewise.discover(model="demo", out=tmp_path / "run", **keywords, progress=False)
    there, here = configs
    assert here == there
    assert here.settings == there.settings
    assert here.options == there.options


def test_a_run_is_found_again_by_the_same_call_and_by_the_command(
    found: Run, model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = edgewise.discover(
        model=model, data=data, method="eap", top=10, batch_size=4, out=found.folder, progress=False
    )
    assert again.reused
    assert capsys.readouterr() == ("", "")
    line = f"discover --model {model} --data {data} --method eap --top 10 --batch-size 4 --out {found.folder} --json"
    assert command(line.split()) == 0
    assert json.loads(capsys.readouterr().out)["reused"]
    assert (found.folder / "report.html").is_file()


def test_pictures_can_be_left_out(model: Path, data: Path, tmp_path: Path) -> None:
    edgewise.discover(model=model, data=data, method="eap", out=tmp_path / "run", pictures=False, progress=False)
    assert not (tmp_path / "run" / "report.html").exists()


def test_an_evaluation_of_a_run_or_of_its_circuits_file(found: Run, model: Path, data: Path, tmp_path: Path) -> None:
    by_run = edgewise.evaluate(found, ablation="zero", progress=False)
    same = edgewise.evaluate(str(found.folder), ablation="zero", progress=False)
    assert by_run == same
    assert (found.folder / "evaluation-zero.json").is_file()
    file = found.folder / "circuit.json"
    by_file = edgewise.evaluate(
        circuit=file, model=model, data=data, ablation="zero", batch_size=4, curve=False, progress=False
    )
    assert by_file.circuit.metric == pytest.approx(by_run.circuit.metric, rel=1e-5)
    assert by_file.curve is None
    assert by_run.curve is not None


def test_a_verification(found: Run) -> None:
    verified = edgewise.verify(found, edges="all", progress=False)
    assert verified.agreement.is_exact
    assert len(verified.effects) == len(found.scores)
    exact = {effect.name: effect.score for effect in verified.effects}
    assert exact == pytest.approx(dict(found.scores.items()))
    assert (found.folder / "verification.svg").is_file()


def test_a_comparison(found: Run, model: Path, data: Path, tmp_path: Path) -> None:
    other = edgewise.discover(model=model, data=data, method="random", top=10, out=tmp_path / "other", progress=False)
    compared = edgewise.compare([found, other.folder], out=tmp_path / "compared", random=0, progress=False)
    shared, together = found.circuit & other.circuit, found.circuit | other.circuit
    assert compared.overlap[0][1] == pytest.approx(len(shared) / len(together))
    assert (tmp_path / "compared" / "comparison.svg").is_file()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda out: edgewise.discover(model="demo", out=out, progress=False),
            SettingError,
            "neither a task nor a data",
        ),
        (
            lambda out: edgewise.discover(model="demo", task="ioi", top=1, keep=0.5, out=out, progress=False),
            SelectionError,
            "--top and --keep given",
        ),
        (
            lambda out: edgewise.discover(model="demo", task="ioi", tau=0.1, out=out, progress=False),
            SettingError,
            "--tau belongs to method",
        ),
        (
            lambda out: edgewise.discover(model="demo", task="ioi", budget="much", out=out, progress=False),
            SettingError,
            "--budget 'much'",
        ),
        (lambda out: edgewise.evaluate(progress=False), RunError, "nothing to evaluate"),
        (lambda out: edgewise.evaluate(out, circuit="c.json", progress=False), RunError, "give one of them"),
        (lambda out: edgewise.verify(out, progress=False), RunError, "no such run folder"),
        (lambda out: edgewise.verify(out, edges=0, progress=False), SettingError, "at least 1"),
        (lambda out: edgewise.compare([out], out=out, progress=False), RunError, "1 run folder given"),
        (lambda out: edgewise.compare(out, out=out, progress=False), RunError, "1 run folder given"),
        (lambda out: edgewise.compare([], out=out, progress=False), SettingError, "runs is empty; give finished runs"),
        (lambda out: edgewise.clusters([], progress=False), SettingError, "runs is empty; give finished runs"),
        (lambda out: edgewise.clusters(3, progress=False), SettingError, "runs is int; give finished runs"),
        (lambda out: edgewise.clusters([3], progress=False), SettingError, "runs has int in it; give finished runs"),
        (lambda out: edgewise.clusters(out, clusters=1, progress=False), SettingError, "clusters is 1; give a whole"),
        (lambda out: edgewise.specificity(out, prompts=0, progress=False), SettingError, "prompts is 0; give a whole"),
        (lambda out: edgewise.specificity(str(out), tasks="ioi", progress=False), RunError, "run: no such run folder"),
        (lambda out: edgewise.shared(str(out), out=out, progress=False), RunError, "1 run folder given"),
        (
            lambda out: edgewise.shared([out], together="median", out=out, progress=False),
            UnknownNameError,
            "unknown way 'median'; did you mean 'mean'",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(call: Any, error: type[Exception], said: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=said) as caught:
        call(tmp_path / "run")
    assert "\n" not in str(caught.value)


class Handle:
    """What IPython's `display` returns, and all that was shown by it."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, html: Any) -> None:
        self.shown.append(html.data)


def test_a_notebook_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle()

    def display(html: Any, display_id: bool) -> Handle:
        assert display_id
        handle.update(html)
        return handle

    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    for name in ("BAR_AFTER", "REFRESH"):
        monkeypatch.setattr(progress, name, 0.0)
    with carried_out({}, overwrite=False, progress=True) as execution:
        execution.report(Progress("scoring <prompts>", 0, 8))
        execution.report(Progress("scoring <prompts>", 3, 8, part=0.5))
    moving, counted, gone = handle.shown
    assert moving == "<progress></progress> scoring &lt;prompts&gt; 0/8"
    assert counted == '<progress value="3.5" max="8"></progress> scoring &lt;prompts&gt; 3/8'
    assert gone == ""


def test_short_work_in_a_notebook_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("shown")

    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", refuse)
    monkeypatch.setattr(progress, "BAR_AFTER", 3600.0)
    with carried_out({}, overwrite=False, progress=True) as execution:
        execution.report(Progress("scoring", 3, 8))


def test_bars_of_transformers_are_away_meanwhile_and_then_as_before() -> None:
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    logging.enable_progress_bar()
    try:
        with carried_out({}, overwrite=False, progress=True):
            assert not logging.is_progress_bar_enabled()
        assert logging.is_progress_bar_enabled()
    finally:
        if not before:
            logging.disable_progress_bar()


def test_what_the_user_should_hear_is_a_warning_where_it_was_called(model: Path, data: Path, tmp_path: Path) -> None:
    """A model of random weights does no better on clean prompts."""
    with pytest.warns(EdgewiseWarning) as heard:
        run = edgewise.discover(
            model=model, data=data, method="eap", out=tmp_path / "run", pictures=False, evaluate=False, progress=False
        )
    assert run.record.warnings
    assert tuple(str(one.message) for one in heard) == run.record.warnings
    assert {Path(one.filename).name for one in heard} == {Path(__file__).name}


def test_settings_of_another_packages_method_go_to_the_method(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with asked(monkeypatch) as configs, pytest.raises(AskedError):
        edgewise.discover(
            model="demo", task="ioi", method="eap", n=3, settings={"n": 9}, out=tmp_path / "run", progress=False
        )
    assert (configs[0].n, dict(configs[0].settings)) == (3, {"n": 9})
