"""Metrics of the user's own: code runs only where it is named, and is tried before anything slow begins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from edgewise.engine.run.metric_trial import try_metric
from edgewise.errors import EdgewiseError, MetricError, ScoreError, VanishingGradientError
from edgewise.metrics import Metric, MetricBatch, get_metric, own
from edgewise.models import Model, load_model
from tiny import FAMILIES, prompts

PAIRS = prompts(4, seed=3).pairs
"""Read at one position or several, so that some are padded."""
FILE = '''
"""Metrics for tests."""
from edgewise import Metric
import torch

def first(logits, batch):
    """Logit of the first answer at the first position.

    More.
    """
    return logits[:, 0].gather(1, batch.answers[:, :1])[:, 0]

def breaks(logits, batch):
    return batch.nothing

def ends(logits, batch):
    raise SystemExit(3)

def reads_clean(logits, batch):
    return logits - batch.clean_logits

DISTANCE = Metric("anything", lambda z, b: (z - b.clean_logits).abs().sum((1, 2)), "a distance",
                  needs_clean_logits=True, higher_is_better=False)
NUMBER = 3
open("ran", "w").close()
'''


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setattr(own, "_GIVEN", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text(FILE)
    return tmp_path


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(FAMILIES["gpt2"]())


def test_a_metric_of_a_file_runs_only_where_it_was_given(nothing_given: Path) -> None:
    with pytest.raises(MetricError, match=r"'my\.py:first' is code of a file.*add --metric my\.py:first to run it"):
        get_metric("my.py:first")
    assert own.own_digest("my.py:first") == hashlib.sha256(FILE.encode()).hexdigest()
    assert not (nothing_given / "ran").exists(), "asking for its digest runs nothing"
    assert own.give("my.py:first") == "my.py:first"
    metric = get_metric("my.py:first")
    assert (metric.name, metric.summary) == ("my.py:first", "Logit of the first answer at the first position.")
    logits = torch.arange(64.0).reshape(1, 1, 64)
    assert metric(logits, MetricBatch.from_pairs(PAIRS[:1])).item() == PAIRS[0].answers[0]
    with pytest.raises(MetricError, match=r"'my\.py:DISTANCE' is code of a file"):
        get_metric("my.py:DISTANCE")


def test_its_digest_is_that_of_the_code_that_ran(nothing_given: Path) -> None:
    own.give("my.py:first")
    (nothing_given / "my.py").write_text("changed = 1")
    assert own.own_digest("my.py:first") == hashlib.sha256(FILE.encode()).hexdigest()


def test_a_metric_in_a_file_says_what_it_needs() -> None:
    metric = get_metric(own.give("my.py:DISTANCE"))
    assert (metric.name, metric.higher_is_better, metric.needs_clean_logits) == ("my.py:DISTANCE", False, True)


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("no.py:f", None, r"no\.py cannot be read \(No such file or directory\); check the path"),
        (
            "my.py",
            None,
            r"name what is to be called, my\.py:NAME; it has first, breaks, ends, reads_clean, DISTANCE, NUMBER",
        ),
        ("my.py:frist", None, r"my\.py has no 'frist'; did you mean 'first'\?"),
        ("my.py:NUMBER", None, "'NUMBER' is int; give a function or a Metric"),
        ("bad.py:f", "x = 1\ndef f(:\n", r"bad\.py line 2: invalid syntax; it is not Python"),
        ("bad.py:f", "\0", "it is not Python"),
        ("bad.py:f", "", r"bad\.py has no 'f'; it defines nothing"),
        ("bad.py:f", "import sys\nsys.exit(3)", r"bad\.py raised SystemExit: 3 \(line 2 of bad\.py\)"),
        ("bad.py:f", "def g():\n    1 / 0\n\ng()", r"raised ZeroDivisionError: division by zero \(line 2 of bad\.py\)"),
    ],
)
def test_a_file_that_gives_no_metric_is_refused_in_one_line(
    name: str, source: str | None, message: str, nothing_given: Path
) -> None:
    if source is not None:
        (nothing_given / "bad.py").write_text(source)
    with pytest.raises(MetricError, match=message) as raised:
        own.give(name)
    assert "\n" not in str(raised.value)


def test_what_a_function_raises_is_told_with_its_line() -> None:
    batch = MetricBatch.from_pairs(PAIRS)
    with pytest.raises(MetricError, match=r"raised AttributeError: .*'nothing' \(line 14 of my\.py\); it gets logits"):
        get_metric(own.give("my.py:breaks"))(torch.zeros(4, 3, 9), batch)
    with pytest.raises(MetricError, match=r"raised SystemExit: 3 \(line 17 of my\.py\)"):
        get_metric(own.give("my.py:ends"))(torch.zeros(4, 3, 9), batch)
    with pytest.raises(MetricError, match=r"\(line 20 of my\.py\); .* a Metric with needs_clean_logits=True"):
        get_metric(own.give("my.py:reads_clean"))(torch.zeros(4, 3, 9), batch)


def test_running_out_of_memory_in_it_is_no_mistake_of_the_metric() -> None:
    def large(logits: torch.Tensor, batch: MetricBatch) -> torch.Tensor:
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        get_metric(large)(torch.zeros(4, 3, 9), MetricBatch.from_pairs(PAIRS))


def test_a_function_of_python_is_known_once_it_was_given() -> None:
    def margin(logits: torch.Tensor, batch: MetricBatch) -> torch.Tensor:
        return logits[:, 0, 0]

    with pytest.raises(MetricError, match="'python:margin' is a function of the Python that named it"):
        get_metric("python:margin")
    assert own.give(margin) == "python:margin"
    assert get_metric("python:margin").name == "python:margin"
    first = own.own_digest("python:margin")

    def margin(logits: torch.Tensor, batch: MetricBatch) -> torch.Tensor:  # type: ignore[no-redef]
        return logits[:, 0, 1]

    own.give(margin)
    assert None not in (first, own.own_digest("python:margin"))
    assert own.own_digest("python:margin") != first


def per_position(values: torch.Tensor, batch: MetricBatch) -> torch.Tensor:
    return (values * batch.position_mask).sum(1)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda z, b: z[:, 0, 0] - z.mean(), MetricError, "gives prompt 1 .* beside other prompts and .* alone"),
        (lambda z, b: z[:, :, 0].sum(1), MetricError, r"padding; leave out where batch\.position_mask is False"),
        (lambda z, b: z[:, 0, 0] / 0, ScoreError, "is -?inf for prompt 1 on the clean run"),
        (lambda z, b: z[:, 0].argmax(-1).float(), VanishingGradientError, "has no gradient: .* activation-patching"),
        (lambda z, b: z[:, 0].sum(-1) * 0, VanishingGradientError, "is flat at the clean run"),
        (lambda z, b: (z[:, 0, 0] - z[:, 0, 0].detach()).abs() ** 0.5, ScoreError, "gradient that is not finite"),
        (lambda z, b: z.mean(), MetricError, r"return one float a prompt, shape \[4\]"),
    ],
)
def test_a_metric_that_cannot_be_used_is_refused_on_a_first_batch(function, error, message, model: Model) -> None:
    with pytest.raises(error, match=message):
        try_metric(model, PAIRS, get_metric(function), by_gradient=True)


@pytest.mark.parametrize("name", ["logit-diff", "prob-diff", "log-prob", "kl-from-corrupted", "entropy", "kl", "js"])
def test_what_comes_with_edgewise_passes(name: str, model: Model) -> None:
    try_metric(model, PAIRS, get_metric(name), by_gradient=True)


def test_without_a_gradient_a_metric_may_do(model: Model) -> None:
    step = Metric("step", lambda z, b: per_position(z.argmax(-1).float(), b), "")
    try_metric(model, PAIRS, step, by_gradient=False)


def test_a_name_in_a_template_or_a_run_gives_nothing() -> None:
    for name in ("other.py:f", "a/b.py:f", "python:f", "x.py"):
        with pytest.raises(EdgewiseError):
            get_metric(name)
