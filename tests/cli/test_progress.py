"""Progress is shown after two seconds, on stderr, and never where a result goes."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from edgewise.cli import output
from edgewise.cli import progress as commands
from edgewise.cli.progress import ShownProgress
from edgewise.runs.steps import Progress
from edgewise.verbs import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_short_work_shows_nothing_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "BAR_AFTER", 3600.0)
    with ShownProgress() as shown:
        shown(Progress("scoring prompts", 1, 2))
    assert terminal.getvalue() == ""


def test_long_work_shows_a_bar_and_takes_it_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "BAR_AFTER", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    with ShownProgress() as shown:
        shown(Progress("scoring prompts", 3, 7))
        for timer in (thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)):
            timer.join()
    assert "scoring prompts" in terminal.getvalue()
    assert "3/7" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_the_bar_moves_while_nothing_is_done_and_knows_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BAR_AFTER", 3600.0)
    view = progress.OnTerminal("starting")
    bar = view._bar

    def shown() -> tuple[str, float | None, float, str]:
        (task,) = bar.tasks
        return task.description, task.total, task.completed, task.fields["count"]

    view.show("loading demo", 0, None)
    assert shown() == ("loading demo", None, 0, "")
    view.show("scoring prompts", 0, 1200)
    assert shown() == ("scoring prompts", None, 0, "0/1,200")
    view.show("scoring prompts", 0, 1200, 0.25)
    assert shown() == ("scoring prompts", 1200, 0.25, "0/1,200")
    view.show("scoring prompts", 32, 1200)
    assert shown() == ("scoring prompts", 1200, 32, "32/1,200")
    view.show("drawing pictures", 0, None)
    assert shown() == ("drawing pictures", None, 0, "")
    view.stop()


def test_a_log_file_gets_one_line_for_a_step_that_lasts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr("edgewise.verbs.progress.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("edgewise.verbs.progress.threading.Thread.start", lambda self: None)
    log = progress.InLog("reading what is there")
    for step, seconds in (("loading demo", 3), ("scoring prompts", 1000), ("drawing pictures", 8)):
        for done in range(seconds):
            log.show(step, done, 1000 if step == "scoring prompts" else None)
            log.say()
            clock[0] += 1.0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["edgewise: scoring prompts 5/1,000", "edgewise: drawing pictures"]


def test_a_terminal_says_that_libraries_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first moment of a command until its verb shows steps; help prints by itself."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "BAR_AFTER", 3600.0)
    with commands.loading(["discover", "--help"]):
        assert commands.clear() is None
    with commands.loading(["discover"]):
        (before,) = commands._LOADING
        with ShownProgress() as shown:
            assert not commands._LOADING
            assert isinstance(shown._view, progress.OnTerminal)
            assert shown._view.began == before.began
    with commands.loading(["show"]):
        assert commands._LOADING
        output.result("a result")
        assert not commands._LOADING
