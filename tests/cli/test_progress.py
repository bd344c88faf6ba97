"""Progress is shown after two seconds, on stderr, and never where a result goes."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from edgewise.cli import progress
from edgewise.cli.progress import ShownProgress
from edgewise.runs.steps import Progress


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


def test_a_log_file_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr("edgewise.cli.progress.time.monotonic", lambda: clock[0])
    with ShownProgress() as shown:
        for done in range(100):
            clock[0] += 1.0
            shown(Progress("scoring prompts", done, 100))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [f"edgewise: scoring prompts {done}/100" for done in (29, 59, 89)]
